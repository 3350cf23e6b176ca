"""Overlap of regions as pysot measures it: polygons with corners rounded to pixels, filled row by row, edges included.

A row of a convex polygon is one interval of pixels, so areas and intersections come from interval ends; no pixel is
drawn. Blocks of consecutive frames are computed together. The few polygons that are not convex are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from samn_tracker.shapes.regions import box_to_polygon
from vot_workspace.trajectory import MaskPart, Region

FloatArray = NDArray[np.float64]
BLOCK = 64


def overlaps(first: Sequence[Region], second: Sequence[Region], bounds: tuple[int, int]) -> FloatArray:
    """(n,) overlap of two regions a frame, NaN where one is a special code.

    Args:
        first, second: trajectories; the longer one is cut.
        bounds: the last column and row that count.

    Raises:
        ResultError: a mask; pysot knows boxes and polygons only.
    """
    frames = min(len(first), len(second))
    drawn = [i for i in range(frames) if not (isinstance(first[i], int) or isinstance(second[i], int))]
    result = np.full(frames, np.nan)
    if drawn:
        one, two = (_rounded([_corners(regions[i]) for i in drawn]) for regions in (first, second))
        result[drawn] = np.concatenate(
            [_block(one[i : i + BLOCK], two[i : i + BLOCK], bounds) for i in range(0, len(drawn), BLOCK)]
        )
    return result


def _corners(region: Region) -> FloatArray:
    if isinstance(region, MaskPart):
        raise ResultError("pysot's computation knows no masks; run with polygons (env_SAMN_REPLY = polygon)")
    assert not isinstance(region, int)
    return box_to_polygon(region) if region.shape == (4,) else region


def _rounded(polygons: Sequence[FloatArray]) -> FloatArray:
    """(n, corners, 2) whole-number corners, halves away from zero; short polygons repeat their last corner."""
    count = max(len(polygon) for polygon in polygons)
    same = [np.concatenate([p, np.repeat(p[-1:], count - len(p), axis=0)]) for p in polygons]
    values = np.asarray(same, dtype=np.float32).astype(np.float64)
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


def _block(first: FloatArray, second: FloatArray, bounds: tuple[int, int]) -> FloatArray:
    last_row = bounds[1]
    both = np.concatenate([first, second], axis=1)
    top = np.clip(both[..., 1].min(axis=1), 0, last_row)
    bottom = np.clip(both[..., 1].max(axis=1), 0, last_row)
    rows = top[:, None] + np.arange(int((bottom - top).max()) + 1)
    inside = rows <= bottom[:, None]
    one, two = (_intervals(polygons, rows, inside, bounds[0]) for polygons in (first, second))
    shared = _count(np.maximum(one[0], two[0]), np.minimum(one[1], two[1]))
    union = _count(*one) + _count(*two) - shared
    result = np.divide(shared, union, out=np.zeros(len(first)), where=union > 0)
    flat = (_visible_extent(first, bounds) <= 0) | (_visible_extent(second, bounds) <= 0)
    result[flat] = 0
    for index in np.flatnonzero(~flat & ~(_convex(first) & _convex(second))):
        result[index] = _drawn_overlap(first[index], second[index], bounds)
    return result


def _visible_extent(polygons: FloatArray, bounds: tuple[int, int]) -> FloatArray:
    """Area of each polygon's upright bounds inside the image, without the last column and row; none is no overlap."""
    sides = np.minimum(polygons.max(axis=1), bounds) - np.maximum(polygons.min(axis=1), 0)
    return np.where((sides > 0).all(axis=1), sides.prod(axis=1), 0)


def _intervals(
    polygons: FloatArray, rows: FloatArray, inside: NDArray[np.bool_], last_column: int
) -> tuple[FloatArray, FloatArray]:
    """(n, rows) first and last column of each polygon in each row; first > last where there is none."""
    left, right = np.full(rows.shape, np.inf), np.full(rows.shape, -np.inf)
    for start, end in zip(np.moveaxis(polygons, 1, 0), np.moveaxis(np.roll(polygons, 1, axis=1), 1, 0), strict=True):
        crossing = _crossing(start, end, rows)
        left = np.fmin(left, crossing)
        right = np.fmax(right, crossing)
    empty = ~inside | ~(left < right)
    left, right = np.maximum(left, 0), np.minimum(right, last_column)
    left[empty], right[empty] = 1, 0
    return left, right


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


def _drawn_overlap(first: FloatArray, second: FloatArray, bounds: tuple[int, int]) -> float:
    one, two = _draw(first, bounds), _draw(second, bounds)
    union = np.count_nonzero(one | two)
    return np.count_nonzero(one & two) / union if union else 0.0


def _draw(polygon: FloatArray, bounds: tuple[int, int]) -> NDArray[np.bool_]:
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
