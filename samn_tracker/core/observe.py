"""Observe: what the memories and the network say of a frame. Numbers and arrays; nothing is concluded or learnt here.

image, state -> crop around the last place -> encode -> spatial memory: where, how sure
             -> crop around that place -> encode -> read the appearance memory -> decode -> probability
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.places import inside_image, search_window, segmentation_window
from samn_tracker.core.released import fitted_size
from samn_tracker.core.state import PreviousMask, TrackState
from samn_tracker.memory.pixels import PixelScores, contrast
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.model.network import cue_maps
from samn_tracker.model.transfer import to_device
from samn_tracker.runtime.engine import Encoded, Engine
from samn_tracker.runtime.side_by_side import beside
from samn_tracker.shapes.decoded_region import grown_extent, holds_target, seen_around, touched_region
from samn_tracker.shapes.geometry import Window

LEAD_UNCERTAINTY = 5.0
"""Below this the surest of the further places is looked at again, with the window around its peak."""


class Search(NamedTuple):
    """Where the spatial memory looked, and what it answered; `trusted` if it was sure enough to move there.

    `encoded` is what the network says of the patch, where the pass is shared. `elsewhere` says that it found a lost
    target away from the last place.
    """

    window: Window
    encoded: Encoded | None
    localisation: Localisation
    trusted: bool
    elsewhere: bool = False

    @property
    def peak(self) -> NDArray[np.float64]:
        """(2,) x, y of the target by this search, in image pixels."""
        return self.window.to_image(self.localisation.centre_crop)


@dataclass(frozen=True, eq=False)
class Observation:
    """What was seen in one frame.

    Attributes:
        frame_index: of the frame; 0 is that of `initialize`.
        search: where the spatial memory looked and what it answered; None where it is switched off.
        place: (2,) x, y in image pixels where the target was expected when the patch was segmented.
        window: the segmented patch's place in the image.
        probability: (S, S) float32 of the target in the patch.
        contrast: how well what the first frame showed tells the target from the rest of the patch, -1 to 1
            (`pixels.contrast`); None where it is not asked.
        encoded: what the network says of the patch, for the memories to learn from.
        read_frames, read_bias: the memory frames that were read, and the logarithm of their weights (1, N), up to a
            constant, on the device.
    """

    frame_index: int
    search: Search | None
    place: NDArray[np.float64]
    window: Window
    probability: NDArray[np.float32]
    encoded: Encoded | None = field(default=None, repr=False)
    contrast: float | None = None
    read_frames: tuple[int, ...] = ()
    read_bias: Tensor | None = field(default=None, repr=False)

    def read_weights(self) -> list[float]:
        """The weight of each memory frame that was read; their sum is 1."""
        return [] if self.read_bias is None else torch.softmax(self.read_bias[0], dim=-1).tolist()

    @property
    def uncertainty(self) -> float:
        """Of the spatial memory, 0 (sure) to infinity; 0 without one."""
        return self.search.localisation.uncertainty if self.search else 0.0

    @property
    def trusted(self) -> bool:
        """Whether the spatial memory is sure of its place; True without one."""
        return self.search is None or self.search.trusted

    @property
    def elsewhere(self) -> bool:
        """Whether this is a place away from the last one, where a lost target may be."""
        return self.search is not None and self.search.elsewhere


class Observer:
    """Looks at frames with `engine`, as `config` says; holds nothing of a target."""

    def __init__(self, engine: Engine, config: TrackerConfig) -> None:
        self._engine = engine
        self._config = config
        self._released = config.segmentation.loop == "released"

    def observe(
        self, image: NDArray[np.uint8], state: TrackState, meanwhile: Callable[[TrackState], None]
    ) -> Observation:
        """What is seen in `image` (H, W, 3), the frame after that of `state`, which stays as it is.

        The appearance memory may still have to learn the frame before: `meanwhile(state)` does that, beside the search
        where the engine gains from it, and in any case before the memory is read.
        """
        at_once = self._engine.memorises_beside and state.pending is not None
        with beside(lambda: meanwhile(state), at_once):
            search = self._search(state, image)
            place = search_place(state, search, follows_any_peak=self._released)
            window, encoded = self._patch(state, image, search, place)
        bias = state.bank.weigh(encoded.query.key)
        scores = pixel_scores(state, encoded)
        probability = self._segment(state, place, window, encoded, bias, scores)
        frames = tuple(state.bank.frame_indices)
        return Observation(
            frame_index=state.frame_index + 1,
            search=search,
            place=place,
            window=window,
            probability=probability,
            encoded=encoded,
            contrast=self._contrast(scores, probability),
            read_frames=frames,
            read_bias=bias,
        )

    def look(
        self,
        spatial: SpatialMemory,
        state: TrackState,
        image: NDArray[np.uint8],
        centre: NDArray[np.float64],
        lost: bool = False,
    ) -> Search:
        """Ask the spatial memory for the target in the window around `centre` (2,); `lost` as in `localise`."""
        window = search_window(centre, state.size, state.start.patch_size, self._config)
        patch, shared = window.crop(image)[None], self._config.spatial.localisation_pass == "shared"
        encoded = self._engine.encode(patch) if shared else None
        f16 = encoded.query.f16 if encoded else self._engine.features(patch)
        localisation = spatial.localise(f16, state.size / window.scale, lost=lost)
        trusted = localisation.uncertainty < self._config.spatial.move_uncertainty
        return Search(window, encoded, localisation, trusted)

    def _search(self, state: TrackState, image: NDArray[np.uint8]) -> Search | None:
        """Where the spatial memory sees the target: at the last place, or if it is unsure there, at a further one."""
        if state.spatial is None:
            return None
        search = self.look(state.spatial, state, image, state.centre)
        unsure = search.localisation.uncertainty >= self._config.recovery.accept_uncertainty
        elsewhere = self._look_elsewhere(state.spatial, state, image) if unsure and len(state.elsewhere) else None
        return elsewhere or search

    def _look_elsewhere(self, spatial: SpatialMemory, state: TrackState, image: NDArray[np.uint8]) -> Search | None:
        """The surest of the further places, its peak seen once more from close by; None if that is not surely it."""
        config = self._config.recovery
        looks = (self.look(spatial, state, image, place, lost=True) for place in state.elsewhere)
        lead = min(looks, key=lambda look: look.localisation.uncertainty)
        if lead.localisation.uncertainty >= LEAD_UNCERTAINTY:
            return None
        again = self.look(spatial, state, image, inside_image(lead.peak, state.shape))
        sure = again.localisation.uncertainty < config.accept_uncertainty
        return again._replace(trusted=True, elsewhere=True) if sure else None

    def _patch(
        self, state: TrackState, image: NDArray[np.uint8], search: Search | None, place: NDArray[np.float64]
    ) -> tuple[Window, Encoded]:
        """The patch to segment: the searched one where it shows `place` near its middle, else one cut around that."""
        if search is not None and search.encoded is not None:
            distance = np.linalg.norm(place - search.window.centre)
            if distance <= self._config.segmentation.recrop_distance * state.mean_side:
                return search.window, search.encoded
        size = fitted_size(state.size, state.shape) if self._released else state.size
        window = segmentation_window(place, size, state.start.patch_size, self._config)
        return window, self._engine.encode(window.crop(image)[None])

    def _contrast(self, scores: PixelScores | None, probability: NDArray[np.float32]) -> float | None:
        """How well the first frame tells what is segmented, (S, S), from the rest of the patch; None if not asked."""
        if scores is None or not self._config.first_look.enabled:
            return None
        return float(contrast(scores.first, to_device(probability[None, None], scores.first.device)))

    def _segment(
        self,
        state: TrackState,
        place: NDArray[np.float64],
        window: Window,
        encoded: Encoded,
        bias: Tensor,
        scores: PixelScores | None,
    ) -> NDArray[np.float32]:
        """Probability (S, S) of the target, decoded where it is expected; everywhere if it is not all inside there."""
        config, key = self._config.segmentation, encoded.query.key
        middle = np.full(2, window.size / 2) if config.cut == "whole" else window.to_crop(place)
        cues = told_cues(self._engine, window, encoded, state.previous, scores)
        if config.decode_margin > 0 and not state.lost_frames:
            extent = grown_extent(state.extent, state.size, config.decode_margin) / window.scale
            region = touched_region(middle + extent, (key.shape[-2], key.shape[-1]))
            seen = seen_around(region, config.decode_halo, (key.shape[-2], key.shape[-1]))
            retrieved = state.bank.attend(seen.cut(key, 1), bias)
            probability = self._engine.segment(retrieved, encoded, middle, region, seen, cues)[0]
            if holds_target(probability > state.start.threshold, region):
                return probability
        return self._engine.segment(state.bank.attend(key, bias), encoded, middle, cues=cues)[0]


def pixel_scores(state: TrackState, encoded: Encoded) -> PixelScores | None:
    """What the pixel model says of the patch; None where there is none."""
    return None if state.pixels is None else state.pixels.scores(encoded.query.f16)


def told_cues(
    engine: Engine, window: Window, encoded: Encoded, previous: PreviousMask | None, scores: PixelScores | None
) -> Tensor | None:
    """What the decoder is told besides the memory: previous mask and pixel score, where it takes them."""
    model = engine.model_config
    mask = None
    if model.previous_mask and previous is not None:
        moved = window.take_over(previous.probability, previous.window)
        mask = to_device(moved[None, None], encoded.query.f16.device)
    score = scores.now if scores is not None and model.pixel_score else None
    return None if mask is None and score is None else cue_maps(model, mask, score)


def segment_all(
    engine: Engine, state: TrackState, window: Window, encoded: Encoded, previous: PreviousMask | None
) -> NDArray[np.float32]:
    """Probability (S, S) of the target by all that is remembered, in the whole patch of any window."""
    key, cues = encoded.query.key, told_cues(engine, window, encoded, previous, pixel_scores(state, encoded))
    return engine.segment(state.bank.attend(key, state.bank.weigh(key)), encoded, cues=cues)[0]


def search_place(state: TrackState, search: Search | None, follows_any_peak: bool = False) -> NDArray[np.float64]:
    """Where (2,) the patch to segment is centred, in image pixels: the spatial memory's peak if it is trusted.

    The released loop `follows_any_peak`.
    """
    if search is None or not (search.trusted or follows_any_peak):
        return state.centre
    return inside_image(search.peak, state.shape)
