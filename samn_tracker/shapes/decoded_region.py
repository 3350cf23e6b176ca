"""Which part of a patch is decoded, how much is seen for that, and whether the target is all inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

_CELL = 16
_SMALL = 8
"""Maps of up to so many cells a side are seen whole: less would save nothing."""


class CellRegion(NamedTuple):
    """A rectangle of stride-16 cells: rows top to bottom and columns left to right, ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, cells: int, size: tuple[int, int]) -> CellRegion:
        """The region with `cells` more on every side, as far as a map of `size` (h, w) reaches."""
        top, left = max(self.top - cells, 0), max(self.left - cells, 0)
        return CellRegion(top, left, min(self.bottom + cells, size[0]), min(self.right + cells, size[1]))

    def within(self, outer: CellRegion) -> CellRegion:
        """The same region, counted from the corner of `outer`."""
        top, left = outer[:2]
        return CellRegion(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def slices(self, pixels: int) -> tuple[slice, slice]:
        """Rows and columns in a map of `pixels` a cell."""
        return slice(self.top * pixels, self.bottom * pixels), slice(self.left * pixels, self.right * pixels)

    def cut(self, features: Tensor, pixels: int) -> Tensor:
        """The part of (..., H, W) features at `pixels` a cell."""
        return features[(..., *self.slices(pixels))]


def bucket_sides(cells: int) -> tuple[int, ...]:
    """The sides that a seen region may have on a map of `cells` a side: few, as each pair is compiled of its own."""
    return (cells,) if cells <= _SMALL else (-(-5 * cells // 8), cells)


def seen_around(region: CellRegion, halo: int, size: tuple[int, int]) -> CellRegion:
    """What to look at for `region` of a map of `size` (h, w): `halo` cells more on every side, and up to a bucket's."""
    least = region.grown(halo, size)
    top, bottom = _bucketed(least.top, least.bottom, size[0])
    left, right = _bucketed(least.left, least.right, size[1])
    return CellRegion(top, left, bottom, right)


def _bucketed(start: int, stop: int, cells: int) -> tuple[int, int]:
    """The interval widened on both sides to the next bucket's side, inside 0 .. cells."""
    side = min(one for one in bucket_sides(cells) if one >= stop - start)
    start = min(max(start - (side - (stop - start)) // 2, 0), cells - side)
    return start, start + side


def grown_extent(extent: NDArray[np.float64], size: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """(2, 2) corners, top left and bottom right, that the target may reach: all relative to its centre, as x, y.

    They hold the corners `extent` of the last mask and a box of `size` (w, h) around the centre, and reach `margin`
    mean sides of that further.
    """
    further = margin * np.sqrt(size.prod())
    return np.array([np.minimum(extent[0], -size / 2) - further, np.maximum(extent[1], size / 2) + further])


def touched_region(corners_crop: NDArray[np.float64], cells: tuple[int, int]) -> CellRegion:
    """The cells of a (h, w) map that the box with these corners (2, 2), x and y in patch pixels, touches.

    At least one cell, the nearest, where the box lies outside.
    """
    limit = np.array(cells[::-1])
    low = np.clip(np.floor(corners_crop[0] / _CELL), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners_crop[1] / _CELL), low + 1, limit).astype(int)
    return CellRegion(int(low[1]), int(low[0]), int(high[1]), int(high[0]))


def holds_target(mask: NDArray[np.bool_], region: CellRegion) -> bool:
    """Whether the (S, S) mask, found in `region`, is something and stays clear of the region's border.

    The border of the patch itself does not count: beyond it nothing can be decoded.
    """
    rows, columns = region.slices(_CELL)
    found = mask[rows, columns]
    height, width = mask.shape
    cut = (
        (region.top > 0 and found[0].any())
        or (region.left > 0 and found[:, 0].any())
        or (rows.stop < height and found[-1].any())
        or (columns.stop < width and found[:, -1].any())
    )
    return bool(found.any() and not cut)
