"""Learn: the only place where a target's state is made and changed."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.decide import MINIMUM_SIDE, Decision
from samn_tracker.core.observe import Observation
from samn_tracker.core.places import inside_image, search_window, segmentation_window
from samn_tracker.core.start import box_habit, first_answer, first_frame_features, first_mask_crop, start_box
from samn_tracker.core.state import Pending, TrackState
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.spatial import SpatialMemory
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.regions import target_kind


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
        state = TrackState(
            shape=shape,
            start=config.mask_start if target_kind(target) == "mask" else config.box_start,
            centre=inside_image(box[:2] + box[2:] / 2, shape),
            size=np.maximum(box[2:], MINIMUM_SIDE),
            extent=np.array([-box[2:] / 2, box[2:] / 2]),
            bank=AppearanceBank(config.appearance, config.dynamic, self._engine.model_config.similarity),
            spatial=SpatialMemory(config.spatial) if config.spatial.enabled else None,
            last=first_answer(target, shape, config.segmentation),
            areas=deque(maxlen=config.segmentation.area_window),
        )
        self._start_appearance(state, image, target)
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
        self._learn_appearance(state, observation, decision)
        self._learn_place(state, observation, decision)

    def finish(self, state: TrackState) -> None:
        """Let the appearance memory learn what is pending: it costs a network pass, so `learn` leaves it for later."""
        if state.pending is not None:
            encoded, masks, frame_index = state.pending
            state.bank.memorise(*self._engine.memorise(encoded, masks), frame_index)
            state.pending = None

    @staticmethod
    def _learn_appearance(state: TrackState, observation: Observation, decision: Decision) -> None:
        assert observation.encoded is not None and observation.read_bias is not None
        state.bank.note_read(observation.read_bias)
        mask = decision.remember.appearance
        if mask is not None:
            state.pending = Pending(observation.encoded, mask[None], observation.frame_index)

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

    def _start_appearance(self, state: TrackState, image: NDArray[np.uint8], target: NDArray[Any]) -> None:
        window = segmentation_window(state.centre, state.size, state.start.patch_size, self._config)
        encoded = self._engine.encode(window.crop(image)[None])
        first = first_mask_crop(self._engine, self._config, encoded, window, target, state.shape)
        state.bank.start(*self._engine.memorise(encoded, first[None]))
        state.habit = box_habit(target, first, window, state.shape, self._config)
        state.areas.append(int(first.sum() * window.scale**2))

    def _start_spatial(self, state: TrackState, spatial: SpatialMemory, image: NDArray[np.uint8]) -> None:
        window = search_window(state.centre, state.size, state.start.patch_size, self._config)
        features, centres_crop = first_frame_features(self._engine, self._config.spatial, image, window)
        spatial.start(features, centres_crop, state.size / window.scale)
