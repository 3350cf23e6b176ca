"""One sequence of a data set as it is scored and run: boxes, absence, attributes, and the paths of the images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ope_runner.layouts import Place
from samn_tracker.errors import DatasetError
from samn_tracker.runner.frames import read_frames as list_frames
from samn_tracker.runner.truth import read_boxes, read_lines, read_text


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
        boxes = _thinned(boxes, len(list_frames(place.images)), place)
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
    frames = list_frames(place.images)
    if place.span:
        frames = frames.between(*place.span)
    if not 0 < len(frames) - rows <= place.spare:
        frames.require_one_row_each(rows)
    return frames.paths[:rows]


def _thinned(boxes: NDArray[np.float64], images: int, place: Place) -> NDArray[np.float64]:
    """The rows that belong to the images: every so many of them where there are as many more, without spare ones."""
    if place.every > 1 and round(len(boxes) / images) == place.every:
        boxes = boxes[:: place.every]
    return boxes[:images] if len(boxes) - images <= place.spare else boxes


def _corner_boxes(path: Path) -> NDArray[np.float64]:
    """(N, 4) x, y, w, h from rows of number, left, top, right, bottom and more."""
    boxes = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            left, top, right, bottom = (float(field) for field in line.split()[1:5])
        except ValueError:
            raise DatasetError(f"{path}: line {number} has no left, top, right, bottom: {line[:60]!r}") from None
        boxes.append((left, top, right - left, bottom - top))
    if not boxes:
        raise DatasetError(f"{path}: it has no row")
    return np.array(boxes, dtype=np.float64)


def _flags(path: Path, rows: int) -> NDArray[np.bool_]:
    values = re.split(r"[\s,;]+", read_text(path).strip())
    if len(values) != rows or not set(values) <= {"0", "1"}:
        raise DatasetError(f"{path} has {len(values)} flags for {rows} frames; it must be a 0 or 1 for each")
    return np.array([value == "1" for value in values])


def _attributes(place: Place, columns: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(place.attributes, tuple):
        return place.attributes
    if not columns or not place.attributes.is_file():
        return ()
    values = _numbers(place.attributes)
    if len(values) != len(columns):
        raise DatasetError(f"{place.attributes} has {len(values)} values; the attributes are {', '.join(columns)}")
    return tuple(name for name, value in zip(columns, values, strict=True) if value > 0)


def _numbers(path: Path) -> list[float]:
    """All numbers of a small text file, whatever separates them."""
    text = read_text(path)
    try:
        return [float(field) for field in re.split(r"[\s,;]+", text.strip())]
    except ValueError:
        raise DatasetError(f"{path} must hold numbers only: {text.strip()[:60]!r}") from None
