"""Any tracker on one or several objects of a person's video, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.targets import Region, Targets
from samn_tracker.errors import ConfigError
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.runner.objects import MultiObjectTracker, create_object_tracker, told_confidences
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.shapes.points import Points, cut_out
from samn_tracker.shapes.regions import mask_to_box, region_to_mask

Answers = dict[int, Prediction]


class Follower(Protocol):
    """Images are (H, W, 3) uint8 RGB; answers are by object id."""

    def start(self, image: NDArray[np.uint8]) -> Answers:
        """The answers of the first frame."""

    def follow(self, image: NDArray[np.uint8], added: Mapping[int, Region] | None = None) -> Answers:
        """The answers of the next frame; `added` are objects that are first shown in it."""

    def remove(self, number: int) -> None:
        """Follow this object no longer."""


class SeparateFollower:
    """One tracker for each object, with the whole machinery of a single target."""

    def __init__(self, make: Callable[[], TrackerProtocol], targets: Targets) -> None:
        self.trackers = {one: make() for one in targets.regions}
        self._make = make
        self._targets = targets

    def start(self, image: NDArray[np.uint8]) -> Answers:
        """As `Follower.start`."""
        return {one: self._begin(one, image, region) for one, region in self._targets.regions.items()}

    def follow(self, image: NDArray[np.uint8], added: Mapping[int, Region] | None = None) -> Answers:
        """As `Follower.follow`."""
        answers = {one: tracker.track(image) for one, tracker in self.trackers.items()}
        for one, region in (added or {}).items():
            self.trackers[one] = self._make()
            answers[one] = self._begin(one, image, region)
        return answers

    def remove(self, number: int) -> None:
        """As `Follower.remove`."""
        self.trackers.pop(number, None)

    def _begin(self, one: int, image: NDArray[np.uint8], region: Region) -> Prediction:
        tracker = self.trackers[one]
        own = hasattr(tracker, "propose")  # it understands points, and better than the picture alone
        return tracker.initialize(image, region if own else as_mask_or_region(image, region))  # type: ignore[arg-type]


class LabelFollower:
    """All objects of a label map in one pass. Where the tracker tells no confidence: 1 if an object is seen, or 0."""

    def __init__(self, tracker: MultiObjectTracker, labels: NDArray[np.uint8]) -> None:
        self._tracker = tracker
        self._labels = labels
        self._last: Answers = {}

    def start(self, image: NDArray[np.uint8]) -> Answers:
        """As `Follower.start`."""
        labels = self._tracker.initialize_objects(image, self._labels)
        self._last = {int(one): _seen(labels == one) for one in np.unique(labels) if one}
        return dict(self._last)

    def follow(self, image: NDArray[np.uint8], added: Mapping[int, Region] | None = None) -> Answers:
        """As `Follower.follow`; an object without a pixel keeps its last box and mask, with `found` False."""
        new = _label_map(image, added or {})
        labels = self._tracker.track_objects(image, new if added else None)
        for one in added or {}:
            self._last[one] = _seen(new == one)
        told = told_confidences(self._tracker)
        for one, last in self._last.items():
            seen = labels == one
            lost = replace(last, confidence=0.0, found=False)
            self._last[one] = _seen(seen, told.get(one, 1.0)) if seen.any() else lost
        return dict(self._last)

    def remove(self, number: int) -> None:
        """As `Follower.remove`.

        Raises:
            ConfigError: the tracker cannot.
        """
        if not hasattr(self._tracker, "remove"):
            raise ConfigError("this tracker cannot end an object before the others; leave --stop out")
        self._tracker.remove(number)
        self._last.pop(number)


def as_mask_or_region(image: NDArray[np.uint8], region: Region) -> NDArray[Any]:
    """The region as any tracker takes it; points become the mask that the picture alone proposes."""
    return cut_out(image, region) if isinstance(region, Points) else region


def _label_map(image: NDArray[np.uint8], added: Mapping[int, Region]) -> NDArray[np.uint8]:
    labels = np.zeros(image.shape[:2], dtype=np.uint8)
    for one, region in added.items():
        given = as_mask_or_region(image, region)
        labels[region_to_mask(given, image.shape) > 0] = one
    return labels


def create_follower(spec: str, device: str, overrides: Mapping[str, str], targets: Targets) -> Follower:
    """A follower of the targets: one label map of several objects in one pass, anything else by one tracker an object.

    Raises:
        As `samn_tracker.runner.trackers.create_tracker`.
    """
    if targets.labels is not None:
        return LabelFollower(create_object_tracker(spec, device, overrides), targets.labels)
    return SeparateFollower(lambda: create_tracker(spec, device, overrides), targets)


def _seen(mask: NDArray[np.bool_], confidence: float = 1.0) -> Prediction:
    pixels = mask.astype(np.uint8)
    return Prediction(box=mask_to_box(pixels), mask=pixels, confidence=confidence)
