"""A tracker through one video, frame by frame, as a stream: nothing is held but the next image.

Times are those of `initialize` and `track` alone. The next image is read and decoded in a second thread while the
tracker works, so reading is never part of a time; on a machine with one free core it can slow the tracker a little.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.images import ImageReader, next_frame
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.adapters import announce
from samn_tracker.runner.label_png import Labels
from samn_tracker.runner.object_map import read_objects
from samn_tracker.runner.objects import MultiObjectTracker, mean_confidence
from samn_tracker.runner.progress import tell
from samn_tracker.runner.sequences import Sequence


@dataclass(frozen=True, kw_only=True)
class FrameResult:
    """The answer for one frame.

    Attributes:
        seconds: the tracker's own time.
        confidence, found: as in Prediction; 1 and True in the first frame. Of label maps: the mean over the objects, or
            1 where the tracker does not tell; whether that is above 0.
    """

    index: int
    seconds: float
    confidence: float = 1.0
    found: bool = True


@dataclass(frozen=True, kw_only=True)
class BoxResult(FrameResult):
    """`box` is (4,) x, y, w, h, 0-based."""

    box: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LabelResult(FrameResult):
    """`labels` is (H, W) uint8 object ids."""

    labels: Labels


def track_boxes(tracker: TrackerProtocol, sequence: Sequence) -> Iterator[BoxResult]:
    """One result a frame; the first one is the given box itself, whatever the tracker answers for it."""
    given = np.array(sequence.box, dtype=np.float64)
    for index, image in enumerate(prefetched(sequence.frames)):
        announce(tracker, sequence.frames[index])
        start = time.perf_counter()
        prediction = tracker.initialize(image, given.copy()) if index == 0 else tracker.track(image)
        seconds = time.perf_counter() - start
        if index == 0:
            yield BoxResult(index=index, seconds=seconds, box=given)
        else:
            confidence, found = prediction.confidence, prediction.found
            yield BoxResult(index=index, seconds=seconds, confidence=confidence, found=found, box=prediction.box)


def track_labels(tracker: MultiObjectTracker, sequence: Sequence) -> Iterator[LabelResult]:
    """One label map a frame; objects start at the first annotation that shows them, and are written as annotated there.

    Frames before the first object have an empty label map.

    Raises:
        DatasetError: no annotation shows an object, or one has another size than its image.
        ResultError: the tracker answers what is no label map.
    """
    known: set[int] = set()
    for index, image in enumerate(prefetched(sequence.frames)):
        shape = image.shape[:2]
        new = _new_objects(sequence, index, known, shape)
        announce(tracker, sequence.frames[index])
        start = time.perf_counter()
        if not known and new is None:
            labels = np.zeros(shape, dtype=np.uint8)
        elif not known:
            tracker.initialize_objects(image, new)  # type: ignore[arg-type]
            labels = new  # type: ignore[assignment]
        else:
            labels = tracker.track_objects(image, new)
        seconds = time.perf_counter() - start
        confidence = mean_confidence(tracker) if known else 1.0
        if new is not None:
            known |= set(np.unique(new[new > 0]).tolist())
        yield LabelResult(index=index, seconds=seconds, confidence=confidence, found=confidence > 0, labels=labels)
    if not known:
        raise DatasetError(f"no annotation of {sequence.name} shows an object")


def prefetched(paths: tuple[Path, ...]) -> Iterator[NDArray[np.uint8]]:
    """The images in order, each read while the one before is in use.

    Raises:
        ImageError: a file is not an image, or has another size than the first.
    """
    shape: tuple[int, int] | None = None
    pictures = ImageReader()
    with ThreadPoolExecutor(max_workers=1) as reader:
        upcoming = reader.submit(pictures.read, paths[0])
        for index, following in enumerate((*paths[1:], None)):
            image = upcoming.result()
            if index == 0 and pictures.note:
                tell(f"{paths[0].parent}: {pictures.note}")
            shape = shape or (image.shape[0], image.shape[1])
            image = next_frame(image, shape, index)
            if following is not None:
                upcoming = reader.submit(pictures.read, following)
            yield image


def _new_objects(sequence: Sequence, index: int, known: set[int], shape: tuple[int, ...]) -> Labels | None:
    """The annotation of this frame reduced to objects not seen before; None if there are none."""
    if index in sequence.masks:
        masks = {one: _read(path, shape, True, white_is_object=True) for one, path in sequence.masks[index].items()}
        labels = _drawn_together(masks, known)
    elif index in sequence.annotations:
        labels = _read(sequence.annotations[index], shape, sequence.binary)
    else:
        return None
    labels = np.where(np.isin(labels, list(known)), 0, labels).astype(np.uint8)
    return labels if labels.any() else None


def _read(path: Path, shape: tuple[int, ...], single: bool, white_is_object: bool = False) -> Labels:
    labels = read_objects(path, single=single, white_is_object=white_is_object)
    if labels.shape != shape:
        raise DatasetError(f"{path} is {labels.shape}, its image {shape} (height, width)")
    return labels


def _drawn_together(masks: Mapping[int, Labels], known: set[int]) -> Labels:
    """One label map of the objects that are not known; where they overlap, the smaller one has the pixel."""
    labels = np.zeros_like(next(iter(masks.values())))
    new = {one: mask for one, mask in masks.items() if one not in known}
    for one in sorted(new, key=lambda one: -np.count_nonzero(new[one])):
        labels[new[one] > 0] = one
    return labels
