"""Rotated box of a mask: the fit of D3S and SAMN (method notes, section 6).

The box maximises |mask ∩ box| / (alpha · |box without mask| + |mask|): a thin limb may stay outside, if the empty area
around it costs more than the limb is worth.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError

Bounds = tuple[int, int, int, int]


OUTSIDE_WEIGHT = 0.25
"""Alpha: the cost of a pixel of the box that is not of the mask."""
MASK_KEPT = 0.9
"""Least share of the mask that the box holds."""
AREA_RANGE = (0.1, 2.5)
"""Area of the box relative to the rectangle of least area; a box outside is rejected."""


def fit_rotated_box(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(4, 2) float64 corners, clockwise on the screen, of the rotated box of all non-zero pixels of an (H, W) mask.

    The first rectangle is the one of minimum area around the pixels. The fit turns the mask upright by the angle of the
    ellipse through its outline, and by that of the first rectangle (an ellipse says nothing of a square's direction),
    and moves the sides there; the better of both is the answer, or the first rectangle where the areas differ too much.

    Raises:
        RegionError: the mask is empty.
    """
    mask = np.ascontiguousarray(mask != 0).view(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        raise RegionError("an empty mask has no rotated box; check mask.any() before")
    crop = mask[y : y + height, x : x + width]
    contours, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = np.concatenate(contours).reshape(-1, 2)
    first = _minimum_area_rectangle(outline)
    (_, (first_width, first_height), first_angle) = first
    angles = dict.fromkeys([_ellipse_angle(outline, default=_folded(first_angle)), _folded(first_angle)])
    score, polygon = max((_fit_upright(crop, angle) for angle in angles), key=lambda fit: fit[0])
    low, high = AREA_RANGE
    area = math.dist(polygon[0], polygon[1]) * math.dist(polygon[1], polygon[2])
    if score == 0 or not low <= area / (first_width * first_height) <= high:
        polygon = cv2.boxPoints(first).astype(np.float64)
    return polygon + np.array([x, y])


def _minimum_area_rectangle(outline: NDArray[np.int32]) -> cv2.typing.RotatedRect:
    """OpenCV's (centre, size, degrees) of the smallest rectangle around the pixels' squares, not just their centres."""
    hull = cv2.convexHull(outline)  # its points are few, each of which has four corners
    corners = (hull + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])).reshape(-1, 2)
    return cv2.minAreaRect(cv2.convexHull(corners.astype(np.float32)))


def _ellipse_angle(outline: NDArray[np.int32], default: float) -> float:
    """Degrees of the ellipse through the outline; `default` where an ellipse is not determined.

    OpenCV moves the points at random where they do not determine one, and answers another one each time.
    """
    if len(outline) < 5:
        return default
    ellipse, again = (cv2.fitEllipse(outline) for _ in range(2))
    return _folded(ellipse[2]) if ellipse == again and math.isfinite(ellipse[2]) else default


def _folded(degrees: float) -> float:
    """The equivalent direction of a box's sides in [-45, 45)."""
    return (degrees + 45) % 90 - 45


def _fit_upright(crop: NDArray[np.uint8], degrees: float) -> tuple[float, NDArray[np.float64]]:
    """Score and (4, 2) corners in `crop` of the best box whose sides point along `degrees`.

    The mask is turned by nearest pixels, exactly at 0 and 90 degrees; the score is 0 if no pixel of it is left.
    """
    height, width = crop.shape
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    turned = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn.T
    shift = -np.floor(turned.min(axis=0))
    size = np.ceil(turned.max(axis=0) + shift).astype(int)
    matrix = np.column_stack([turn, turn @ (0.5, 0.5) + shift - 0.5])
    upright = cv2.warpAffine(crop, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_NEAREST)
    x, y, width, height = cv2.boundingRect(upright)
    if width == 0:
        return 0.0, turned
    score, (left, top, right, bottom) = _move_sides(cv2.integral(upright), (x, y, x + width, y + height))
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
    return score, (corners - shift) @ turn


def _move_sides(integral: NDArray[np.int32], bounds: Bounds) -> tuple[float, Bounds]:
    """Move one side by one pixel, the one that gains most, while the score grows; score and bounds at the end."""
    pixels = int(integral[-1, -1])
    height, width = integral.shape[0] - 1, integral.shape[1] - 1

    def score(box: Bounds) -> float:
        left, top, right, bottom = box
        item = integral.item
        inside = item(bottom, right) - item(top, right) - item(bottom, left) + item(top, left)
        if inside < MASK_KEPT * pixels:
            return 0.0
        outside = (right - left) * (bottom - top) - inside
        return inside / (OUTSIDE_WEIGHT * outside + pixels)

    best = score(bounds)
    while True:
        moves = [move for move in _neighbours(bounds) if _is_box(move, width, height)]
        gain, move = max(((score(move), move) for move in moves), default=(0.0, bounds))
        if gain <= best:
            return best, bounds
        best, bounds = gain, move


def _neighbours(box: Bounds) -> list[Bounds]:
    left, top, right, bottom = box
    return [
        (left + 1, top, right, bottom),
        (left, top + 1, right, bottom),
        (left, top, right - 1, bottom),
        (left, top, right, bottom - 1),
        (left - 1, top, right, bottom),
        (left, top - 1, right, bottom),
        (left, top, right + 1, bottom),
        (left, top, right, bottom + 1),
    ]


def _is_box(box: Bounds, width: int, height: int) -> bool:
    return 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
