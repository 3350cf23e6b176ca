"""Overlap of regions as pysot measures it: polygons with corners rounded to pixels, filled row by row, edges included.

A row of a convex polygon is one interval of pixels, so areas and intersections come from interval ends; no pixel is
drawn. Blocks of consecutive frames are computed together, and the ground truth's intervals serve every repetition and
all bounds. The few polygons that are not convex are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from samn_tracker.shapes.regions import box_to_polygon
from vot_workspace.trajectory import MaskPart, Region

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Bounds = tuple[int, int]
BLOCK = 128


def overlaps(first: Sequence[Region], second: Sequence[Region], bounds: Bounds) -> FloatArray:
    """(n,) overlap of two regions a frame, NaN where one is a special code.

    Args:
        first, second: trajectories; the longer one is cut.
        bounds: the last column and row that count.

    Raises:
        ResultError: a mask; pysot knows boxes and polygons only.
    """
    return overlaps_of_runs([first], second, [bounds])[0, 0]


def overlaps_of_runs(runs: Sequence[Sequence[Region]], truth: Sequence[Region], bounds: Sequence[Bounds]) -> FloatArray:
    """(runs, bounds, n) the overlap of each frame of every run with the truth, within each of the `bounds`.

    Args:
        runs: repetitions; n is the shortest length among them and the truth.
        bounds: pairs of the last column and row that count.

    Raises:
        ResultError: a mask; pysot knows boxes and polygons only.
    """
    frames = min(len(truth), *(len(run) for run in runs))
    result = np.full((len(runs), len(bounds), frames), np.nan)
    last_row = max(row for _, row in bounds)
    for begin in range(0, frames, BLOCK):
        block = range(begin, min(begin + BLOCK, frames))
        known = [frame for frame in block if not isinstance(truth[frame], int)]
        if not known:
            continue
        right = _spans(_rounded(corners_of([truth[frame] for frame in known])), last_row)
        for row, run in enumerate(runs):
            drawn = [place for place, frame in enumerate(known) if not isinstance(run[frame], int)]
            if drawn:
                chosen = [known[place] for place in drawn]
                left = _spans(_rounded(corners_of([run[frame] for frame in chosen])), last_row)
                result[row][:, chosen] = _overlaps(left, right.of(drawn), bounds)
    return result


def corners_of(regions: Sequence[Region]) -> FloatArray:
    """(n, corners, 2) corners of boxes and polygons; short polygons repeat their last corner.

    Raises:
        ResultError: a mask; pysot knows boxes and polygons only.
    """
    polygons = [_corners(region) for region in regions]
    count = max(len(polygon) for polygon in polygons)
    return np.array(
        [
            polygon if len(polygon) == count else np.concatenate([polygon, [polygon[-1]] * (count - len(polygon))])
            for polygon in polygons
        ],
        dtype=np.float64,
    )


def _corners(region: Region) -> FloatArray:
    if isinstance(region, MaskPart):
        raise ResultError("pysot's computation knows no masks; run with polygons (env_SAMN_REPLY = polygon)")
    assert not isinstance(region, int)
    return box_to_polygon(region) if region.shape == (4,) else region


def _rounded(corners: FloatArray) -> FloatArray:
    """The corners as whole numbers, halves away from zero, of their 32-bit values."""
    values = corners.astype(np.float32).astype(np.float64)
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


@dataclass(frozen=True)
class _Spans:
    """n polygons (n, corners, 2) and their pixels row by row.

    Attributes:
        top: (n,) image row of the first of their rows.
        left, right: (n, rows) first and last column of each row, from `top` on; left > right where there is none.
    """

    polygons: FloatArray
    top: IntArray
    left: FloatArray
    right: FloatArray

    def of(self, indices: Sequence[int]) -> _Spans:
        """The spans of some of the polygons."""
        if len(indices) == len(self.top):
            return self
        return _Spans(self.polygons[indices], self.top[indices], self.left[indices], self.right[indices])

    def within(self, bounds: Bounds) -> tuple[FloatArray, FloatArray]:
        """First and last columns that lie inside the image, whose last column and row `bounds` are."""
        below = self.top[:, None] + np.arange(self.left.shape[1]) > bounds[1]
        return np.maximum(self.left, 0), np.where(below, -1, np.minimum(self.right, bounds[0]))


def _spans(polygons: FloatArray, last_row: int) -> _Spans:
    top = np.clip(polygons[..., 1].min(axis=1), 0, last_row)
    bottom = np.clip(polygons[..., 1].max(axis=1), 0, last_row)
    rows = top[:, None] + np.arange(int((bottom - top).max()) + 1)
    left, right = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    corners = np.moveaxis(polygons, 1, 0)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossing = _crossing(start, end, rows)
        left = np.fmin(left, crossing)
        right = np.fmax(right, crossing)
    empty = (rows > bottom[:, None]) | ~(left < right)
    left[empty], right[empty] = 1, 0
    return _Spans(polygons, top.astype(np.int64), left, right)


def _overlaps(first: _Spans, second: _Spans, bounds: Sequence[Bounds]) -> FloatArray:
    """(bounds, n) overlap of each pair."""
    rows = np.arange(first.left.shape[1]) + (first.top - second.top)[:, None]
    outside = (rows < 0) | (rows >= second.left.shape[1])
    rows = np.clip(rows, 0, second.left.shape[1] - 1)
    bent = ~(_convex(first.polygons) & _convex(second.polygons))
    result = np.zeros((len(bounds), len(first.top)))
    for row, one in zip(result, bounds, strict=True):
        left, right = first.within(one)
        other_left, other_right = second.within(one)
        shared_right = np.minimum(right, np.take_along_axis(other_right, rows, axis=1))
        shared_right[outside] = -1
        shared = _count(np.maximum(left, np.take_along_axis(other_left, rows, axis=1)), shared_right)
        union = _count(left, right) + _count(other_left, other_right) - shared
        np.divide(shared, union, out=row, where=union > 0)
        flat = (_visible_extent(first.polygons, one) <= 0) | (_visible_extent(second.polygons, one) <= 0)
        row[flat] = 0
        for index in np.flatnonzero(~flat & bent):
            row[index] = _drawn_overlap(first.polygons[index], second.polygons[index], one)
    return result


def _visible_extent(polygons: FloatArray, bounds: Bounds) -> FloatArray:
    """Area of each polygon's upright bounds inside the image, without the last column and row; none is no overlap."""
    sides = np.minimum(polygons.max(axis=1), bounds) - np.maximum(polygons.min(axis=1), 0)
    return np.where((sides > 0).all(axis=1), sides.prod(axis=1), 0)


def _crossing(start: FloatArray, end: FloatArray, rows: FloatArray) -> FloatArray:
    """(n, rows) column where each edge crosses each row, towards zero; NaN where it does not, or is level."""
    (x0, y0), (x1, y1) = start.T[..., None], end.T[..., None]
    height = np.where(y1 == y0, np.nan, y1 - y0)
    share = (rows - y0) / height
    column = np.trunc(x0 + share * (x1 - x0))
    column[~((share >= 0) & (share <= 1))] = np.nan
    return column


def _count(left: FloatArray, right: FloatArray) -> FloatArray:
    """(n,) pixels in all rows."""
    return np.maximum(right - left + 1, 0).sum(axis=1)


def _convex(polygons: FloatArray) -> NDArray[np.bool_]:
    """Whether each polygon turns one way only, and once around."""
    edges = np.roll(polygons, -1, axis=1) - polygons
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    one_way = (turns >= 0).all(axis=1) | (turns <= 0).all(axis=1)
    return one_way & (polygons.shape[1] <= 4)


def _drawn_overlap(first: FloatArray, second: FloatArray, bounds: Bounds) -> float:
    one, two = _draw(first, bounds), _draw(second, bounds)
    union = np.count_nonzero(one | two)
    return np.count_nonzero(one & two) / union if union else 0.0


def _draw(polygon: FloatArray, bounds: Bounds) -> NDArray[np.bool_]:
    """The image of one polygon: pixels between the first and second, third and fourth, ... crossing of each row."""
    image = np.zeros((bounds[1] + 1, bounds[0] + 1), dtype=bool)
    low, high = (int(value) for value in np.clip([polygon[:, 1].min(), polygon[:, 1].max()], 0, bounds[1]))
    rows = np.arange(low, high + 1, dtype=np.float64)[None]
    crossings = [
        _crossing(start[None], end[None], rows)[0]
        for start, end in zip(polygon, np.roll(polygon, 1, axis=0), strict=True)
    ]
    for row, columns in zip(range(low, high + 1), np.sort(np.array(crossings).T), strict=True):
        nodes = [int(column) for column in columns if not np.isnan(column)]
        while len(nodes) > 1:
            if nodes[0] == nodes[1]:
                nodes = nodes[1:]
                continue
            image[row, max(nodes[0], 0) : nodes[1] + 1] = nodes[1] >= 0
            nodes = nodes[2:]
    return image
