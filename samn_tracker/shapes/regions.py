"""Boxes, polygons and masks: validation of a user's target, conversions, overlaps, run-length codes.

Boxes are (4,) x, y, w, h; polygons (n, 2) corners in drawing order; masks (H, W) uint8 of 0 and 1. Coordinates are
0-based float pixels: the pixel in column c, row r covers [c, c+1) x [r, r+1), so the box of that single pixel is
(c, r, 1, 1). An image shape is (H, W) or (H, W, C). The rotated-box fit is in `box_fit`, the drawing of polygons in
`polygons`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from samn_tracker.errors import RegionError
from samn_tracker.shapes.polygons import polygon_area, polygon_to_mask, valid_polygon, visible_part

TargetKind = Literal["box", "polygon", "mask"]
FloatArray = NDArray[np.float64]
Mask = NDArray[np.uint8]

MOST_CORNERS = 2000
"""Of a polygon; the time that geometry takes grows with their square and more."""

PART_SHARE = 0.1
"""Boxes are drawn around the parts of a mask with at least this share of the main part's pixels: an occluder cuts a
target in two, while specks should not widen a box."""

FARTHEST = 1e9
"""Pixels beyond which no coordinate or size of a target lies; sums and areas of smaller ones are finite."""

LARGEST_MASK = 1 << 28
"""Pixels; a few bytes of run lengths could otherwise ask for all memory."""


def target_kind(target: ArrayLike) -> TargetKind:
    """Which of the three ways of giving a target the shape of `target` is.

    (4,) is a box; (n, 2) or (2n,) with n >= 3 is a polygon; any other 2-D array is a mask.

    Raises:
        RegionError: not numbers, or another shape.
    """
    shape = _as_numbers(target).shape
    if shape == (4,):
        return "box"
    if len(shape) == 1 and shape[0] >= 6 and shape[0] % 2 == 0:
        return "polygon"
    if len(shape) == 2 and shape[1] == 2 and shape[0] >= 3:
        return "polygon"
    if len(shape) == 2:
        return "mask"
    raise RegionError(f"a target of shape {shape} is none of ours; give a box (4,), a polygon (4, 2) or a mask (H, W)")


def as_target(target: ArrayLike, image_shape: Sequence[int]) -> NDArray[Any]:
    """The checked target: (4,) float64 box, (n, 2) float64 polygon, or (H, W) uint8 mask of 0 and 1.

    A target may reach over the image's border, but must show at least a part inside. Any non-zero mask value is target.

    Raises:
        RegionError: not numbers, NaN, infinite or immense, no area, outside the image, an empty mask, or one of another
            size.
    """
    kind = target_kind(target)
    if kind == "mask":
        return _checked_mask(np.asarray(target), image_shape)
    values = np.array(target, dtype=np.float64)
    if not np.isfinite(values).all():
        raise RegionError(f"the {kind} {values.ravel().tolist()} is not finite; every coordinate must be a number")
    if np.abs(values).max() > FARTHEST:
        raise RegionError(f"the {kind} {values.ravel().tolist()} reaches beyond {FARTHEST:g}; give it in image pixels")
    if kind == "box":
        if values[2] <= 0 or values[3] <= 0:
            raise RegionError(f"the box {values.tolist()} has no area; give x, y, width, height with sizes above 0")
        return _checked_overlap(values, box_to_polygon(values), image_shape)
    values = values.reshape(-1, 2)
    if len(values) > MOST_CORNERS:
        raise RegionError(f"the polygon has {len(values)} corners; give at most {MOST_CORNERS}, or a mask")
    if valid_polygon(values).area <= 0:
        raise RegionError(f"the polygon {values.tolist()} has no area; its corners must not lie on one line")
    return _checked_overlap(values, values, image_shape)


def _as_numbers(target: ArrayLike) -> NDArray[Any]:
    try:
        array = np.asarray(target)
    except ValueError as error:
        raise RegionError(f"a target must be a regular array of numbers ({error})") from None
    if array.dtype.kind not in "buif":
        raise RegionError(f"a target must be an array of numbers, got {array.dtype} from {type(target).__name__}")
    return array


def _checked_mask(mask: NDArray[Any], image_shape: Sequence[int]) -> Mask:
    expected = tuple(image_shape[:2])
    if mask.shape != expected:
        raise RegionError(
            f"the mask is {mask.shape}, the image {expected} (rows, columns); give it at the image's size"
        )
    if mask.dtype.kind == "f":
        raise RegionError(f"the mask holds {mask.dtype}; threshold it first, for instance mask > 0.5")
    if not mask.any():
        raise RegionError("the mask is empty; mark at least one pixel of the target with a non-zero value")
    return (mask != 0).astype(np.uint8)


def _checked_overlap(target: FloatArray, polygon: FloatArray, image_shape: Sequence[int]) -> FloatArray:
    if visible_part(polygon, image_shape).area <= 0:
        height, width = image_shape[:2]
        raise RegionError(
            f"the target {target.ravel().tolist()} lies outside the image of {width} x {height} pixels; "
            "coordinates are 0-based pixels, x to the right, y down"
        )
    return target


def box_to_polygon(box: FloatArray) -> FloatArray:
    """(4, 2) corners of the box, clockwise on the screen from the top left."""
    x, y, width, height = (float(value) for value in box)
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def polygon_to_box(polygon: FloatArray) -> FloatArray:
    """The smallest axis-aligned box (4,) around the (n, 2) polygon."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    return np.concatenate([low, high - low])


def polygon_to_box_same_area(polygon: FloatArray) -> FloatArray:
    """The axis-aligned box (4,) with the polygon's area, the mean of its corners as centre, the aspect of its bounds.

    This is how the VOT challenges hand a rotated target to trackers of upright boxes.
    """
    bounds = polygon_to_box(polygon)
    scale = np.sqrt(polygon_area(polygon) / (bounds[2] * bounds[3]))
    size = bounds[2:] * scale
    return np.concatenate([polygon.mean(axis=0) - size / 2, size])


def clip_box(box: FloatArray, image_shape: Sequence[int]) -> FloatArray:
    """The part (4,) of the box inside the image; of size 0, on the border, if it lies outside."""
    limit = np.array([image_shape[1], image_shape[0]], dtype=np.float64)
    low = np.clip(box[:2], 0, limit)
    high = np.clip(box[:2] + box[2:], 0, limit)
    return np.concatenate([low, high - low])


def box_to_mask(box: FloatArray, image_shape: Sequence[int]) -> Mask:
    """(H, W) mask of the box, by the rule of `polygon_to_mask`."""
    return polygon_to_mask(box_to_polygon(box), image_shape)


def region_to_mask(target: NDArray[Any], image_shape: Sequence[int]) -> Mask:
    """The checked target (box, polygon or mask) as a filled (H, W) mask of 0 and 1."""
    kind = target_kind(target)
    if kind == "mask":
        return target
    return polygon_to_mask(target, image_shape) if kind == "polygon" else box_to_mask(target, image_shape)


def mask_to_box(mask: Mask) -> FloatArray:
    """The smallest box (4,) around the non-zero pixels.

    Raises:
        RegionError: the mask is empty.
    """
    x, y, width, height = cv2.boundingRect(_as_uint8(mask))
    if width == 0:
        raise RegionError("an empty mask has no box; check mask.any() before")
    return np.array([x, y, width, height], dtype=np.float64)


def target_as(target: NDArray[Any], kind: TargetKind, image_shape: Sequence[int]) -> NDArray[Any]:
    """A checked target as a box, a polygon or a mask, for trackers that start on one kind only.

    A mask's box is the smallest around it, a polygon's that of its area (`polygon_to_box_same_area`); a polygon made of
    a mask or a box has the box's corners; a mask is the filled outline.
    """
    own = target_kind(target)
    if own == kind:
        return target
    if kind == "mask":
        return polygon_to_mask(target if own == "polygon" else box_to_polygon(target), image_shape)
    box = mask_to_box(target) if own == "mask" else polygon_to_box_same_area(target) if own == "polygon" else target
    return box if kind == "box" else box_to_polygon(box)


def place_mask(part: NDArray[np.uint8], offset: tuple[int, int], image_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The (H, W) mask with `part` at column, row `offset`; what lies outside the image is cut off."""
    mask = np.zeros(image_shape[:2], dtype=np.uint8)
    left, top = offset
    rows, columns = np.nonzero(part)
    inside = (rows >= -top) & (rows < mask.shape[0] - top) & (columns >= -left) & (columns < mask.shape[1] - left)
    mask[rows[inside] + top, columns[inside] + left] = 1
    return mask


def largest_component(mask: Mask, minimum_pixels: int = 1) -> Mask:
    """The largest connected part (8 neighbours) of the mask; all zero if it has fewer than `minimum_pixels` pixels."""
    result = np.zeros(mask.shape, dtype=np.uint8)
    mask = _as_uint8(mask)
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return result
    crop = (slice(y, y + height), slice(x, x + width))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask[crop], connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if areas.max() >= minimum_pixels:
        result[crop] = labels == 1 + areas.argmax()
    return result


def parts_around(mask: Mask, centre: FloatArray, distance: float, large: float = PART_SHARE) -> tuple[Mask, Mask]:
    """The target's large parts and all of its parts, among the connected parts (8 neighbours) of the mask.

    A part is large if it has at least the share `large` of the main part's pixels. The main part has the most pixels,
    weighted by a Gaussian of the distance from `centre` (2,) xy to the part's middle, with `distance` as its standard
    deviation. Parts whose middle lies further than `distance` from the centre, the target's mean side in tracking,
    belong to something else, unless they are the main one. Both results are all zero for an empty mask.
    """
    sizeable, kept = np.zeros_like(mask), np.zeros_like(mask)
    x, y, width, height = cv2.boundingRect(_as_uint8(mask))
    if width == 0:
        return sizeable, kept
    crop = (slice(y, y + height), slice(x, x + width))
    _, labels, statistics, middles = cv2.connectedComponentsWithStats(_as_uint8(mask[crop]), connectivity=8)
    away = np.linalg.norm(middles + np.array([x + 0.5, y + 0.5]) - centre, axis=1) / distance
    pixels = statistics[:, cv2.CC_STAT_AREA]
    main = 1 + int((pixels[1:] * np.exp(-(away[1:] ** 2) / 2)).argmax())
    belongs = away <= 1
    belongs[0], belongs[main] = False, True
    kept[crop], sizeable[crop] = belongs[labels], (belongs & (pixels >= large * pixels[main]))[labels]
    return sizeable, kept


def _as_uint8(mask: NDArray[Any]) -> Mask:
    """The mask in the memory layout that OpenCV reads, non-zero kept non-zero; a copy only where needed."""
    return np.ascontiguousarray(mask if mask.dtype == np.uint8 else mask != 0).view(np.uint8)


def box_iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union of boxes (..., 4) and (..., 4), broadcast; 0 where the union has no area."""
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    intersection = np.prod(np.clip(high - low, 0, None), axis=-1)
    union = np.prod(first[..., 2:], axis=-1) + np.prod(second[..., 2:], axis=-1) - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def polygon_iou(first: FloatArray, second: FloatArray, image_shape: Sequence[int] | None = None) -> float:
    """Intersection over union of two (n, 2) polygons, of their parts inside the image if its shape is given."""
    if image_shape is None:
        one, two = valid_polygon(first), valid_polygon(second)
    else:
        one, two = visible_part(first, image_shape), visible_part(second, image_shape)
    union = one.union(two).area
    return float(one.intersection(two).area / union) if union > 0 else 0.0


def mask_iou(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks of one size; 1 if both are empty (the convention of DAVIS).

    Raises:
        RegionError: the sizes differ.
    """
    if first.shape != second.shape:
        raise RegionError(f"masks of sizes {first.shape} and {second.shape} cannot be compared; use one image size")
    one, two = first != 0, second != 0
    union = np.count_nonzero(one | two)
    return np.count_nonzero(one & two) / union if union else 1.0


def rle_encode(mask: Mask) -> NDArray[np.int64]:
    """Row-major run lengths, zeros and ones in turn, zeros first (so perhaps a first run of 0); VOT's mask code."""
    flat = (np.asarray(mask) != 0).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]]))
    return np.concatenate([[0], runs]) if flat.size and flat[0] else runs


def rle_decode(runs: ArrayLike, shape: tuple[int, int]) -> Mask:
    """The (H, W) mask of the run lengths that `rle_encode` makes.

    Raises:
        RegionError: a run is negative, they do not add up to H * W, or that is more than any image has.
    """
    pixels = shape[0] * shape[1]
    if pixels > LARGEST_MASK:
        raise RegionError(f"a mask of {shape[1]} x {shape[0]} pixels is larger than any image")
    try:
        lengths = np.asarray(runs, dtype=np.int64)
    except OverflowError:
        raise RegionError(f"a run length is larger than any image; they must add up to {pixels}") from None
    if min(shape) < 0 or (lengths < 0).any() or (lengths > pixels).any() or lengths.sum() != pixels:
        raise RegionError(
            f"run lengths (smallest {lengths.min(initial=0)}, sum {lengths.sum()}) do not fill a mask of {shape[1]} x "
            f"{shape[0]} pixels; they must be positive and add up to {pixels}"
        )
    return np.repeat((np.arange(len(lengths)) & 1).astype(np.uint8), lengths).reshape(shape)
