"""What a tracker answered on a case, as a file: one line of text a frame, masks as run lengths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError, ResultError
from samn_tracker.files import write_atomic
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.regress.cases import Case
from samn_tracker.shapes.regions import rle_decode, rle_encode

FORMAT = "samn-regression-1"
_BOX_DECIMALS = 3
_CONFIDENCE_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Record:
    """A trajectory, rounded as it is stored, so that equal files mean equal records.

    Attributes:
        shape: (H, W) of the frames.
        boxes: (N, 4), polygons: (N, 4, 2) or None for a tracker without them.
        confidences: (N,), found: (N,) bool.
        masks: (H, W) by frame index, for every `mask_step`-th frame; empty for a tracker without masks.
    """

    shape: tuple[int, int]
    boxes: NDArray[np.float64]
    polygons: NDArray[np.float64] | None
    confidences: NDArray[np.float64]
    found: NDArray[np.bool_]
    masks: dict[int, NDArray[np.uint8]]

    def __len__(self) -> int:
        return len(self.boxes)

    def first(self, count: int) -> Record:
        """The record of the first `count` frames alone."""
        return Record(
            shape=self.shape,
            boxes=self.boxes[:count],
            polygons=None if self.polygons is None else self.polygons[:count],
            confidences=self.confidences[:count],
            found=self.found[:count],
            masks={index: mask for index, mask in self.masks.items() if index < count},
        )


def run_case(tracker: TrackerProtocol, case: Case) -> Record:
    """Track the case from its first frame."""
    image = case.image(0)
    answers = [tracker.initialize(image, case.first)]
    answers += [tracker.track(case.image(index)) for index in range(1, case.length)]
    return _record(answers, (image.shape[0], image.shape[1]), case.mask_step)


def _record(answers: list[Prediction], shape: tuple[int, int], mask_step: int) -> Record:
    polygons = [answer.polygon for answer in answers if answer.polygon is not None]
    kept = range(0, len(answers), mask_step)
    return Record(
        shape=shape,
        boxes=np.round([answer.box for answer in answers], _BOX_DECIMALS),
        polygons=np.round(polygons, _BOX_DECIMALS) if len(polygons) == len(answers) else None,
        confidences=np.round([answer.confidence for answer in answers], _CONFIDENCE_DECIMALS),
        found=np.array([answer.found for answer in answers]),
        masks={index: mask for index in kept if (mask := answers[index].mask) is not None},
    )


def save_record(path: Path, record: Record, scores: dict[str, float]) -> None:
    """Write the record and its scores, whole or not at all."""
    content = {
        "format": FORMAT,
        "shape": list(record.shape),
        "scores": scores,
        "boxes": [_line(box) for box in record.boxes],
        "polygons": None if record.polygons is None else [_line(polygon.ravel()) for polygon in record.polygons],
        "confidences": _line(record.confidences),
        "found": "".join("1" if one else "0" for one in record.found),
        "masks": {str(index): _line(rle_encode(mask)) for index, mask in record.masks.items()},
    }
    write_atomic(path, json.dumps(content, indent=1) + "\n")


def read_record(path: Path) -> tuple[Record, dict[str, float]]:
    """The record and the scores of a file that `save_record` wrote.

    Raises:
        ResultError: missing, damaged, or of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT!r}")
        return _parse(content), {str(key): float(value) for key, value in content["scores"].items()}
    except FileNotFoundError:
        raise ResultError(f"no cached result {path}; make it with `samn regress --update --reason TEXT`") from None
    except (
        OSError,
        ValueError,
        OverflowError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        RegionError,
    ) as error:
        raise ResultError(f"{path} is damaged ({error}); restore it from version control") from None


def _parse(content: dict[str, Any]) -> Record:
    height, width = (int(value) for value in content["shape"])
    boxes = np.array([_numbers(line) for line in content["boxes"]]).reshape(-1, 4)
    polygons = content["polygons"]
    record = Record(
        shape=(height, width),
        boxes=boxes,
        polygons=None if polygons is None else np.array([_numbers(line) for line in polygons]).reshape(-1, 4, 2),
        confidences=np.array(_numbers(content["confidences"])),
        found=np.array([mark == "1" for mark in content["found"]]),
        masks={
            int(index): rle_decode([int(run) for run in runs.split(",")], (height, width))
            for index, runs in content["masks"].items()
        },
    )
    lengths = {len(boxes), len(record.confidences), len(record.found)}
    if len(lengths) != 1 or (record.polygons is not None and len(record.polygons) != len(boxes)):
        raise ValueError("its columns have different lengths")
    return record


def _line(values: NDArray[Any]) -> str:
    """Numbers as short as they can be without loss, with commas; whole numbers without a point."""
    return ",".join(f"{value:.12g}" for value in values.tolist())


def _numbers(line: str) -> list[float]:
    return [float(value) for value in line.split(",")]
