"""Picking objects from labelled images: which label, where it is, and its cut-out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.train.sources import LabelledImage

MOST_OBJECTS = 20
SMALLEST_PIXELS = 150
AREA_SHARE = (0.001, 0.6)


@dataclass(frozen=True)
class Cutout:
    """An object cut out of its image.

    Attributes:
        pixels: (h, w, 4) uint8, RGB and opacity (0 or 255).
        size: square root of the object's box area, in these pixels.
        centre: (2,) x, y of the object's box centre, in these pixels.
    """

    pixels: NDArray[np.uint8]
    size: float
    centre: NDArray[np.float64]


def usable_labels(labels: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Labels of the objects that can be a target: neither tiny nor most of the image; none in a crowd."""
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    if np.count_nonzero(counts) > MOST_OBJECTS:
        return np.empty(0, dtype=np.int64)
    low, high = (share * labels.size for share in AREA_SHARE)
    return np.flatnonzero((counts >= max(low, SMALLEST_PIXELS)) & (counts <= high))


def pick_object(item: LabelledImage, rng: np.random.Generator) -> NDArray[np.uint8] | None:
    """The mask (H, W) uint8 0/1 of a random usable object, or None where the image has none."""
    usable = usable_labels(item.labels)
    if not len(usable):
        return None
    return (item.labels == rng.choice(usable)).astype(np.uint8)


def box_of(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """x, y, w, h of a mask's pixels; w and h are 0 where it is empty."""
    x, y, w, h = cv2.boundingRect(mask)
    return int(x), int(y), int(w), int(h)


def centre_and_size(mask: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
    """Centre (2,) of the mask's box and the square root of its area, in continuous pixels."""
    x, y, w, h = box_of(mask)
    return np.array([x + w / 2, y + h / 2]), float(np.sqrt(w * h))


def cut_out(image: NDArray[np.uint8], mask: NDArray[np.uint8], size: float) -> Cutout | None:
    """The object under `mask`, shrunk to about `size` where it is larger; None where erosion leaves nothing.

    The mask loses its outermost pixel, which mostly shows the old background.
    """
    eroded = cv2.erode(mask, np.ones((3, 3), np.uint8))
    x, y, w, h = box_of(eroded)  # type: ignore[arg-type]
    if w * h == 0:
        return None
    margin = 2 + max(w, h) // 16
    top, left = max(0, y - margin), max(0, x - margin)
    region = np.s_[top : y + h + margin, left : x + w + margin]
    pixels = np.dstack([image[region], eroded[region] * 255])
    scale = min(1.0, size / np.sqrt(w * h))
    if scale < 1:
        height, width = pixels.shape[:2]
        small = (max(4, round(width * scale)), max(4, round(height * scale)))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    present = (pixels[..., 3] > 127).astype(np.uint8)
    if not present.any():
        return None
    centre, own_size = centre_and_size(present)
    return Cutout(pixels, own_size, centre)
