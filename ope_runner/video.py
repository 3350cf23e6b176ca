"""One sequence of a data set as it is scored and run: boxes, absence, attributes, and the paths of the images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ope_runner.layouts import Place
from samn_tracker.errors import DatasetError
from samn_tracker.runner.sequences import image_paths, read_boxes


@dataclass(frozen=True)
class Truth:
    """What a sequence is scored against.

    Attributes:
        boxes: (N, 4) x, y, w, h in the data set's own pixels; NaN or zeros where the target is not annotated.
        absent: (N,) bool, frames that the data set flags as without a visible target.
        attributes: short names, as the data set calls them.
    """

    boxes: NDArray[np.float64]
    absent: NDArray[np.bool_]
    attributes: tuple[str, ...] = ()


def read_truth(place: Place, columns: tuple[str, ...] = ()) -> Truth:
    """The truth of one sequence; `columns` are the names of its attributes, where they are a file.

    Raises:
        DatasetError: a file is missing, malformed, or of another length.
    """
    boxes = _corner_boxes(place.truth) if place.corners else read_boxes(place.truth)
    if place.span and len(boxes) != place.span[1] - place.span[0] + 1:
        raise DatasetError(
            f"{place.truth} has {len(boxes)} rows; the official frames are {place.span[0]} to {place.span[1]}, "
            f"{place.span[1] - place.span[0] + 1} of them"
        )
    if place.spare and place.images and place.images.is_dir():
        boxes = _thinned(boxes, len(image_paths(place.images)), place)
    absent = np.zeros(len(boxes), dtype=bool)
    for path in place.absent:
        if path.is_file():
            absent |= _flags(path, len(boxes))
    return Truth(boxes, absent, _attributes(place, columns))


def read_frames(place: Place, rows: int) -> tuple[Path, ...]:
    """The annotated images, in order.

    Raises:
        DatasetError: there are none, or their number is not that of the rows.
    """
    if place.images is None:
        raise DatasetError(f"{place.truth} has no images beside it; give the root folder of the data set")
    frames = image_paths(place.images, key=_number)
    if place.span:
        first, last = place.span
        frames = tuple(path for path in frames if first <= _number(path) <= last)
    if 0 < len(frames) - rows <= place.spare:
        frames = frames[:rows]
    if len(frames) != rows:
        where = f" numbered {place.span[0]} to {place.span[1]}" if place.span else ""
        raise DatasetError(f"{place.images} has {len(frames)} images{where} and {place.truth.name} {rows} boxes")
    return frames


def _thinned(boxes: NDArray[np.float64], images: int, place: Place) -> NDArray[np.float64]:
    """The rows that belong to the images: every so many of them where there are as many more, without spare ones."""
    if place.every > 1 and round(len(boxes) / images) == place.every:
        boxes = boxes[:: place.every]
    return boxes[:images] if len(boxes) - images <= place.spare else boxes


def _corner_boxes(path: Path) -> NDArray[np.float64]:
    """(N, 4) x, y, w, h from rows of number, left, top, right, bottom and more."""
    if not path.is_file():
        raise DatasetError(f"no ground truth {path}; check --data and --dataset")
    boxes = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            left, top, right, bottom = (float(field) for field in fields[1:5])
        except ValueError:
            raise DatasetError(f"{path}: line {number} has no left, top, right, bottom: {line[:60]!r}") from None
        boxes.append((left, top, right - left, bottom - top))
    if not boxes:
        raise DatasetError(f"{path}: it has no row")
    return np.array(boxes, dtype=np.float64)


def _flags(path: Path, rows: int) -> NDArray[np.bool_]:
    text = path.read_text(encoding="ascii", errors="replace")
    values = re.split(r"[\s,;]+", text.strip())
    if len(values) != rows or not set(values) <= {"0", "1"}:
        raise DatasetError(f"{path} has {len(values)} flags for {rows} frames; it must be a 0 or 1 for each")
    return np.array([value == "1" for value in values])


def _attributes(place: Place, columns: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(place.attributes, tuple):
        return place.attributes
    if not columns or not place.attributes.is_file():
        return ()
    values = read_numbers(place.attributes)
    if len(values) != len(columns):
        raise DatasetError(f"{place.attributes} has {len(values)} values; the attributes are {', '.join(columns)}")
    return tuple(name for name, value in zip(columns, values, strict=True) if value > 0)


def read_numbers(path: Path) -> list[float]:
    """All numbers of a small text file, whatever separates them."""
    text = path.read_text(encoding="ascii", errors="replace")
    try:
        return [float(field) for field in re.split(r"[\s,;]+", text.strip())]
    except ValueError:
        raise DatasetError(f"{path} must hold numbers only: {text.strip()[:60]!r}") from None


def _number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise DatasetError(f"{path} has no number in its name")
    return int(digits[-1])
