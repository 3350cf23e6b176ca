"""The rules of the authors' released loop (docs/numbers.md), by which `samn_tracker.core.decide_released` decides.

The target is the largest contour in the patch. Its rectangle of least area gives the next centre and, with the aspect
frozen, the size; both only where the contour's area has not jumped. Everything is counted in patch pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import SegmentationConfig

Point = NDArray[np.float64]

SCALE_JUMP = 0.75
"""Relative change of the size from which it is not changed at all, in both loops."""
LEAST_SIDE = 10.0
"""Image pixels that the smaller side of a target has at least."""


class Contour(NamedTuple):
    """The largest outline in a patch: its `area` in patch pixels, and its rectangle of least area there.

    `centre` is xy, `sides` the rectangle's two, `extent` w, h of the upright box around its corners.
    """

    area: float
    centre: Point
    sides: NDArray[np.float64]
    extent: NDArray[np.float64]


def main_contour(probability: NDArray[np.float32], threshold: float, minimum_area: float) -> Contour | None:
    """The contour of largest area where the probability (S, S) is above `threshold`; None for a smaller area."""
    outlines, _ = cv2.findContours((probability > threshold).view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    if not areas or max(areas) <= minimum_area:
        return None
    rectangle = cv2.minAreaRect(outlines[int(np.argmax(areas))])
    corners = cv2.boxPoints(rectangle)
    return Contour(max(areas), np.array(rectangle[0]), np.array(rectangle[1]), corners.max(0) - corners.min(0))


def measured_side(contour: Contour, scale: float) -> float:
    """The target's mean side in image pixels: of an upright box with the rectangle's area and its bounds' aspect.

    `scale` is image pixels per patch pixel. The released code takes such a box to be a pixel wider and higher than it
    reaches.
    """
    ratio = math.sqrt(float(contour.sides.prod()) / max(float(contour.extent.prod()), 1e-9))
    width, height = contour.extent * scale * ratio + 1
    return math.sqrt(width * height)


def has_jumped(area: float, areas: Sequence[float], config: SegmentationConfig) -> bool:
    """Whether the area is `area_jump` times the mean of the recent ones or more; shrinking is never a jump."""
    return area >= config.area_jump * max(float(np.mean(areas)), 1.0)


def fitted_size(size: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The size (2,) scaled so that the target fits into the image (H, W), and is not too small."""
    least, most = LEAST_SIDE / float(size.min()), float((np.array(shape[::-1]) / size).min())
    return size * max(least, min(1.0, most))


def next_scale(contour: Contour, scale: float, size: NDArray[np.float64], step: float) -> float:
    """Factor of the present `size` (2,) for the next frame, within 1 - `step` .. 1 + `step`; 1 where it would jump."""
    factor = measured_side(contour, scale) / math.sqrt(float(size.prod()))
    return 1.0 if abs(factor - 1) >= SCALE_JUMP else min(max(factor, 1 - step), 1 + step)
