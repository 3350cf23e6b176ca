"""Accuracy on the development sequences: J and box IoU from the first frame's ground truth, as one table.

    python -m samn_tracker.bench.accuracy --data ../shared/data/sequences --tracker samn-lite --tracker opencv-mil
    python -m samn_tracker.bench.accuracy --data ../shared/data/sequences --ablation

The folder holds `davis16/<name>/{img,mask}` (mask start), `vot2018/<name>/color` with polygons in groundtruth.txt
(polygon start) and `box/<name>/img` with groundtruth_rect.txt (box start). A tracker without masks starts on the mask's
box and has no J. The first frame is not scored. These sequences are for development: they say nothing of a benchmark.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, SamnError
from samn_tracker.images import read_image
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.settings import add_settings, key_values
from samn_tracker.shapes.regions import box_iou, mask_iou, mask_to_box, polygon_to_box

# The ablations of the paper's Table 8 and Fig. 7 and 8, and which setting each of them changes.
ABLATIONS: dict[str, dict[str, str]] = {
    "full": {},
    "no last frame": {"appearance.last_frame": "false"},
    "interval 0 (first frame and last)": {"appearance.interval": "0"},
    "interval 1": {"appearance.interval": "1"},
    "interval 10": {"appearance.interval": "10"},
    "interval 20": {"appearance.interval": "20"},
    "no sample filtering": {"appearance.sample_filtering": "false"},
    "no spatial memory": {"spatial.enabled": "false"},
    "DMM cosine": {"dynamic.weighting": "cosine"},
    "DMM linear": {"dynamic.weighting": "linear"},
    "DMM none": {"dynamic.weighting": "none"},
    "own localisation pass": {"spatial.localisation_pass": "own"},
}


@dataclass(frozen=True)
class DevelopmentSequence:
    """Frames and truth of one sequence; exactly one of `masks` and `boxes` is the truth, `first` starts the tracker."""

    name: str
    group: str
    frames: list[Path]
    boxes: NDArray[np.float64]
    masks: list[Path] | None
    first: NDArray[Any] | None = None


@dataclass(frozen=True)
class Score:
    """One tracker on one sequence. `jaccard` is None without masks; `lost` counts frames without any overlap."""

    name: str
    group: str
    frames: int
    jaccard: float | None
    box_iou: float
    lost: int
    frames_per_second: float


def read_sequences(root: Path) -> list[DevelopmentSequence]:
    """Every sequence below `root`.

    Raises:
        DatasetError: none is there.
    """
    readers: dict[str, Callable[[Path], DevelopmentSequence]] = {
        "davis16": _read_davis,
        "vot2018": _read_vot,
        "box": _read_boxes,
    }
    found = [
        read(folder)
        for group, read in readers.items()
        if (root / group).is_dir()
        for folder in sorted((root / group).iterdir())
    ]
    if not found:
        raise DatasetError(f"{root} has none of the folders {', '.join(readers)}; see the module's help")
    return found


def _read_davis(folder: Path) -> DevelopmentSequence:
    masks = sorted((folder / "mask").iterdir())
    boxes = [_box_or_nan(read_mask(path)) for path in masks]
    return DevelopmentSequence(folder.name, "mask start", sorted((folder / "img").iterdir()), np.array(boxes), masks)


def _read_vot(folder: Path) -> DevelopmentSequence:
    rows = np.loadtxt(folder / "groundtruth.txt", delimiter=",")
    boxes = np.array([polygon_to_box(row.reshape(-1, 2)) for row in rows])
    frames = sorted((folder / "color").glob("*.jpg"))
    return DevelopmentSequence(folder.name, "box start", frames, boxes, None, rows[0].reshape(-1, 2))


def _read_boxes(folder: Path) -> DevelopmentSequence:
    text = (folder / "groundtruth_rect.txt").read_text(encoding="utf-8").replace(",", " ")
    boxes = np.array([[float(value) for value in line.split()] for line in text.splitlines() if line.strip()])
    frames = sorted((folder / "img").iterdir())[: len(boxes)]
    return DevelopmentSequence(folder.name, "box start", frames, boxes[: len(frames), :4], None, boxes[0, :4])


def first_target(sequence: DevelopmentSequence) -> NDArray[Any]:
    """What the tracker starts on: the given polygon or box, or the first mask."""
    if sequence.first is not None:
        return sequence.first
    assert sequence.masks is not None
    return read_mask(sequence.masks[0])


def read_mask(path: Path) -> NDArray[np.uint8]:
    """(H, W) 0/1 of a mask file.

    Raises:
        DatasetError: the file is no image.
    """
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DatasetError(f"{path} is not a readable mask")
    return (mask > 127).astype(np.uint8)


def _box_or_nan(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    return mask_to_box(mask) if mask.any() else np.full(4, np.nan)


def score_sequence(tracker: TrackerProtocol, sequence: DevelopmentSequence) -> Score:
    """Track `sequence` from its first frame and compare; only the tracker's own time counts for the speed."""
    tracker.initialize(read_image(sequence.frames[0]), first_target(sequence))
    overlaps, jaccards, seconds = [], [], 0.0
    for index, path in enumerate(sequence.frames[1:], start=1):
        image = read_image(path)
        start = time.perf_counter()
        answer = tracker.track(image)
        seconds += time.perf_counter() - start
        if np.isfinite(sequence.boxes[index]).all():
            overlaps.append(float(box_iou(answer.box, sequence.boxes[index])))
        if sequence.masks is not None and answer.mask is not None:
            jaccards.append(mask_iou(answer.mask, read_mask(sequence.masks[index])))
    count = len(sequence.frames) - 1
    jaccard = float(np.mean(jaccards)) if jaccards else None
    lost = sum(overlap == 0 for overlap in overlaps)
    return Score(sequence.name, sequence.group, count, jaccard, float(np.mean(overlaps)), lost, count / seconds)


def summarise(scores: list[Score]) -> dict[str, float | int | None]:
    """Means over sequences: J and box IoU of the mask starts, box IoU of the box starts, lost frames, speed."""
    masked = [one for one in scores if one.group == "mask start"]
    boxed = [one for one in scores if one.group == "box start"]
    jaccards = [one.jaccard for one in masked if one.jaccard is not None]
    return {
        "j_mask_start": _mean(jaccards),
        "box_iou_mask_start": _mean([one.box_iou for one in masked]),
        "box_iou_box_start": _mean([one.box_iou for one in boxed]),
        "lost_frames": sum(one.lost for one in scores),
        "frames_per_second": _mean([one.frames_per_second for one in scores]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --json also write everything to a file."""
    arguments = _parser().parse_args(argv)
    try:
        sequences = read_sequences(arguments.data)
        if arguments.only:
            sequences = [one for one in sequences if one.name in arguments.only]
        runs = _runs(arguments)
        results = {title: _run(title, make, sequences) for title, make in runs.items()}
    except SamnError as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 1
    print(_table(results))
    if arguments.json:
        content = {
            title: {"mean": summarise(scores), "sequences": [asdict(one) for one in scores]}
            for title, scores in results.items()
        }
        arguments.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m samn_tracker.bench.accuracy", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of development sequences")
    parser.add_argument("--tracker", action="append", default=[], help="repeat for several; default samn-lite")
    parser.add_argument("--device", default="auto")
    add_settings(parser, "a setting, e.g. dynamic.weighting=none")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this sequence; repeat for several"
    )
    parser.add_argument("--ablation", action="store_true", help="the first tracker with every ablation of the paper")
    parser.add_argument("--json", type=Path)
    return parser


def _runs(arguments: argparse.Namespace) -> dict[str, Callable[[], TrackerProtocol]]:
    trackers = arguments.tracker or ["samn-lite"]
    settings = key_values(arguments.set)
    if not arguments.ablation:
        return {spec: partial(create_tracker, spec, arguments.device, settings) for spec in trackers}
    return {
        title: partial(create_tracker, trackers[0], arguments.device, {**settings, **changes})
        for title, changes in ABLATIONS.items()
    }


def _run(title: str, make: Callable[[], TrackerProtocol], sequences: list[DevelopmentSequence]) -> list[Score]:
    tracker = make()
    scores = []
    for sequence in sequences:
        scores.append(score_sequence(tracker, sequence))
        print(f"{title}: {scores[-1]}", file=sys.stderr)
    return scores


def _table(results: dict[str, list[Score]]) -> str:
    lines = [f"{'tracker':<34}{'sequence':<18}{'frames':>7}{'J':>8}{'box IoU':>9}{'lost':>6}{'frames/s':>10}"]
    for title, scores in results.items():
        for one in scores:
            lines.append(_row(title, one.name, one.frames, one.jaccard, one.box_iou, one.lost, one.frames_per_second))
        mean = summarise(scores)
        speed = mean["frames_per_second"]
        lines.append(_row(title, "mean, mask start", 0, mean["j_mask_start"], mean["box_iou_mask_start"], 0, speed))
        lines.append(_row(title, "mean, box start", 0, None, mean["box_iou_box_start"], mean["lost_frames"], speed))
    return "\n".join(lines)


def _row(title: str, name: str, frames: int, jaccard: Any, overlap: Any, lost: Any, speed: Any) -> str:
    def number(value: Any, width: int, digits: int) -> str:
        return f"{'-' if value is None else f'{value:.{digits}f}':>{width}}"

    figures = number(jaccard, 8, 3) + number(overlap, 9, 3) + f"{lost or '':>6}" + number(speed, 10, 1)
    return f"{title:<34}{name:<18}{frames or '':>7}{figures}"


if __name__ == "__main__":
    sys.exit(main())
