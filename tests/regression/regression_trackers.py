"""A small tracker of the contract with settings, for tests of the regression command."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.prediction import Prediction
from samn_tracker.shapes import regions


class Matching:
    """Follows the first picture of the target by template matching; `shift` and `grow` are added to the answer."""

    def __init__(self, shift: float, grow: float) -> None:
        self._change = np.array([shift, shift, grow, grow])

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        checked = regions.as_target(target, image.shape)
        kind = regions.target_kind(checked)
        box = {"box": lambda t: t, "polygon": regions.polygon_to_box, "mask": regions.mask_to_box}[kind](checked)
        x, y, width, height = regions.clip_box(box, image.shape).round().astype(int).tolist()
        self._template = image[y : y + height, x : x + width]
        return self._answer(image, np.array([x, y, width, height], dtype=np.float64), 1.0)

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        response = cv2.matchTemplate(image, self._template, cv2.TM_CCOEFF_NORMED)
        _, score, _, place = cv2.minMaxLoc(response)
        size = self._template.shape[1::-1]
        return self._answer(image, np.array([*place, *size], dtype=np.float64) + self._change, max(score, 0.0))

    def _answer(self, image: NDArray[np.uint8], box: NDArray[np.float64], score: float) -> Prediction:
        mask = regions.box_to_mask(box, image.shape)
        return Prediction(box, regions.box_to_polygon(box), mask, score, found=score > 0.5)


def matching(shift: str = "0", grow: str = "0") -> Matching:
    return Matching(float(shift), float(grow))
