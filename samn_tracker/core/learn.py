"""Learn: the only place where a target's state is made and changed."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import StartConfig, TrackerConfig
from samn_tracker.core.correction import window_around
from samn_tracker.core.decide import MINIMUM_SIDE, middle_of
from samn_tracker.core.decision import Decision
from samn_tracker.core.observe import Observation, segment_all
from samn_tracker.core.places import inside_image, no_places, search_window, segmentation_window
from samn_tracker.core.start import box_habit, first_answer, first_frame_features, first_mask_crop, start_box
from samn_tracker.core.state import Pending, PreviousMask, TrackState
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.pixels import PixelModel
from samn_tracker.memory.spatial import SpatialMemory
from samn_tracker.memory.thinning import read_weights
from samn_tracker.model.transfer import to_device
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.engine import Encoded, Engine
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.regions import mask_iou, mask_to_box, target_kind

SLIPPED = 0.4
"""Target sizes between a correction and the filter's own peak from which the filter is not believed any more."""

AREA_WINDOW = 25
"""How many of the latest masks make the usual pixel count."""

PIXEL_INTERVAL = 3
"""Frames between those that the pixel model learns: neighbours are alike, and its normal equations take 3 ms."""


def started_sizes(size: NDArray[np.float64], start: StartConfig) -> deque[NDArray[np.float64]]:
    """The sizes that the next ones are weighed against: `size` (2,), which is given, counts as half of them."""
    return deque([size] * max(1, start.size_frames // 2), maxlen=start.size_frames)


class Shown(NamedTuple):
    """A frame with a given mask: the window that is cut for it, what the network says of the patch, and the mask there.

    Attributes:
        crop: (S, S) float32 in 0..1.
    """

    window: Window
    encoded: Encoded
    crop: NDArray[np.float32]


class Learner:
    """Makes and changes states with `engine`, as `config` says; holds nothing of a target."""

    def __init__(self, engine: Engine, config: TrackerConfig) -> None:
        self._engine = engine
        self._config = config

    def start(self, image: NDArray[np.uint8], target: NDArray[Any]) -> TrackState:
        """The state after the first frame (H, W, 3) with its checked target, both memories started.

        Raises:
            ConfigError: a memory cannot be made with these settings.
            WeightsError: the network's features are not finite.
        """
        config, shape = self._config, (image.shape[0], image.shape[1])
        box = start_box(target)
        start = config.mask_start if target_kind(target) == "mask" else config.box_start
        centre, size = inside_image(middle_of(box), shape), np.maximum(box[2:], MINIMUM_SIDE)
        window = segmentation_window(centre, size, start.patch_size, config)
        encoded = self._engine.encode(window.crop(image)[None])
        first = first_mask_crop(self._engine, config, encoded, window, target, shape)
        pixels = self._first_area(first.crop, window, start.threshold)
        state = TrackState(
            shape=shape,
            start=start,
            centre=centre,
            size=size,
            extent=np.array([-box[2:] / 2, box[2:] / 2]),
            bank=AppearanceBank(config.appearance, config.dynamic, self._engine.model_config.similarity),
            spatial=SpatialMemory(config.spatial) if config.spatial.enabled else None,
            last=first_answer(target, first, window, shape, config),
            areas=deque([pixels], maxlen=AREA_WINDOW),
            sizes=started_sizes(size, start),
            habit=box_habit(target, first.crop, window, shape, config),
        )
        state.bank.start(*self._engine.memorise(encoded, first.crop[None]), _read_weights(first.crop, start))
        if config.first_look.enabled or self._engine.model_config.pixel_score:
            state.pixels = PixelModel()
            state.pixels.start(encoded.query.f16, to_device(first.crop[None, None], encoded.query.f16.device))
        state.previous = PreviousMask(window, first.crop)
        if state.spatial is not None:
            self._start_spatial(state, state.spatial, image)
        return state

    def learn(self, state: TrackState, observation: Observation, decision: Decision) -> None:
        """Bring `state` from the frame before the observed one to that one."""
        state.frame_index = observation.frame_index
        state.last = decision.answer
        state.centre, state.size, state.extent = decision.centre, decision.size, decision.extent
        state.lost_frames = decision.lost_frames
        state.elsewhere = decision.elsewhere
        if decision.pixels is not None:
            state.areas.append(decision.pixels)
        if decision.seen_size is not None:
            state.sizes.append(decision.seen_size)
        state.previous = PreviousMask(observation.window, observation.probability) if not decision.lost_frames else None
        self._learn_appearance(state, observation, decision)
        self._learn_place(state, observation, decision)

    def correct(
        self, state: TrackState, image: NDArray[np.uint8], mask: NDArray[np.uint8], *, is_new: bool, permanent: bool
    ) -> None:
        """Go on from where the mask (H, W) shows the target in `image`, another frame than the last if it `is_new`.

        A permanent correction is a frame of its own kind, like the first: it is never dropped from the appearance
        memory, and what tells target from background learns it as it learnt the first. What the present frame was taken
        for is not learnt. The search begins anew at the shown place.
        """
        if is_new:
            self.finish(state)
            state.frame_index += 1
        state.pending = None
        self._place(state, mask)
        shown = self._look_at(state, image, mask)
        key, value = self._engine.memorise(shown.encoded, shown.crop[None])
        weights = _read_weights(shown.crop, state.start)
        state.previous = PreviousMask(shown.window, shown.crop)
        self._learn_pixels(state, shown, is_shown=permanent)
        if permanent:
            state.bank.pin(key, value, state.frame_index, weights)
        else:
            state.frame_index = max(state.frame_index, max(state.bank.frame_indices) + 1)
            state.bank.memorise(key, value, state.frame_index, weights, shown=True)
        if state.spatial is not None:
            self._correct_spatial(state, state.spatial, image)

    def remember(
        self, state: TrackState, image: NDArray[np.uint8], mask: NDArray[np.uint8], least_overlap: float = 0.0
    ) -> bool:
        """Store another frame with its mask (H, W) in the appearance memory, and teach the pixel model with it.

        False, and nothing is learnt, where what the memory sees there overlaps less than `least_overlap` with the mask.
        """
        self.finish(state)
        shown = self._look_at(state, image, mask)
        if least_overlap > 0:
            seen = segment_all(self._engine, state, shown.window, shown.encoded, previous=None)
            above = (seen > state.start.threshold).astype(np.uint8)
            if mask_iou(above, (shown.crop > 0.5).astype(np.uint8)) < least_overlap:
                return False
        state.frame_index += 1
        memory = self._engine.memorise(shown.encoded, shown.crop[None])
        state.bank.memorise(*memory, state.frame_index, _read_weights(shown.crop, state.start), shown=True)
        self._learn_pixels(state, shown, is_shown=False)
        return True

    def finish(self, state: TrackState) -> None:
        """Let the appearance memory learn what is pending: it costs a network pass, so `learn` leaves it for later."""
        if state.pending is not None:
            encoded, masks, frame_index = state.pending
            memory = self._engine.memorise(encoded, masks)
            state.bank.memorise(*memory, frame_index, _read_weights(masks[0], state.start))
            state.pending = None

    def _learn_appearance(self, state: TrackState, observation: Observation, decision: Decision) -> None:
        assert observation.encoded is not None and observation.read_bias is not None
        state.bank.note_read(observation.read_bias)
        mask = decision.remember.appearance
        if mask is not None:
            if state.bank.takes(observation.frame_index):
                state.pending = Pending(observation.encoded, mask[None], observation.frame_index)
            if self._engine.model_config.pixel_score and observation.frame_index % PIXEL_INTERVAL == 0:
                assert state.pixels is not None
                f16 = observation.encoded.query.f16
                state.pixels.learn(f16, to_device(mask[None, None], f16.device))

    @staticmethod
    def _learn_place(state: TrackState, observation: Observation, decision: Decision) -> None:
        if state.spatial is None:
            return
        state.spatial.count_frame()
        sample = decision.remember.filter
        if sample is not None:
            assert observation.search is not None
            localisation = observation.search.localisation
            state.spatial.memorise(localisation, sample.size_crop, centre_crop=sample.centre_crop)

    def _place(self, state: TrackState, mask: NDArray[np.uint8]) -> None:
        """The target is where the mask (H, W) shows it, and as large, also where something hides a part of it.

        A patch cut for what is seen shows that in more pixels, and reaches far enough for the rest to come out in it.
        """
        box = mask_to_box(mask)
        state.centre = inside_image(middle_of(box), state.shape)
        state.size = np.maximum(box[2:], MINIMUM_SIDE)
        state.extent = np.array([box[:2], box[:2] + box[2:]]) - state.centre
        state.areas.clear()
        state.sizes = started_sizes(state.size, state.start)
        state.areas.append(int(mask.sum()))
        state.lost_frames, state.elsewhere = 0, no_places()
        polygon = state.habit.apply_to_polygon(fit_rotated_box(mask))
        state.last = Prediction(state.habit.apply(box), polygon, mask)

    def _look_at(self, state: TrackState, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Shown:
        """What the network says of a frame with a mask (H, W), in the window of a target of this mask."""
        window = window_around(mask, state.start.patch_size, self._config)
        return Shown(window, self._engine.encode(window.crop(image)[None]), window.crop_mask(mask))

    @staticmethod
    def _learn_pixels(state: TrackState, shown: Shown, is_shown: bool) -> None:
        """Teach the model of cells; what it says of the first frame only where a person showed the target."""
        if state.pixels is None:
            return
        f16 = shown.encoded.query.f16
        crop = to_device(shown.crop[None, None], f16.device)
        (state.pixels.learn_shown if is_shown else state.pixels.learn)(f16, crop)

    def _correct_spatial(self, state: TrackState, spatial: SpatialMemory, image: NDArray[np.uint8]) -> None:
        """Teach the correlation filter the shown place; one that sees the target elsewhere begins anew.

        It has slipped onto something else, then, believes in itself, and its samples of the last frames are of that.
        """
        window = search_window(state.centre, state.size, state.start.patch_size, self._config)
        size_crop, centre_crop = state.size / window.scale, window.to_crop(state.centre)
        seen = spatial.localise(self._engine.features(window.crop(image)[None]), size_crop)
        apart = float(np.linalg.norm(seen.centre_crop - centre_crop)) / float(np.sqrt(size_crop.prod()))
        if apart < SLIPPED and seen.peak > 0:
            spatial.memorise(seen, size_crop, centre_crop=centre_crop)
        else:
            self._start_spatial(state, spatial, image)

    def _first_area(self, first: NDArray[np.float32], window: Window, threshold: float) -> int:
        """Pixels of the first mask (S, S): in the image, or in the patch where the released loop counts them there."""
        if self._config.segmentation.loop == "own":
            return int(first.sum() * window.scale**2)
        return int((first > threshold).sum())

    def _start_spatial(self, state: TrackState, spatial: SpatialMemory, image: NDArray[np.uint8]) -> None:
        thinned = self._config.spatial.cut == "thinned"
        centre = np.rint(state.centre) if thinned else state.centre  # as released: the labels keep what is cut off here
        window = search_window(centre, state.size, state.start.patch_size, self._config)
        features, centres_crop = first_frame_features(self._engine, self._config.spatial, image, window)
        spatial.start(features, centres_crop + (state.centre - centre) / window.scale, state.size / window.scale)


def _read_weights(crop: NDArray[np.float32], start: StartConfig) -> NDArray[np.float32] | None:
    """By which cells a frame with the mask (S, S) is read; None for all alike."""
    return read_weights(crop) if start.thin_background else None
