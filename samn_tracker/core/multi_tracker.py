"""Several objects of one video in one pass: the query encoding is shared, the memories are batched over objects.

There is no spatial memory here: objects are found in one window that shows all of them, up to the whole image.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.errors import RegionError, TrackerStateError
from samn_tracker.images import ALL_VALUES, Values, as_rgb, next_frame, values_of
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.runtime.engine import Encoded, Engine, tells_full_memory
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.regions import mask_to_box

MAXIMUM_OBJECTS = 255
_TOLD_BYTES = 1 << 30
_LOG = logging.getLogger(__name__)


@dataclass
class MultiState:
    """Everything that changes between frames.

    Attributes:
        image: (H, W, 3) RGB, the frame answered last.
        values: of 16-bit frames, what becomes 0 and 255.
        boxes: each object's last box (O, 4), in image pixels.
        confidences: (O,) of the frame answered last.
    """

    shape: tuple[int, int]
    image: NDArray[np.uint8]
    bank: AppearanceBank
    ids: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    frame_index: int = 0
    values: Values = ALL_VALUES


class MultiTracker:
    """SAMN on all objects of a video. Label maps are (H, W) uint8, 0 is background, ids are the user's own."""

    def __init__(self, engine: Engine, config: TrackerConfig) -> None:
        self.engine = engine
        self.config = config
        self.state: MultiState | None = None

    @property
    def confidences(self) -> dict[int, float]:
        """By object id, 0 (lost) to 1 (certain), of the frame answered last; the mean probability of its pixels."""
        return dict(zip(self.state.ids, self.state.confidences, strict=True)) if self.state else {}

    def bytes_needed(self, objects: int) -> int:
        """About how much memory so many objects take: their keys and values, and the decoder's widest maps.

        Of a bank without limit (`appearance.capacity` None), what it takes at the start.
        """
        size, model = self.config.segmentation.multi_patch_size, self.engine.model_config
        cells = (size // 16) ** 2
        remembered = (self.config.appearance.capacity or 1) * cells * (model.key_channels + model.value_channels)
        return 4 * objects * (remembered + (size // 4) ** 2 * model.decoder_channels * 4 // 3)

    @tells_full_memory
    def initialize_objects(self, image: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Start on every id in `labels` and forget everything earlier; returns the labels.

        Raises:
            ImageError: not an image.
            RegionError: no object, or labels of another size than the image.
        """
        values = values_of(image)
        image = as_rgb(image, values)
        shape = (image.shape[0], image.shape[1])
        labels = _checked_labels(labels, shape)
        ids = _ids(labels)
        if not ids:
            raise RegionError("the label map shows no object; start at the first frame that has one")
        if (needed := self.bytes_needed(len(ids))) > _TOLD_BYTES:
            _LOG.warning(
                "%d objects take about %.1f GB of memory; where that is too much, lower appearance.capacity or "
                "segmentation.multi_patch_size, or track them in several runs",
                *(len(ids), needed / 1e9),
            )
        bank = AppearanceBank(self.config.appearance, self.config.dynamic, self.engine.model_config.similarity)
        boxes = [mask_to_box(labels == one) for one in ids]
        state = MultiState(shape, image, bank, ids, boxes, [1.0] * len(ids), values=values)
        window, encoded = self._view(state, image)
        bank.start(*self.engine.memorise(encoded, _crops(window, labels, ids)))
        self.state = state
        return labels

    @tells_full_memory
    def track_objects(self, image: NDArray[Any], new_labels: NDArray[Any] | None = None) -> NDArray[np.uint8]:
        """The label map of the next frame; `new_labels` gives objects that appear in it, with ids not used before.

        Raises:
            TrackerStateError: `initialize_objects` was not called.
            ImageError: not an image, or one of another size than the first.
            RegionError: labels of another size, or an id that is already tracked.
        """
        state = self._started("track_objects")
        image = next_frame(image, state.shape, state.frame_index + 1, state.values)
        added = self._checked_new(state, new_labels)
        state.frame_index += 1
        state.image = image
        window, encoded = self._view(state, image)
        retrieved = state.bank.read(encoded.query.key)
        probability = self.engine.segment_together(retrieved, encoded)
        labels = _labels(window, probability, state)
        state.confidences = object_confidences(probability)
        if state.bank.takes(state.frame_index):
            state.bank.memorise(*self.engine.memorise(encoded, probability[1:]), state.frame_index)
        if added is not None:
            labels = np.where(added > 0, added, labels)
            self._add(state, image, added)
        for index, one in enumerate(state.ids):
            if (mask := labels == one).any():
                state.boxes[index] = mask_to_box(mask)
        return labels

    @tells_full_memory
    def add(self, labels: NDArray[Any]) -> None:
        """Follow the objects of `labels` (H, W), with ids not used before, from the frame answered last on.

        Raises:
            TrackerStateError: `initialize_objects` was not called.
            RegionError: labels of another size, no object, or an id that is already tracked.
        """
        state = self._started("add")
        added = self._checked_new(state, labels)
        if added is None:
            raise RegionError("the label map shows no object; give the ids of the new ones")
        self._add(state, state.image, added)

    def remove(self, one: int) -> None:
        """Follow the object with this id no longer; its id may be used again.

        Raises:
            TrackerStateError: `initialize_objects` was not called.
            RegionError: no such object, or it is the only one.
        """
        state = self._started("remove")
        if one not in state.ids or len(state.ids) == 1:
            raise RegionError(f"object {one} cannot be removed; tracked are {state.ids}, of which one has to stay")
        place = state.ids.index(one)
        for listed in (state.ids, state.boxes, state.confidences):
            del listed[place]
        state.bank.remove_object(place)

    def _started(self, called: str) -> MultiState:
        if self.state is None:
            raise TrackerStateError(f"{called}() was called before initialize_objects(); call that first")
        return self.state

    def _checked_new(self, state: MultiState, new_labels: NDArray[Any] | None) -> NDArray[np.uint8] | None:
        if new_labels is None or not np.any(new_labels):
            return None
        labels = _checked_labels(new_labels, state.shape)
        known = sorted(set(_ids(labels)) & set(state.ids))
        if known:
            raise RegionError(f"objects {known} are tracked already; give only the new ones in new_labels")
        return labels

    def _add(self, state: MultiState, image: NDArray[np.uint8], added: NDArray[np.uint8]) -> None:
        ids = _ids(added)
        state.ids += ids
        state.boxes += [mask_to_box(added == one) for one in ids]
        state.confidences += [1.0] * len(ids)
        window, encoded = self._view(state, image)
        state.bank.add_objects(*self.engine.memorise(encoded, _crops(window, added, ids)), state.frame_index)

    def _view(self, state: MultiState, image: NDArray[np.uint8]) -> tuple[Window, Encoded]:
        window = objects_window(np.stack(state.boxes), state.shape, self.config)
        return window, self.engine.encode(window.crop(image)[None])


def objects_window(boxes: NDArray[np.float64], shape: tuple[int, int], config: TrackerConfig) -> Window:
    """The square window that shows the search area of every box (O, 4), and no more than the whole image."""
    reach = config.segmentation.search_factor * np.sqrt(boxes[:, 2:].prod(1)) / 2
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    low, high = (centres - reach[:, None]).min(0), (centres + reach[:, None]).max(0)
    image_size = np.array(shape[::-1], dtype=np.float64)
    side = float(min((high - low).max(), image_size.max()))
    middle = (low + high) / 2
    # A window as large as the image along an axis is centred on it; a smaller one stays inside.
    centre = np.where(side >= image_size, image_size / 2, np.clip(middle, side / 2, image_size - side / 2))
    return Window((float(centre[0]), float(centre[1])), side, config.segmentation.multi_patch_size)


def _labels(window: Window, probability: NDArray[np.float32], state: MultiState) -> NDArray[np.uint8]:
    """The most probable id of each pixel, from (O + 1, S, S) probabilities with the background first."""
    pasted = np.stack([window.paste(one, state.shape) for one in probability[1:]])
    background = np.maximum(1 - pasted.sum(0), 0)
    best = pasted.argmax(0)
    ids = np.array(state.ids, dtype=np.uint8)
    return np.where(pasted.max(0) > background, ids[best], 0).astype(np.uint8)


def object_confidences(probability: NDArray[np.float32]) -> list[float]:
    """Of each object the mean of (O + 1, S, S) probabilities, background first, where it is the most probable."""
    best = probability.argmax(0)
    where = [best == index for index in range(1, len(probability))]
    return [float(one[seen].mean()) if seen.any() else 0.0 for one, seen in zip(probability[1:], where, strict=True)]


def _crops(window: Window, labels: NDArray[np.uint8], ids: list[int]) -> NDArray[np.float32]:
    return np.stack([window.crop_mask((labels == one).astype(np.uint8)) for one in ids])


def _ids(labels: NDArray[np.uint8]) -> list[int]:
    return [int(one) for one in np.unique(labels) if one]


def _checked_labels(labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.uint8]:
    labels = np.asarray(labels)
    if labels.shape != shape:
        raise RegionError(f"the label map is {labels.shape}, but the image is {shape}; both are (H, W)")
    if labels.min() < 0 or labels.max() > MAXIMUM_OBJECTS:
        raise RegionError(f"ids must lie in 1..{MAXIMUM_OBJECTS}, got {int(labels.min())}..{int(labels.max())}")
    return labels.astype(np.uint8)
