"""Polygons: area, the part inside an image, and the pixels they cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Mask = NDArray[np.uint8]


def polygon_area(polygon: FloatArray) -> float:
    """Area of the (n, 2) polygon by the shoelace formula, in square pixels."""
    x, y = np.asarray(polygon, dtype=np.float64).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def valid_polygon(polygon: FloatArray) -> shapely.Geometry:
    """The polygon as a shapely geometry; crossing edges are split into valid parts."""
    geometry = shapely.Polygon(polygon)
    return geometry if geometry.is_valid else shapely.make_valid(geometry)


def visible_part(polygon: FloatArray, image_shape: Sequence[int]) -> shapely.Geometry:
    """The part of the polygon inside an image of shape (H, W[, C])."""
    return valid_polygon(polygon).intersection(shapely.box(0, 0, image_shape[1], image_shape[0]))


def polygon_to_mask(polygon: FloatArray, image_shape: Sequence[int]) -> Mask:
    """(H, W) mask of the pixels whose centre is inside the (n, 2) polygon (even-odd rule).

    A centre exactly on a left or upper edge is inside, on a right or lower one outside: polygons that share an edge
    share no pixel. A polygon that covers no pixel centre still marks the one pixel under the middle of its visible
    part; one outside the image gives an empty mask.
    """
    polygon = np.asarray(polygon, dtype=np.float64)
    mask = np.zeros(image_shape[:2], dtype=np.uint8)
    size = (mask.shape[1], mask.shape[0])
    left, top = (int(value) for value in np.clip(_first_centre(polygon.min(axis=0)), 0, size))
    right, bottom = (int(value) for value in np.clip(_first_centre(polygon.max(axis=0)), 0, size))
    flips = np.zeros((bottom - top, right - left + 1), dtype=np.uint8)
    for start, end in zip(polygon - (left, top), np.roll(polygon, -1, axis=0) - (left, top), strict=True):
        _flip_right_of_edge(flips, start, end)
    mask[top:bottom, left:right] = np.bitwise_xor.accumulate(flips, axis=1)[:, :-1]
    if not mask.any():
        _mark_middle(mask, polygon)
    return mask


def _first_centre(coordinate: FloatArray) -> FloatArray:
    """Index of the first pixel whose centre is at `coordinate` or beyond."""
    return np.ceil(coordinate - 0.5)


def _flip_right_of_edge(flips: Mask, start: FloatArray, end: FloatArray) -> None:
    """In each row whose centre line the edge crosses, flip the first pixel centre right of the edge."""
    (x0, y0), (x1, y1) = (start, end) if start[1] <= end[1] else (end, start)
    first, last = np.clip(_first_centre(np.array([y0, y1])), 0, len(flips)).astype(int)
    if first == last:
        return
    crossings = x0 + (np.arange(first, last) + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
    columns = np.clip(_first_centre(crossings), 0, flips.shape[1] - 1).astype(int)
    flips[np.arange(first, last), columns] ^= 1


def _mark_middle(mask: Mask, polygon: FloatArray) -> None:
    """Mark the pixel under the middle of the polygon's visible part, if there is one."""
    visible = visible_part(polygon, mask.shape)
    if visible.area > 0:
        middle = visible.centroid
        mask[min(int(middle.y), mask.shape[0] - 1), min(int(middle.x), mask.shape[1] - 1)] = 1
