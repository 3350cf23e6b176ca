"""The story of one frame (section 3.1).

image -> crop around the last position -> encode -> spatial memory: new centre, trust
      -> crop around the centre -> encode -> read the appearance memory -> decode -> mask -> boxes
      -> what each memory learns from the frame, if the spatial memory trusts it
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.following import MINIMUM_SIDE, mask_leads, middle_of, next_size
from samn_tracker.core.recovery import is_believable, next_places
from samn_tracker.core.start import box_habit, first_answer, first_frame_features, first_mask_crop, start_box
from samn_tracker.core.state import Pending, Search, Trace, TrackState, View
from samn_tracker.errors import TrackerStateError
from samn_tracker.images import as_rgb, next_frame
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.spatial import SpatialMemory
from samn_tracker.model.weights import WeightsInfo
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.engine import Engine, tells_full_memory
from samn_tracker.runtime.side_by_side import beside
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.decoded_region import grown_extent, holds_target, touched_region
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.regions import as_target, largest_component, mask_to_box, parts_around, target_kind


class Tracker:
    """SAMN on one target. `initialize` starts, `track` follows; see `Prediction` for what they answer."""

    def __init__(self, engine: Engine, config: TrackerConfig, info: WeightsInfo | None = None) -> None:
        self.engine = engine
        self.config = config
        self.info = info
        self.state: TrackState | None = None

    @tells_full_memory
    def initialize(self, image: NDArray[Any], target: Any) -> Prediction:
        """Start on `target` in `image` and forget everything earlier.

        Args:
            image: (H, W, 3) uint8 RGB; greyscale, alpha and 16-bit are converted.
            target: box (4,) x, y, w, h, polygon (4, 2), or mask (H, W), in 0-based image pixels.

        Raises:
            ImageError: not an image.
            RegionError: a region that is malformed, empty or outside the image.
        """
        self.state = None
        image = as_rgb(image)
        shape = (image.shape[0], image.shape[1])
        target = as_target(target, shape)
        box = start_box(target)
        config = self.config.segmentation
        from_mask = target_kind(target) == "mask"
        state = TrackState(
            shape=shape,
            centre=np.clip(box[:2] + box[2:] / 2, 0, shape[::-1]),
            size=np.maximum(box[2:], MINIMUM_SIDE),
            extent=np.array([-box[2:] / 2, box[2:] / 2]),
            patch_size=config.patch_size_mask_start if from_mask else config.patch_size_box_start,
            threshold=config.threshold_mask_start if from_mask else config.threshold_box_start,
            scale_step=config.scale_step_mask_start if from_mask else config.scale_step_box_start,
            bank=AppearanceBank(self.config.appearance, self.config.dynamic, self.engine.model_config.similarity),
            spatial=SpatialMemory(self.config.spatial) if self.config.spatial.enabled else None,
            last=first_answer(target, shape, config),
            areas=deque(maxlen=config.area_window),
        )
        self._start_appearance(state, image, target)
        self._start_spatial(state, image)
        self.state = state
        return state.last

    @tells_full_memory
    def track(self, image: NDArray[Any]) -> Prediction:
        """Find the target in the next frame.

        Raises:
            TrackerStateError: `initialize` was not called.
            ImageError: not an image, or one of another size than the first.
        """
        state = self.state
        if state is None:
            raise TrackerStateError("track() was called before initialize(); call initialize(image, target) first")
        image = next_frame(image, state.shape, state.frame_index + 1)
        state.frame_index += 1
        centre_before = state.centre
        with beside(self.finish_frame, at_once=self.engine.memorises_beside and state.pending is not None):
            search = self._search(state, image)
            view = self._view(state, image, search)
        probability = self._segment(state, view)
        state.trace = Trace(view.window, search, probability, state.bank.frame_indices, state.bank.weights[0])

        uncertainty = search.localisation.uncertainty if search else 0.0
        above = (probability > state.threshold).view(np.uint8)
        target_crop = largest_component(above, self.config.segmentation.minimum_pixels)
        mask = (view.window.paste(probability, state.shape) > state.threshold).astype(np.uint8)
        reach = self.config.segmentation.part_reach * float(np.sqrt(state.size.prod()))
        target, mask = parts_around(mask, state.centre, reach, self.config.segmentation.part_share)
        seen = uncertainty < self.config.spatial.output_uncertainty and target_crop.any() and target.any()
        confidence = float(probability[target_crop > 0].mean()) / max(1.0, uncertainty) if seen else 0.0
        elsewhere = search is not None and search.elsewhere
        if not seen or (elsewhere and not is_believable(mask, confidence, state.areas, self.config.recovery)):
            state.centre = centre_before if elsewhere else state.centre
            state.lost_frames += 1
            state.last = replace(state.last, confidence=0.0, found=False)
            return state.last
        state.lost_frames = 0
        polygon = state.habit.apply_to_polygon(fit_rotated_box(target, self.config.segmentation))
        state.last = Prediction(state.habit.apply(mask_to_box(target)), polygon, mask, confidence)
        leads = search is None or mask_leads(state, state.last, self.config.segmentation)
        if leads:
            state.centre = middle_of(state.last.box)
        self._memorise(state, search, view, probability, leads)
        if uncertainty < self.config.spatial.scale_uncertainty:
            state.size = next_size(state, state.last, self.config.segmentation)
        state.areas.append(int(mask.sum()))
        bounds = mask_to_box(mask)
        state.extent = np.array([bounds[:2], bounds[:2] + bounds[2:]]) - state.centre
        return state.last

    @tells_full_memory
    def finish_frame(self) -> None:
        """Let the appearance memory learn from the latest frame now, not only while `track` searches the next one."""
        state = self.state
        if state is not None and state.pending is not None:
            encoded, probability, frame_index = state.pending
            state.bank.memorise(*self.engine.memorise(encoded, probability), frame_index)
            state.pending = None

    # --- finding the target --------------------------------------------------------------------------------------

    def _search(self, state: TrackState, image: NDArray[np.uint8]) -> Search | None:
        """Ask the spatial memory where the target is, and move the search centre there if it is sure."""
        if state.spatial is None:
            return None
        search = self._look(state.spatial, state, image, state.centre)
        lost = self.config.recovery.enabled and state.lost_frames >= self.config.recovery.after_frames
        if lost and search.localisation.uncertainty >= self.config.recovery.accept_uncertainty:
            search = self._look_elsewhere(state.spatial, state, image) or search
        if search.trusted:
            state.centre = np.clip(search.centre, 0, state.shape[::-1])
        return search

    def _look(
        self,
        spatial: SpatialMemory,
        state: TrackState,
        image: NDArray[np.uint8],
        centre: NDArray[np.float64],
        lost: bool = False,
    ) -> Search:
        window = self._search_window(state, centre)
        patch, shared = window.crop(image)[None], self.config.spatial.localisation_pass == "shared"
        encoded = self.engine.encode(patch) if shared else None
        f16 = encoded.query.f16 if encoded else self.engine.features(patch)
        localisation = spatial.localise(f16, state.size / window.scale, lost=lost)
        trusted = localisation.uncertainty < self.config.spatial.move_uncertainty
        return Search(window, encoded, localisation, trusted)

    def _look_elsewhere(self, spatial: SpatialMemory, state: TrackState, image: NDArray[np.uint8]) -> Search | None:
        """The surest place of the rings, its peak seen once more from close by; None if it is not surely the target."""
        config = self.config.recovery
        side = self._search_window(state, state.centre).side
        places = next_places(state.centre, side, state.shape, state.lost_frames - config.after_frames, config)
        looks = (self._look(spatial, state, image, place, lost=True) for place in places)
        lead = min(looks, key=lambda look: look.localisation.uncertainty, default=None)
        if lead is None or lead.localisation.uncertainty >= config.lead_uncertainty:
            return None
        again = self._look(spatial, state, image, np.clip(lead.centre, 0, state.shape[::-1]))
        sure = again.localisation.uncertainty < config.accept_uncertainty
        return again._replace(trusted=True, elsewhere=True) if sure else None

    def _view(self, state: TrackState, image: NDArray[np.uint8], search: Search | None) -> View:
        """The patch to segment: the searched one where it serves, else one cut around the centre."""
        if search is not None and search.encoded is not None:
            middle = search.window.to_crop(state.centre)
            distance = np.linalg.norm(middle - search.window.size / 2) * search.window.scale
            if distance <= self.config.segmentation.recrop_distance * np.sqrt(state.size.prod()):
                return View(search.window, search.encoded, middle)
        window = self.segmentation_window(state, state.centre)
        return View(window, self.engine.encode(window.crop(image)[None]), window.to_crop(state.centre))

    def _search_window(self, state: TrackState, centre: NDArray[np.float64]) -> Window:
        config = self.config.spatial
        if config.localisation_pass == "shared":
            return self.segmentation_window(state, centre)
        return _window(centre, state.size, config.search_factor, config.patch_size)

    def segmentation_window(self, state: TrackState, centre: NDArray[np.float64]) -> Window:
        """The square window that is segmented for a target around `centre` (2,), xy in image pixels."""
        return _window(centre, state.size, self.config.segmentation.search_factor, state.patch_size)

    def _segment(self, state: TrackState, view: View) -> NDArray[np.float32]:
        """Probability (S, S) of the target, decoded where it is expected; everywhere if it is not all inside there."""
        config, key = self.config.segmentation, view.encoded.query.key
        state.bank.weigh(key)
        if config.decode_margin > 0 and not state.lost_frames:
            extent = grown_extent(state.extent, state.size, config.decode_margin) / view.window.scale
            region = touched_region(view.middle_crop + extent, (key.shape[-2], key.shape[-1]))
            seen = region.grown(config.decode_halo, (key.shape[-2], key.shape[-1]))
            retrieved = state.bank.attend(seen.cut(key, 1))
            probability = self.engine.segment(retrieved, view.encoded, view.middle_crop, region, seen)[0]
            if holds_target(probability > state.threshold, region):
                return probability
        return self.engine.segment(state.bank.attend(key), view.encoded, view.middle_crop)[0]

    # --- learning from a frame -----------------------------------------------------------------------------------

    def _start_appearance(self, state: TrackState, image: NDArray[np.uint8], target: NDArray[Any]) -> None:
        window = self.segmentation_window(state, state.centre)
        encoded = self.engine.encode(window.crop(image)[None])
        first = first_mask_crop(self.engine, self.config, encoded, window, target, state.shape)
        state.bank.start(*self.engine.memorise(encoded, first[None]))
        state.habit = box_habit(target, first, window, state.shape, self.config.segmentation)
        state.areas.append(int(first.sum() * window.scale**2))

    def _start_spatial(self, state: TrackState, image: NDArray[np.uint8]) -> None:
        if state.spatial is None:
            return
        window = self._search_window(state, state.centre)
        features, centres_crop = first_frame_features(self.engine, self.config.spatial, image, window)
        state.spatial.start(features, centres_crop, state.size / window.scale)

    def _memorise(
        self, state: TrackState, search: Search | None, view: View, probability: NDArray[np.float32], from_mask: bool
    ) -> None:
        """Both memories learn from a frame that the spatial memory trusts; without filtering the bank always does.

        The target's centre is the spatial memory's own peak, or `state.centre` where that is `from_mask`.
        """
        trusted = search is None or search.trusted
        if trusted or not self.config.appearance.sample_filtering:
            state.pending = Pending(view.encoded, probability[None], state.frame_index)
        if search is not None and trusted:
            assert state.spatial is not None
            centre = search.window.to_crop(state.centre) if from_mask else None
            size_crop = state.size / search.window.scale
            state.spatial.memorise(search.localisation, size_crop, centre_crop=centre)


def _window(centre: NDArray[np.float64], size: NDArray[np.float64], factor: float, patch_size: int) -> Window:
    """The square window whose side is `factor` times the target's mean side."""
    return Window((float(centre[0]), float(centre[1])), float(factor * np.sqrt(size.prod())), patch_size)
