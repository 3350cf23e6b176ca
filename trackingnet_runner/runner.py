"""TrackingNet (Müller et al., ECCV 2018): its folders, result files, rules and scores.

DATA/{TEST,TRAIN_0..TRAIN_11}/frames/<sequence>/0.jpg, 1.jpg, ... 10.jpg (numbers, not names), anno/<sequence>.txt
RESULTS/<sequence>.txt   x,y,w,h, two decimals, a row per frame, the first one as given; nothing else
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from samn_tracker.errors import DatasetError
from samn_tracker.runner.benchmark import BoxBenchmark
from samn_tracker.runner.box_text import read_rows
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import folders, listed, read_frames, visible
from samn_tracker.runner.layout import first_existing
from samn_tracker.runner.metrics import trackingnet as metrics
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from samn_tracker.runner.truth import decode_text, first_box, read_boxes


class TrackingNet(BoxBenchmark):
    """TrackingNet as a benchmark of the shared layer."""

    name, title, decimals = "trackingnet", "TrackingNet", 2
    splits = ("TEST", *(f"TRAIN_{number}" for number in range(12)))
    official: ClassVar[Mapping[str, int]] = {"TEST": 511}

    def box_file(self, name: str) -> str:
        return f"{name}.txt"

    def names(self, data: Path, split: str) -> list[str]:
        names = [path.stem for path in visible((data / split / "anno").glob("*.txt"))]
        if not names:
            raise DatasetError(f"no {data / split / 'anno'}/<sequence>.txt; check --data and --split")
        return names

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        names = self.names(data, split)
        shown = {path.name for path in folders(data / split / "frames")}
        if unknown := sorted(shown - set(names)):
            raise DatasetError(f"frames without annotation in {data / split}: {listed(unknown)}")
        return collect(names, lambda name: _read_sequence(data / split, name, full=split != "TEST"))

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """Success, precision, normalised precision and coverage in percent, as the evaluation server computes them.

        A missing file or row counts as a failure, by the server's rules, and is named in the notes.
        """
        folder = first_existing([truth / split / "anno", truth / "anno", truth], "ground truth")
        curves: dict[str, metrics.SequenceCurves] = {}
        notes = []
        for path in visible(folder.glob("*.txt")):
            boxes = read_boxes(path)
            answer = results / path.name
            rows = read_rows(decode_text(answer.read_bytes()))[0] if answer.is_file() else None
            curves[path.stem] = metrics.sequence_curves(boxes, rows)
            if rows is None:
                notes.append(f"{path.name} is missing and counts as boxes of zeros")
            elif len(rows) != len(boxes):
                notes.append(f"{path.name} has {len(rows)} rows for {len(boxes)} frames")
        _refuse_first_boxes_only(curves, folder)
        mean = metrics.mean_curves(list(curves.values()))
        axes = {
            "success": metrics.OVERLAPS,
            "precision": metrics.DISTANCES,
            "normalized_precision": metrics.NORMALISED_DISTANCES,
        }
        return ScoreTable(
            self.name,
            split,
            metrics.summarise(list(curves.values())),
            {name: one.scores() for name, one in curves.items()},
            {name: {"x": axis.tolist(), "y": mean[name].tolist()} for name, axis in axes.items()},
            (*notes, *self.partial_notes(len(curves), split)),
            overlaps={name: one.overlaps for name, one in curves.items()},
        )


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(TrackingNet(), argv, "samn trackingnet")


def _read_sequence(folder: Path, name: str, full: bool) -> Sequence:
    boxes = read_boxes(folder / "anno" / f"{name}.txt")
    frames = read_frames(folder / "frames" / name)
    if full:
        frames.require_one_row_each(len(boxes))
    else:
        frames.require_no_gap()
    return Sequence(name, frames.paths, first_box(name, boxes))


def _refuse_first_boxes_only(curves: dict[str, metrics.SequenceCurves], folder: Path) -> None:
    if not curves:
        raise DatasetError(f"no <sequence>.txt in {folder}; check --truth and --split")
    if all(len(one.covered) == 1 for one in curves.values()):
        raise DatasetError(f"{folder} has first boxes only: this split is scored by the server alone")
