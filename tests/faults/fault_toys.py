"""A tracker that stays where it was put, at any pace; for faults that have nothing to do with tracking."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from samn_tracker.prediction import Prediction
from samn_tracker.shapes import regions


class Still:
    def __init__(self, delay: float, clock_back: bool) -> None:
        self._delay = delay
        if clock_back:
            began = time.time()
            time.time = lambda: began - time.perf_counter() * 3600

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        checked = regions.as_target(target, image.shape)
        box = regions.target_as(checked, "box", image.shape)
        self._answer = Prediction(box, regions.box_to_polygon(box), regions.box_to_mask(box, image.shape))
        return self._answer

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        time.sleep(self._delay)
        return replace(self._answer, mask=regions.box_to_mask(self._answer.box, image.shape))


def still(delay: str = "0", clock_back: str = "") -> Still:
    return Still(float(delay), bool(clock_back))
