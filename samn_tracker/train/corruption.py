"""What a tracker wrongly remembers: masks of later frames made wrong in the ways in which trackers go wrong.

A memory that only ever holds right masks teaches a network to believe every mask. So some of the later memory writes of
a sample are replaced by these.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.train.objects import centre_and_size

Mask = NDArray[np.uint8]
COLOUR_TOLERANCE = (4, 20)
"""Least and largest difference of grey levels between neighbours that a leak crosses."""


def corrupt(
    image: NDArray[np.uint8], mask: Mask, others: Mask, size: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A wrong soft mask (S, S) in 0..1 of a frame.

    Where the target is seen: a leak over ground of one colour at its border, another object joined or taken for it,
    thin parts cut off, a part missing, or all of it too wide. Where it is not: something else is taken for it.

    Args:
        image: (S, S, 3) uint8 RGB.
        mask: (S, S) of 0 and 1, the truth; empty where the target is absent.
        others: (S, S) of 0 and 1, other objects that were drawn.
        size: of the target where it was last seen, in patch pixels.
    """
    if not mask.any():
        wrong = _others_or_blob(image, others, size, rng)
    else:
        kind = rng.choice(5, p=[0.35, 0.2, 0.2, 0.15, 0.1])
        if kind == 0:
            wrong = mask | _leak(image, mask, size, rng)
        elif kind == 1:
            other = _others_or_blob(image, others, size, rng)
            wrong = other if rng.random() < 0.3 else mask | other
        elif kind == 2:
            wrong = _without_thin_parts(mask, size, rng)
        elif kind == 3:
            wrong = _half(mask, rng)
        else:
            reach = 2 * max(1, round(size * rng.uniform(0.03, 0.12))) + 1
            wrong = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))).astype(np.uint8)
    soft = cv2.GaussianBlur(wrong.astype(np.float32), (0, 0), float(rng.uniform(0.5, 2.5)))
    return (soft * rng.uniform(0.6, 1.0)).astype(np.float32)


def _leak(image: NDArray[np.uint8], mask: Mask, size: float, rng: np.random.Generator) -> Mask:
    """Ground of one colour that touches the mask, no further than a target size from the point where it leaves."""
    border = np.argwhere(cv2.dilate(mask, np.ones((7, 7), np.uint8)) - mask)
    if not len(border):
        return np.zeros_like(mask)
    row, column = border[rng.integers(len(border))]
    return _ground(image, (int(column), int(row)), size * rng.uniform(0.3, 1.0), rng)


def _others_or_blob(image: NDArray[np.uint8], others: Mask, size: float, rng: np.random.Generator) -> Mask:
    """One of the other objects, or ground of one colour where there is none."""
    count, labels = cv2.connectedComponents(others)
    if count > 1:
        return (labels == rng.integers(1, count)).astype(np.uint8)
    side = mask_side(others)
    place = rng.uniform(0.2, 0.8, 2) * side
    return _ground(image, (int(place[0]), int(place[1])), size * rng.uniform(0.3, 0.8), rng)


def mask_side(mask: Mask) -> int:
    """Pixels of the patch's side."""
    return int(mask.shape[0])


def _ground(image: NDArray[np.uint8], place: tuple[int, int], reach: float, rng: np.random.Generator) -> Mask:
    """Pixels around `place` (x, y) that are of one colour with it, within `reach` pixels; never fewer than a disc."""
    tolerance = float(rng.uniform(*COLOUR_TOLERANCE))
    flooded = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    cv2.floodFill(cv2.GaussianBlur(image, (0, 0), 2), flooded, place, 0, (tolerance,) * 3, (tolerance,) * 3, flags)
    near, core = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
    cv2.circle(near, place, max(2, round(reach)), 1, -1)
    cv2.circle(core, place, max(1, round(reach / 4)), 1, -1)
    return (flooded[1:-1, 1:-1] & near) | core


def _without_thin_parts(mask: Mask, size: float, rng: np.random.Generator) -> Mask:
    """The mask without what is thinner than a share of its size; half of it where all of it is thin."""
    width = 2 * max(1, round(size * rng.uniform(0.05, 0.15))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel).astype(np.uint8)
    return opened if opened.any() else _half(mask, rng)


def _half(mask: Mask, rng: np.random.Generator) -> Mask:
    """What lies on one side of a line through the target."""
    centre, size = centre_and_size(mask)
    angle = rng.uniform(-np.pi, np.pi)
    normal = np.array([np.cos(angle), np.sin(angle)])
    offset = float(centre @ normal) + size * rng.uniform(-0.3, 0.3)
    side = np.arange(mask_side(mask)) + 0.5
    kept = side[None, :] * normal[0] + side[:, None] * normal[1] > offset
    return mask * kept.astype(np.uint8)
