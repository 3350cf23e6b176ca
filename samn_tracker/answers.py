"""What trackers of other people answer, checked once for every program that drives one.

This project's own trackers keep the contract of `samn_tracker.prediction` by their tests. All others come through here
(`runner/trackers.py` wraps them), so that no runner, server or command ever meets NaN, None or half an answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError, ResultError
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import FARTHEST, as_target, mask_to_box, polygon_to_box, target_kind

_LOST = "a tracker that has lost its target answers its last box with found=False and confidence 0"


class CheckedTracker:
    """A tracker whose every answer is a whole Prediction, or an error that names the frame and the fault.

    A bare box of four numbers is taken for `Prediction(box=...)`, and None from `initialize` for the given target.

    Attributes:
        tracker: the tracker itself.
    """

    def __init__(self, tracker: Any, name: str) -> None:
        self.tracker = tracker
        self._name = name
        self._frames = 0

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        """As `TrackerProtocol.initialize`.

        Raises:
            ResultError: the answer is no answer.
        """
        self._frames = 0
        answer = self.tracker.initialize(image, target)
        if answer is None:
            return given_target(target, image.shape)
        return checked_answer(answer, image.shape, f"{self._name}, in its first frame,")

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        """As `TrackerProtocol.track`.

        Raises:
            ResultError: the answer is no answer.
        """
        self._frames += 1
        return checked_answer(self.tracker.track(image), image.shape, f"{self._name}, {self._frames} frames on,")

    def __getattr__(self, name: str) -> Any:
        """What else the tracker has."""
        if name == "tracker":  # while this one is being made
            raise AttributeError(name)
        return getattr(self.tracker, name)


def checked_answer(answer: Any, image_shape: tuple[int, ...], who: str) -> Prediction:
    """`answer` as a whole Prediction: float64 box, (4, 2) polygon or None, uint8 mask of 0 and 1 or None.

    Args:
        answer: a Prediction, or a bare box of four numbers.
        who: begins the sentence that tells what is wrong.

    Raises:
        ResultError: not an answer, not finite, without size, or a mask of another size than the image.
    """
    if not isinstance(answer, Prediction):
        answer = Prediction(box=_box(answer, who))
    box = _box(answer.box, who)
    polygon = None if answer.polygon is None else _numbers(answer.polygon, (4, 2), "a polygon", who)
    mask = None if answer.mask is None else _mask(answer.mask, image_shape, who)
    confidence = float(_numbers(answer.confidence, (), "a confidence", who))
    return replace(answer, box=box, polygon=polygon, mask=mask, confidence=confidence, found=bool(answer.found))


def checked_labels(labels: Any, image_shape: tuple[int, ...], who: str) -> NDArray[np.uint8]:
    """`labels` as (H, W) uint8 object ids; integers of another kind are taken where they are 0..255.

    Raises:
        ResultError: no label map of the image's size.
    """
    shape = tuple(image_shape[:2])
    if not isinstance(labels, np.ndarray) or labels.shape != shape or labels.dtype.kind not in "bui":
        found = f"labels {labels.shape} {labels.dtype}" if isinstance(labels, np.ndarray) else _described(labels)
        raise ResultError(f"{who} answered {found}; expected object ids {shape} uint8")
    if labels.dtype != np.uint8 and labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= 255:
        raise ResultError(f"{who} answered object ids {labels.min()}..{labels.max()}; they are 0 to 255")
    return labels.astype(np.uint8, copy=False)


def given_target(target: NDArray[np.generic], image_shape: tuple[int, ...]) -> Prediction:
    """The given box, polygon or mask as the answer of the first frame."""
    checked = as_target(target, image_shape)
    kind = target_kind(checked)
    if kind == "mask":
        return Prediction(box=mask_to_box(checked), mask=checked)
    return Prediction(box=checked if kind == "box" else polygon_to_box(checked))


def _box(box: Any, who: str) -> NDArray[np.float64]:
    values = _numbers(box, (4,), "a box", who)
    if (values[2:] <= 0).any():
        raise ResultError(f"{who} answered the box {values.tolist()}, which has no size; {_LOST}")
    return values


def _mask(mask: Any, image_shape: tuple[int, ...], who: str) -> NDArray[np.uint8]:
    shape = tuple(image_shape[:2])
    if not isinstance(mask, np.ndarray) or mask.shape != shape:
        found = f"a mask of {mask.shape}" if isinstance(mask, np.ndarray) else f"{_described(mask)} as a mask"
        raise ResultError(f"{who} answered {found}, the image is {shape} (height, width); answer at the image's size")
    if mask.dtype.kind not in "bui":
        raise ResultError(f"{who} answered a mask of {mask.dtype}; threshold it first, for instance mask > 0.5")
    return (mask != 0).view(np.uint8)


def _numbers(values: Any, shape: tuple[int, ...], what: str, who: str) -> NDArray[np.float64]:
    """`values` as finite float64 numbers of this shape."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RegionError):
        numbers = None
    if values is None or numbers is None or numbers.shape != shape:
        expected = "a Prediction or a box of four numbers" if what == "a box" else f"{what} of shape {shape}"
        raise ResultError(f"{who} answered {_described(values)}; expected {expected}")
    if not np.isfinite(numbers).all() or np.abs(numbers).max(initial=0) > FARTHEST:
        raise ResultError(f"{who} answered {what} {numbers.tolist()}, which is not finite; {_LOST}")
    return numbers


def _described(value: Any) -> str:
    """A few words about something unexpected."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:60] + '...'}"
