"""Any tracker on one or several objects of a person's video, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.targets import Targets
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.runner.objects import MultiObjectTracker, create_object_tracker, told_confidences
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.shapes.regions import mask_to_box

Answers = dict[int, Prediction]


class Follower(Protocol):
    """Images are (H, W, 3) uint8 RGB; answers are by object id."""

    def start(self, image: NDArray[np.uint8]) -> Answers:
        """The answers of the first frame."""

    def follow(self, image: NDArray[np.uint8]) -> Answers:
        """The answers of the next frame."""


class SeparateFollower:
    """One tracker for each object, with the whole machinery of a single target."""

    def __init__(self, trackers: Mapping[int, TrackerProtocol], targets: Targets) -> None:
        self.trackers = dict(trackers)
        self._targets = targets

    def start(self, image: NDArray[np.uint8]) -> Answers:
        """As `Follower.start`."""
        return {one: tracker.initialize(image, self._targets.regions[one]) for one, tracker in self.trackers.items()}

    def follow(self, image: NDArray[np.uint8]) -> Answers:
        """As `Follower.follow`."""
        return {one: tracker.track(image) for one, tracker in self.trackers.items()}


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

    def follow(self, image: NDArray[np.uint8]) -> Answers:
        """As `Follower.follow`; an object without a pixel keeps its last box and mask, with `found` False."""
        labels = self._tracker.track_objects(image)
        told = told_confidences(self._tracker)
        for one, last in self._last.items():
            seen = labels == one
            lost = replace(last, confidence=0.0, found=False)
            self._last[one] = _seen(seen, told.get(one, 1.0)) if seen.any() else lost
        return dict(self._last)


def create_follower(spec: str, device: str, overrides: Mapping[str, str], targets: Targets) -> Follower:
    """A follower of the targets: one label map of several objects in one pass, anything else by one tracker an object.

    Raises:
        As `samn_tracker.runner.trackers.create_tracker`.
    """
    if targets.labels is not None:
        return LabelFollower(create_object_tracker(spec, device, overrides), targets.labels)
    return SeparateFollower({one: create_tracker(spec, device, overrides) for one in targets.regions}, targets)


def _seen(mask: NDArray[np.bool_], confidence: float = 1.0) -> Prediction:
    pixels = mask.astype(np.uint8)
    return Prediction(box=mask_to_box(pixels), mask=pixels, confidence=confidence)
