"""Small trackers of the contract with one fault each, for tests that run a real TraX server (`fault_trackers:NAME`)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.prediction import Prediction
from samn_tracker.shapes import regions

FAULT_FRAME = 7


class Matching:
    """Follows the target by template matching around its last place; shifts the first region along, unchanged."""

    def __init__(self, before_answer: Callable[[int], None] = lambda frame: None) -> None:
        self._before_answer = before_answer

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        self._frame, self._shift = 0, np.zeros(2)
        target = regions.as_target(target, image.shape)
        kind = regions.target_kind(target)
        corners = regions.box_to_polygon(target) if kind == "box" else target
        self._mask = target if kind == "mask" else regions.polygon_to_mask(corners, image.shape)
        self._box = regions.mask_to_box(self._mask) if kind == "mask" else regions.polygon_to_box(corners)
        self._polygon = regions.box_to_polygon(self._box) if kind == "mask" else corners
        self._template = self._patch(image, margin=0)
        return self._answer(image.shape)

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        self._frame += 1
        self._before_answer(self._frame)
        search = self._patch(image, margin=12)
        _, _, _, best = cv2.minMaxLoc(cv2.matchTemplate(search, self._template, cv2.TM_CCOEFF_NORMED))
        self._shift += np.asarray(best) - 12.0
        return self._answer(image.shape)

    def _patch(self, image: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
        x, y = (np.round(self._box[:2] + self._shift).astype(int) - margin).tolist()
        width, height = (np.maximum(np.round(self._box[2:]), 4).astype(int) + 2 * margin).tolist()
        rows, columns = np.arange(y, y + height), np.arange(x, x + width)
        clipped = image[rows.clip(0, image.shape[0] - 1)][:, columns.clip(0, image.shape[1] - 1)]
        return np.ascontiguousarray(clipped)

    def _answer(self, image_shape: tuple[int, ...]) -> Prediction:
        moved = np.roll(self._mask, self._shift.astype(int)[::-1], axis=(0, 1))
        box = self._box + np.append(self._shift, [0, 0])
        return Prediction(box, self._polygon + self._shift, moved, confidence=0.75)


def matching(**_: object) -> Matching:
    return Matching()


def noisy(**_: object) -> Matching:
    """Prints without line breaks to standard output and error, from Python and below it."""

    def print_everywhere(frame: int) -> None:
        print("python text", end="")
        print("python error text", end="", file=sys.stderr)
        os.write(1, b"@@TRAX:text from below")
        os.write(2, b"\rerror text from below")

    return Matching(print_everywhere)


def raising(**_: object) -> Matching:
    return Matching(_at_fault_frame(_raise))


def dying(**_: object) -> Matching:
    return Matching(_at_fault_frame(lambda: os._exit(9)))


def hanging(**_: object) -> Matching:
    return Matching(_at_fault_frame(lambda: time.sleep(600)))


def unloadable(**_: object) -> Matching:
    raise RuntimeError("these weights do not load")


def stuck(**_: object) -> Matching:
    """Never gets to its greeting."""
    time.sleep(600)
    raise AssertionError


class NotANumber(Matching):
    def _answer(self, image_shape: tuple[int, ...]) -> Prediction:
        box = np.full(4, np.nan) if self._frame == FAULT_FRAME else self._box
        return Prediction(box)


def not_a_number(**_: object) -> Matching:
    return NotANumber()


def _raise() -> None:
    raise RuntimeError('the tracker broke,\nwith a "quoted" second line')


def _at_fault_frame(action: Callable[[], None]) -> Callable[[int], None]:
    def act(frame: int) -> None:
        if frame == FAULT_FRAME:
            action()

    return act
