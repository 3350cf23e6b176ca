"""One-pass evaluation on any data set in the layout of OTB: OTB, UAV123, DTB70 and your own videos.

    DATA/<sequence>/img/*.jpg, DATA/<sequence>/groundtruth_rect.txt   a box per image
                               DATA/<sequence>/groundtruth_rect.2.txt of the second target: sequence <sequence>-2
    RESULTS/<sequence>.txt                                            x,y,w,h, four decimals, a row per image

`python -m samn_tracker.runner.ope run|pack|lint|score|show`. The split says how the data set counts pixels: from 1
as OTB does, or from 0; results are written likewise. Scoring compares as it is: both sides are in one convention.
"""

from __future__ import annotations

import sys
from pathlib import Path

from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.runner.benchmark import BoxBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import read_frames, visible
from samn_tracker.runner.layout import raise_all, read_results
from samn_tracker.runner.metrics import ope as metrics
from samn_tracker.runner.onepass import DECIMALS
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from samn_tracker.runner.truth import first_box, read_boxes, rect_files


class OnePass(BoxBenchmark):
    """A data set in OTB's layout as a benchmark of the shared layer."""

    name, title, splits, decimals = "ope", "One-pass evaluation", ("one-based", "zero-based"), DECIMALS

    def box_file(self, name: str) -> str:
        return f"{name}.txt"

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        files = rect_files(data)
        if not files:
            raise DatasetError(f"no <sequence>/groundtruth_rect.txt in {data}; check --data")
        return collect(files, lambda name: _read_sequence(name, files[name], one_based=split == "one-based"))

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """Success (area under curve), precision at 20 pixels and normalised precision, as fractions, over sequences."""
        curves: dict[str, metrics.SequenceCurves] = {}
        faults = []
        for name, path in _truth_files(truth).items():
            boxes = read_boxes(path)
            try:
                answers = read_results(results / self.box_file(name), len(boxes))
                curves[name] = metrics.sequence_curves(boxes, answers, one_based=split == "one-based")
            except ResultError as error:
                faults.append(str(error))
        raise_all(faults, results)
        mean = metrics.mean_curves(list(curves.values()))
        plots = {
            "success": {"x": metrics.OVERLAPS.tolist(), "y": mean.success.tolist()},
            "precision": {"x": metrics.DISTANCES.tolist(), "y": mean.precision.tolist()},
            "normalized_precision": {
                "x": metrics.NORMALISED_DISTANCES.tolist(),
                "y": mean.normalized_precision.tolist(),
            },
        }
        rows = {name: metrics.scores(one) for name, one in curves.items()}
        return ScoreTable(self.name, split, metrics.scores(mean), rows, plots)


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(OnePass(), argv, "samn_tracker.runner.ope")


def _read_sequence(name: str, truth: Path, one_based: bool) -> Sequence:
    boxes = read_boxes(truth)
    frames = read_frames(truth.parent / "img")
    frames.require_one_row_each(len(boxes))
    x, y, width, height = first_box(name, boxes)
    return Sequence(name, frames.paths, (x - one_based, y - one_based, width, height), one_based=one_based)


def _truth_files(truth: Path) -> dict[str, Path]:
    """Ground truth by sequence name: as `rect_files`, or <sequence>.txt in one folder."""
    found = rect_files(truth) or {path.stem: path for path in visible(truth.glob("*.txt"))}
    if not found:
        raise DatasetError(f"no <sequence>/groundtruth_rect.txt and no <sequence>.txt in {truth}; check --truth")
    return found


if __name__ == "__main__":
    sys.exit(main())
