"""A target given by clicks, and the masks that the picture alone proposes for them (GrabCut, Rother et al. 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from samn_tracker.errors import RegionError
from samn_tracker.shapes.regions import mask_to_box

FloatArray = NDArray[np.float64]
Mask = NDArray[np.uint8]

PATCH = 144
"""Pixels of the side of the patch that is cut; enough for an outline, and a few dozen milliseconds."""
SCALES = (1.6, 1.0, 0.6, 0.35)
"""Sides of the squares that are looked at, largest first, relative to the shorter side of the image."""
_ITERATIONS = 4
_SEED = 0.02
"""Radius of the disk around a click that surely is what the click says, as a share of the patch."""
_GUESS = 0.25
"""Radius of the disk around each positive click that probably is target, as a share of the patch."""
_BORDER = 3
"""Patch pixels along the border that surely are background."""


@dataclass(frozen=True, eq=False)
class Points:
    """Clicks on a target and beside it.

    Attributes:
        positive: (n, 2) float64, n >= 1, x, y in image pixels, on the target.
        negative: (m, 2) float64, beside it.

    Raises:
        RegionError: not pairs of finite numbers, or no positive one.
    """

    positive: FloatArray
    negative: FloatArray = field(default_factory=lambda: np.zeros((0, 2)))

    def __post_init__(self) -> None:
        object.__setattr__(self, "positive", _pairs(self.positive, "positive"))
        object.__setattr__(self, "negative", _pairs(self.negative, "negative"))
        if not len(self.positive):
            raise RegionError("no point is on the target; give at least one positive point, for instance 310,120")

    @property
    def count(self) -> int:
        """How many clicks there are."""
        return len(self.positive) + len(self.negative)

    def check_inside(self, shape: Sequence[int]) -> None:
        """Refuse points outside an image of `shape` (H, W).

        Raises:
            RegionError: names the first of them.
        """
        for x, y in np.concatenate([self.positive, self.negative]):
            if not (0 <= x < shape[1] and 0 <= y < shape[0]):
                raise RegionError(f"the point {x:g},{y:g} lies outside the image of {shape[1]} x {shape[0]} pixels")


def points_from_text(texts: Sequence[str]) -> Points:
    """The points of "x,y", "x,y,+" and "x,y,-".

    Raises:
        RegionError: one of another form, or none is positive.
    """
    sides: dict[str, list[tuple[float, float]]] = {"+": [], "-": []}
    for text in texts:
        parts = [part.strip() for part in text.split(",")]
        sign = parts[2] if len(parts) == 3 else "+"
        try:
            x, y = (float(part) for part in parts[:2])
        except ValueError:
            sign = ""
        if sign not in sides or len(parts) > 3:
            raise RegionError(f"{text!r} is not x,y or x,y,+ (on the target) or x,y,- (beside it)")
        sides[sign].append((x, y))
    return Points(np.array(sides["+"]), np.array(sides["-"]))


def cut_around(image: NDArray[np.uint8], points: Points, side: float) -> Mask:
    """The mask (H, W) that GrabCut finds for the points, in a square of `side` image pixels around the positive ones.

    Only parts with a positive point are kept; all zero where GrabCut finds nothing to cut.
    """
    bounds = _square(points.positive.mean(axis=0), side, image.shape)
    seeds = np.full(_patch_shape(bounds), cv2.GC_PR_BGD, dtype=np.uint8)
    for point in _to_patch(points.positive, bounds, seeds.shape):
        cv2.circle(seeds, point, round(_GUESS * max(seeds.shape)), cv2.GC_PR_FGD, -1)
    _border(seeds, bounds, image.shape)
    cut = _grab_cut(image, points.positive, points.negative, bounds, seeds)
    return with_points(_to_image(cut, bounds, image.shape), points.positive)


def cut_out(image: NDArray[np.uint8], points: Points) -> Mask:
    """The mask (H, W) that the picture alone proposes for the points: the first of `SCALES` at which one stands out.

    Raises:
        RegionError: a point lies outside, or nothing stands out.
    """
    points.check_inside(image.shape)
    for scale in SCALES:
        mask = cut_around(image, points, scale * min(image.shape[:2]))
        if mask.any():
            return mask
    raise RegionError(
        "nothing stands out around the point; put it on a part with a colour of its own, add points, or draw a box"
    )


def adjust(image: NDArray[np.uint8], mask: Mask, positive: FloatArray, negative: FloatArray) -> Mask:
    """The mask (H, W), changed by GrabCut around the points (n, 2) that it contradicts, and nowhere else.

    The part that changes at a point is the connected one, of those that GrabCut would change, that holds the point.
    """
    missing = positive[[not _at(mask, point) for point in positive]]
    wrong = negative[[_at(mask, point) for point in negative]]
    if not len(missing) and not len(wrong):
        return mask
    box = mask_to_box(mask)
    corners = np.concatenate([[box[:2], box[:2] + box[2:]], positive, negative])
    low, high = corners.min(axis=0), corners.max(axis=0)
    bounds = _square((low + high) / 2, 1.4 * float((high - low).max()), image.shape)
    seeds = np.where(_to_small(mask, bounds), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    _border(seeds, bounds, image.shape)
    cut = _to_image(_grab_cut(image, positive, negative, bounds, seeds), bounds, image.shape)
    added = with_points((cut > mask).astype(np.uint8), missing)
    removed = with_points((cut < mask).astype(np.uint8), wrong)
    return ((mask > 0) & (removed == 0) | (added > 0)).astype(np.uint8)


def with_points(mask: Mask, points: FloatArray) -> Mask:
    """The connected parts (8 neighbours) of the mask that hold one of the points (n, 2)."""
    _, labels = cv2.connectedComponents(np.ascontiguousarray(mask), connectivity=8)
    held = {int(labels[_pixel(point, mask.shape)]) for point in points} - {0}
    return np.isin(labels, list(held)).astype(np.uint8)


def _at(mask: Mask, point: FloatArray) -> bool:
    return bool(mask[_pixel(point, mask.shape)])


def _pixel(point: FloatArray, shape: Sequence[int]) -> tuple[int, int]:
    """Row and column of the pixel that holds the point (2,), the nearest one of the image."""
    return int(np.clip(point[1], 0, shape[0] - 1)), int(np.clip(point[0], 0, shape[1] - 1))


def _pairs(values: ArrayLike, name: str) -> FloatArray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise RegionError(f"the {name} points are not pairs of numbers; give them as (n, 2): x, y") from None
    array = array.reshape(-1, 2) if array.size == 0 or array.shape == (2,) else array
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise RegionError(f"the {name} points have shape {array.shape}; give finite numbers (n, 2): x, y")
    return array


def _square(centre: FloatArray, side: float, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part inside the image of a square; at least two pixels a side."""
    side = max(side, 2.0)
    left, top = (int(np.clip(value - side / 2, 0, size - 2)) for value, size in zip(centre, shape[1::-1], strict=True))
    right = int(np.clip(np.ceil(centre[0] + side / 2), left + 2, shape[1]))
    bottom = int(np.clip(np.ceil(centre[1] + side / 2), top + 2, shape[0]))
    return left, top, right, bottom


def _patch_shape(bounds: tuple[int, int, int, int]) -> tuple[int, int]:
    """(rows, columns) of the patch for these bounds, its longer side `PATCH` pixels."""
    left, top, right, bottom = bounds
    scale = PATCH / max(right - left, bottom - top)
    return max(4, round(scale * (bottom - top))), max(4, round(scale * (right - left)))


def _to_patch(points: FloatArray, bounds: tuple[int, int, int, int], shape: Sequence[int]) -> list[tuple[int, int]]:
    left, top, right, bottom = bounds
    scale = np.array([shape[1] / (right - left), shape[0] / (bottom - top)])
    return [(int(x), int(y)) for x, y in (points - (left, top)) * scale]


def _border(seeds: Mask, bounds: tuple[int, int, int, int], shape: Sequence[int]) -> None:
    """The border of the patch is background, but not where the image itself ends: a target may reach out there."""
    left, top, right, bottom = bounds
    seeds[: _BORDER * (top > 0)] = cv2.GC_BGD
    seeds[:, : _BORDER * (left > 0)] = cv2.GC_BGD
    seeds[seeds.shape[0] - _BORDER * (bottom < shape[0]) :] = cv2.GC_BGD
    seeds[:, seeds.shape[1] - _BORDER * (right < shape[1]) :] = cv2.GC_BGD


def _to_small(mask: Mask, bounds: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    left, top, right, bottom = bounds
    rows, columns = _patch_shape(bounds)
    small = cv2.resize(mask[top:bottom, left:right] * np.float32(1), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0.5)


def _to_image(cut: Mask, bounds: tuple[int, int, int, int], shape: Sequence[int]) -> Mask:
    left, top, right, bottom = bounds
    result = np.zeros(tuple(shape[:2]), dtype=np.uint8)
    large = cv2.resize(cut * np.float32(1), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    result[top:bottom, left:right] = large > 0.5
    return result


def _grab_cut(
    image: NDArray[np.uint8], positive: FloatArray, negative: FloatArray, bounds: tuple[int, int, int, int], seeds: Mask
) -> Mask:
    """GrabCut of the patch from its seeds and the points; 0 and 1, in patch pixels."""
    left, top, right, bottom = bounds
    patch = cv2.resize(image[top:bottom, left:right], seeds.shape[::-1], interpolation=cv2.INTER_AREA)
    radius = max(1, round(_SEED * max(seeds.shape)))
    for kind, side in ((cv2.GC_FGD, positive), (cv2.GC_BGD, negative)):
        for point in _to_patch(side, bounds, seeds.shape):
            cv2.circle(seeds, point, radius, kind, -1)
    sure = (seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)
    if sure.all() or not sure.any():
        return sure.astype(np.uint8)
    cv2.setRNGSeed(0)  # its colour models begin at random centres
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(patch), seeds, None, *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return ((seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)).astype(np.uint8)
