"""Several objects at once: the contract of a tracker for label maps, and a stand-in made of single-object trackers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from samn_tracker.answers import checked_labels
from samn_tracker.errors import ConfigError, ResultError, TrackerStateError
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.runner.adapters import announce
from samn_tracker.runner.trackers import checked_tracker, create_tracker, is_own, make_tracker

Labels = NDArray[np.uint8]


@runtime_checkable
class MultiObjectTracker(Protocol):
    """The contract for several objects: images (H, W, 3) uint8 RGB, label maps (H, W) uint8 with 0 as background.

    It may also have an attribute `confidences`: by object id, 0 (lost) to 1 (certain), of the frame answered last.
    """

    def initialize_objects(self, image: NDArray[np.uint8], labels: Labels) -> Labels:
        """Start on every non-zero id of `labels`; forgets everything earlier. Returns the label map of this frame."""

    def track_objects(self, image: NDArray[np.uint8], new_labels: Labels | None = None) -> Labels:
        """The label map of the next frame; `new_labels` shows objects that begin in it, under ids not used before."""


class SeparateTrackers:
    """One single-object tracker for each object; where their masks overlap, the more confident one keeps the pixel.

    Equal confidences go to the lower id. An object that its tracker does not find has no pixel in that frame.

    Attributes:
        confidences: by object id, of the frame answered last; 0 for objects that were not found.
    """

    def __init__(self, make: Callable[[], TrackerProtocol], first: TrackerProtocol | None = None) -> None:
        """`make` is called for every object that none of the trackers made before is free for; `first` is one."""
        self._make = make
        self._trackers: dict[int, TrackerProtocol] = {}
        self.confidences: dict[int, float] = {}
        self._spare = [first] if first else []
        self._file: Path | None = None

    def initialize_objects(self, image: NDArray[np.uint8], labels: Labels) -> Labels:
        """As `MultiObjectTracker.initialize_objects`.

        Raises:
            ResultError: the label map shows no object.
        """
        self._spare += self._trackers.values()
        self._trackers, self.confidences = {}, {}
        self._add(image, labels)
        if not self._trackers:
            raise ResultError("the first label map shows no object; start at the first frame that has one")
        return labels

    def track_objects(self, image: NDArray[np.uint8], new_labels: Labels | None = None) -> Labels:
        """As `MultiObjectTracker.track_objects`.

        Raises:
            TrackerStateError: `initialize_objects` was not called.
            ConfigError: a tracker answers boxes only.
        """
        if not self._trackers:
            raise TrackerStateError("track_objects() was called before initialize_objects(); call that first")
        self._announce(self._trackers.values())
        predictions = {one: tracker.track(image) for one, tracker in sorted(self._trackers.items())}
        labels = merge_masks(predictions, image.shape[:2])
        self.confidences = {one: answer.confidence * answer.is_seen for one, answer in predictions.items()}
        if new_labels is not None and new_labels.any():
            self._add(image, new_labels)
            labels = np.where(new_labels > 0, new_labels, labels)
        return labels

    def remove(self, one: int) -> None:
        """End an object before the others; its tracker is free for another.

        Raises:
            TrackerStateError: no such object is tracked.
        """
        if one not in self._trackers:
            raise TrackerStateError(f"object {one} is not tracked; tracked are {sorted(self._trackers)}")
        self._spare.append(self._trackers.pop(one))
        self.confidences.pop(one)

    def next_image_is(self, path: Path) -> None:
        """The file of the next image, for those of the trackers that want to know it."""
        self._file = path

    def _announce(self, trackers: Iterable[TrackerProtocol]) -> None:
        for tracker in trackers if self._file else ():
            announce(tracker, self._file)  # type: ignore[arg-type]

    def _add(self, image: NDArray[np.uint8], labels: Labels) -> None:
        for one in np.unique(labels[labels > 0]):
            tracker = self._spare.pop() if self._spare else self._make()
            self._announce([tracker])
            prediction = tracker.initialize(image, (labels == one).astype(np.uint8))
            required_mask(prediction)
            self._trackers[int(one)], self.confidences[int(one)] = tracker, prediction.confidence


class OneOrSeveral:
    """One object belongs to the tracker of one, which has a spatial memory; several share a tracker of several.

    How many there are is decided by the first label map; what begins later joins the kind that was chosen.
    """

    def __init__(self, one: SeparateTrackers, several: Any) -> None:
        self._one, self._several = one, several
        self._chosen: Any = several

    @property
    def confidences(self) -> Mapping[int, float]:
        """As the chosen tracker tells them."""
        return told_confidences(self._chosen)

    def initialize_objects(self, image: NDArray[np.uint8], labels: Labels) -> Labels:
        """As `MultiObjectTracker.initialize_objects`."""
        self._chosen = self._one if len(np.unique(labels[labels > 0])) == 1 else self._several
        started: Labels = self._chosen.initialize_objects(image, labels)
        return started

    def track_objects(self, image: NDArray[np.uint8], new_labels: Labels | None = None) -> Labels:
        """As `MultiObjectTracker.track_objects`."""
        tracked: Labels = self._chosen.track_objects(image, new_labels)
        return tracked

    def remove(self, one: int) -> None:
        """End an object before the others."""
        self._chosen.remove(one)


class CheckedObjects:
    """A tracker of several objects; every answer is a label map of the image's size, or an error that says why not."""

    def __init__(self, tracker: MultiObjectTracker, name: str) -> None:
        self.tracker = tracker
        self._name = name

    @property
    def confidences(self) -> Mapping[int, float]:
        """As the tracker tells them; empty where it tells none."""
        return told_confidences(self.tracker)

    def initialize_objects(self, image: NDArray[np.uint8], labels: Labels) -> Labels:
        """As `MultiObjectTracker.initialize_objects`; None is taken for the given labels.

        Raises:
            ResultError: the answer is no label map.
        """
        answer = self.tracker.initialize_objects(image, labels)
        return labels if answer is None else checked_labels(answer, image.shape, self._name)

    def track_objects(self, image: NDArray[np.uint8], new_labels: Labels | None = None) -> Labels:
        """As `MultiObjectTracker.track_objects`.

        Raises:
            ResultError: the answer is no label map.
        """
        return checked_labels(self.tracker.track_objects(image, new_labels), image.shape, self._name)


def merge_masks(predictions: Mapping[int, Prediction], shape: tuple[int, ...]) -> Labels:
    """One (H, W) label map from a prediction per object id: the more confident object wins a disputed pixel.

    A mask that was seen too faintly to be sure counts, as a best guess; one of an earlier frame does not.

    Raises:
        ConfigError: a prediction has no mask.
    """
    labels = np.zeros(shape, dtype=np.uint8)
    best = np.full(shape, -np.inf)
    for one, prediction in sorted(predictions.items()):
        mask = required_mask(prediction)
        wins = (mask != 0) & (prediction.confidence > best) if prediction.is_seen else np.zeros(shape, dtype=bool)
        labels[wins] = one
        best[wins] = prediction.confidence
    return labels


def told_confidences(tracker: MultiObjectTracker) -> Mapping[int, float]:
    """By object id, of the frame answered last; empty where the tracker tells none.

    Raises:
        ResultError: one is not finite.
    """
    told: Mapping[int, float] = getattr(tracker, "confidences", {})
    if strange := [value for value in told.values() if not np.isfinite(value)]:
        raise ResultError(f"the tracker told a confidence of {strange[0]}; it must be finite: 0 is lost, 1 is certain")
    return told


def mean_confidence(tracker: MultiObjectTracker) -> float:
    """Over the objects of the frame answered last; 1 where the tracker does not tell."""
    told = told_confidences(tracker)
    return float(np.mean(list(told.values()))) if told else 1.0


def required_mask(prediction: Prediction) -> Labels:
    """The prediction's (H, W) mask.

    Raises:
        ConfigError: there is none: the tracker cannot be run on a benchmark of masks.
    """
    if prediction.mask is None:
        raise ConfigError(
            "this tracker answers boxes only, and this benchmark scores masks; use a tracker that fills "
            "Prediction.mask, or fill its boxes: --tracker filled:NAME"
        )
    return prediction.mask


def create_object_tracker(
    spec: str, device: str = "auto", overrides: Mapping[str, str] | None = None
) -> MultiObjectTracker:
    """A tracker of one or several objects by their masks: the specified one if it can, else one tracker per object.

    "filled:SPEC" fills the boxes of a tracker that answers no masks.

    Arguments and errors as of `samn_tracker.runner.trackers.create_tracker`.
    """
    tracker = make_tracker(spec, device, overrides)
    if isinstance(tracker, MultiObjectTracker):
        return CheckedObjects(tracker, spec)
    separate = SeparateTrackers(lambda: create_tracker(spec, device, overrides), first=checked_tracker(spec, tracker))
    if not is_own(spec):
        return separate
    multi_tracker = importlib.import_module("samn_tracker.core.multi_tracker").MultiTracker
    return OneOrSeveral(separate, multi_tracker(tracker.engine, tracker.config))
