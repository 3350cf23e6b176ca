"""Add a benchmark: say where its sequences, results and scores are, and run, resume, lint, pack and score come with it.

    python examples/add_a_benchmark.py run   --data DATA --tracker opencv-mil --output runs/mil
    python examples/add_a_benchmark.py lint  --data DATA --results runs/mil
    python examples/add_a_benchmark.py score --truth DATA --results runs/mil

The layout here is an invented one: DATA/videos/NAME/*.jpg and DATA/boxes/NAME.csv, and results are NAME.csv. Its score
is the share of frames whose overlap is above a half.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from pathlib import Path

import numpy as np

from samn_tracker.errors import DatasetError
from samn_tracker.runner.benchmark import BoxBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import read_frames, visible
from samn_tracker.runner.layout import read_results
from samn_tracker.runner.lint import Fault, ResultSource, box_faults, name_faults
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from samn_tracker.runner.truth import first_box, read_boxes
from samn_tracker.shapes.regions import box_iou


class Halves(BoxBenchmark):
    """The invented benchmark."""

    name, title, splits, decimals = "halves", "Halves", ("all",), 2

    def box_file(self, name: str) -> str:
        """Where the boxes of a sequence are written."""
        return f"{name}.csv"

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        """Every sequence: its images and its first box."""
        return collect([path.stem for path in _truth_files(data)], lambda name: _read(data, name))

    def lint(self, source: ResultSource, data: Path | None, split: str) -> list[Fault]:
        """What is wrong with results; names are known only with the data."""
        if data is None:
            raise DatasetError("give --data, which says what results there must be")
        expected = {self.box_file(one.name): one for one in self.sequences(data, split)}
        found = name_faults(source.names(), expected)
        for name in sorted(expected.keys() & set(source.names())):
            found += box_faults(source, name, self.decimals, len(expected[name]), expected[name].box)
        return found

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """The share of frames, the first left out, with an overlap above 0.5; the mean over sequences."""
        rows: dict[str, dict[str, float | None]] = {}
        for path in _truth_files(truth):
            boxes = read_boxes(path)
            overlaps = box_iou(boxes, read_results(results / self.box_file(path.stem), len(boxes)))
            rows[path.stem] = {"half": float((overlaps[1:] > 0.5).mean())}
        return ScoreTable(self.name, split, {"half": float(np.mean([row["half"] for row in rows.values()]))}, rows)


def main(argv: Several[str] | None = None) -> int:
    """The command line that every benchmark shares."""
    return run_command(Halves(), None if argv is None else list(argv), "add_a_benchmark")


def _truth_files(data: Path) -> list[Path]:
    files = visible((data / "boxes").glob("*.csv"))
    if not files:
        raise DatasetError(f"no boxes/*.csv in {data}")
    return files


def _read(data: Path, name: str) -> Sequence:
    boxes = read_boxes(data / "boxes" / f"{name}.csv")
    frames = read_frames(data / "videos" / name)
    frames.require_one_row_each(len(boxes))
    return Sequence(name, frames.paths, first_box(name, boxes))


if __name__ == "__main__":
    raise SystemExit(main())
