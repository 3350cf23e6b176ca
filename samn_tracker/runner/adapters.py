"""Trackers of other makes as trackers of the contract: other interfaces, other processes, other kinds of targets.

trax:COMMAND                         a process that speaks TraX, in any language and environment
PATH/trackers.ini:NAME               the same, as an entry of the VOT toolkit's registry
got10k:package.module:factory        an object of the got10k toolkit's Tracker: init(image, box), update(image)
pytracking:package.module:factory    pytracking's: initialize(image, info) and track(image, info) with dictionaries
filled:SPEC                          any tracker of boxes, whose boxes are filled as masks where masks are scored

A tracker of your own may say `start = "box"`, "polygon" or "mask": it is then given every target as that.
"""

from __future__ import annotations

import hashlib
import importlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ConfigError
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import as_target, box_to_mask, target_as, target_kind

FILLED = "filled:"
_PROCESSES = ("trax:",)
_KINDS = ("box", "polygon", "mask")


class Got10kTracker:
    """An object of the got10k toolkit's Tracker, which takes PIL images and boxes."""

    start = "box"

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Any:
        """As `TrackerProtocol.initialize`."""
        self.tracker.init(_pillow(image), np.array(target, dtype=np.float64))
        return Prediction(box=np.array(target, dtype=np.float64))

    def track(self, image: NDArray[np.uint8]) -> Any:
        """As `TrackerProtocol.track`; what the tracker answers, unchecked."""
        return self.tracker.update(_pillow(image))


class PyTrackingTracker:
    """A tracker of pytracking's interface: information in and out as dictionaries."""

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker
        self.start = getattr(tracker, "start", "box")

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Any:
        """As `TrackerProtocol.initialize`; a mask is given as `init_mask`, with its box."""
        checked = as_target(target, image.shape)
        is_mask = target_kind(checked) == "mask"
        box = target_as(checked, "box", image.shape)
        info = {"init_bbox": box.tolist(), **({"init_mask": checked} if is_mask else {})}
        answer = self.tracker.initialize(image, info) or {}
        return _from_dictionary({"target_bbox": box, **answer})

    def track(self, image: NDArray[np.uint8]) -> Any:
        """As `TrackerProtocol.track`."""
        answer = self.tracker.track(image, {})
        if not isinstance(answer, Mapping) or "target_bbox" not in answer:
            found = type(answer).__name__
            raise ConfigError(
                f"a tracker of pytracking's interface answers {{'target_bbox': [x, y, w, h]}}, got {found}"
            )
        return _from_dictionary(answer)


class StartsFrom:
    """A tracker that is given every target as the kind that it asks for."""

    def __init__(self, tracker: Any, kind: str) -> None:
        if kind not in _KINDS:
            raise ConfigError(f"a tracker's `start` is {kind!r}; it must be one of {', '.join(_KINDS)}")
        self.tracker = tracker
        self._kind: Any = kind

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Any:
        """As `TrackerProtocol.initialize`."""
        checked = as_target(target, image.shape)
        return self.tracker.initialize(image, target_as(checked, self._kind, image.shape))

    def track(self, image: NDArray[np.uint8]) -> Any:
        """As `TrackerProtocol.track`."""
        return self.tracker.track(image)

    def __getattr__(self, name: str) -> Any:
        if name == "tracker":  # while this one is being made
            raise AttributeError(name)
        return getattr(self.tracker, name)


class Filled:
    """A tracker of the contract whose boxes are filled as masks, where it answers none."""

    def __init__(self, tracker: Any) -> None:
        self.tracker = tracker

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        """As `TrackerProtocol.initialize`."""
        return _filled(self.tracker.initialize(image, target), image.shape)

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        """As `TrackerProtocol.track`."""
        return _filled(self.tracker.track(image), image.shape)

    def __getattr__(self, name: str) -> Any:
        if name == "tracker":
            raise AttributeError(name)
        return getattr(self.tracker, name)


WRAPPERS: Mapping[str, Callable[[Any], Any]] = {"got10k:": Got10kTracker, "pytracking:": PyTrackingTracker}
"""By the specification's prefix: what makes an object of another interface one of the contract."""


def is_process(spec: str) -> bool:
    """Whether the specification names a process behind TraX."""
    return spec.startswith(_PROCESSES) or ".ini:" in spec


def create_process(spec: str, overrides: Mapping[str, str]) -> Any:
    """The tracker behind TraX; imported by name, as the server there imports the trackers here.

    Raises:
        ConfigError: the command or the entry is not usable.
    """
    return importlib.import_module("samn_tracker.trax.client").create(spec, overrides)


def process_hash(spec: str, overrides: Mapping[str, str]) -> str:
    """sha256 over the command line and the content of every file that it names: what can be known of the tracker.

    Raises:
        ConfigError: the command or the entry is not usable.
    """
    launch = importlib.import_module("samn_tracker.trax.client").launch_of(spec, overrides)
    digest = hashlib.sha256(shlex.join(launch.command).encode())
    for word in (*launch.command[1:], *launch.environment.values()):
        if len(word) < 4096 and "\n" not in word and Path(word).is_file():
            digest.update(Path(word).read_bytes())
    digest.update(repr(sorted({**launch.environment, **launch.properties}.items())).encode())
    return digest.hexdigest()


def announce(tracker: Any, path: Path) -> None:
    """Tell a tracker, where it wants to know, the file of the image that it is given next."""
    told = getattr(tracker, "next_image_is", None)
    if callable(told):
        told(path)


def _filled(prediction: Prediction, image_shape: tuple[int, ...]) -> Prediction:
    if prediction.mask is not None:
        return prediction
    return replace(prediction, mask=box_to_mask(prediction.box, image_shape))


def _from_dictionary(answer: Mapping[str, Any]) -> Any:
    mask = answer.get("segmentation")
    confidence = answer.get("object_presence_score", 1.0)
    return Prediction(box=answer["target_bbox"], mask=mask, confidence=confidence)


def _pillow(image: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(image)
