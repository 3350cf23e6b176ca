"""Decide: what follows from what was seen. One pure function, `decide`, made of rules that each have a name.

Nothing is computed by the network and nothing is changed here: the same state and observation give the same decision.
Which rules apply is a matter of configuration (`SegmentationConfig`, `RecoveryConfig`, `SpatialConfig`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import SegmentationConfig, TrackerConfig
from samn_tracker.core.decide_released import decide_released
from samn_tracker.core.decision import Decision, Mask, Point, Remember, confidence_of, what_to_remember
from samn_tracker.core.observe import Observation
from samn_tracker.core.places import no_places, ring_places, search_window
from samn_tracker.core.released import SCALE_JUMP
from samn_tracker.core.state import TrackState
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.regions import mask_to_box, parts_around

MINIMUM_SIDE = 2.0
"""Image pixels; a smaller target is searched as if it had this size."""

BORDER = 0.1
"""Target sizes from the image's border at which a box counts as cut by it."""
ACCEPT_CONFIDENCE, ACCEPT_AREA = 0.4, 5.0
"""A mask found elsewhere is at least so sure, with at most so many times the usual pixels, and at least that part."""

HALF_SURE = 0.0275
"""Evidence for which a box is as often wrong as right (`samn bench accuracy` prints what confidence is worth)."""
FOUND_CONFIDENCE = 0.5
"""Where a first look tells less than this of an answer, it is a guess: the target is not said to be found."""
LEAST_CONFIDENCE = 0.01
"""Of an answer that was seen in the frame; 0 is for the one before it."""


class Seen(NamedTuple):
    """The target in the frame: its large parts, around which boxes are drawn, all its parts, and how sure.

    Both masks (h, w) are of a part of the image, around all that may be target, from column and row `corner` (2,) on.
    """

    large_parts: Mask
    mask: Mask
    confidence: float
    corner: tuple[int, int] = (0, 0)

    def box(self, mask: Mask) -> NDArray[np.float64]:
        """The box (4,) around one of its masks, in image pixels."""
        return mask_to_box(mask) + np.array([*self.corner, 0, 0])

    def in_image(self, shape: tuple[int, int]) -> Mask:
        """All its parts (H, W)."""
        (left, top), (height, width) = self.corner, self.mask.shape
        image = np.zeros(shape, dtype=np.uint8)
        image[top : top + height, left : left + width] = self.mask
        return image


def decide(state: TrackState, observation: Observation, config: TrackerConfig) -> Decision:
    """What is answered for the observed frame, what is remembered of it, and where the next one is searched."""
    if config.segmentation.loop == "released":
        return decide_released(state, observation, config)
    seen = target_seen(state, observation, config)
    if not is_found(seen, state, observation, config):
        return decide_lost(state, observation, config)
    return decide_found(seen, state, observation, config)


def decide_lost(state: TrackState, observation: Observation, config: TrackerConfig) -> Decision:
    """Nothing is learnt, and the last answer stands."""
    centre = next_centre(None, False, state, observation)
    lost_frames = state.lost_frames + 1
    return Decision(
        answer=replace(state.last, confidence=0.0, found=False),
        centre=centre,
        size=state.size,
        extent=state.extent,
        lost_frames=lost_frames,
        pixels=None,
        seen_size=None,
        elsewhere=places_elsewhere(centre, lost_frames, state, config),
        remember=Remember(),
    )


def decide_found(seen: Seen, state: TrackState, observation: Observation, config: TrackerConfig) -> Decision:
    """The mask and its boxes are answered; centre, size and memories follow them as far as the rules allow."""
    polygon = state.habit.apply_to_polygon(fit_rotated_box(seen.large_parts) + np.array(seen.corner))
    box = state.habit.apply(seen.box(seen.large_parts))
    pixels = int(seen.mask.sum())
    leads = mask_leads(box, pixels, state, observation, config.segmentation)
    centre = next_centre(box, leads, state, observation)
    bounds = seen.box(seen.mask)
    cut = is_near_border(box, BORDER * state.mean_side, state.shape)
    seen_size = size_to_count(box, pixels, cut, state, observation, config)
    remember = what_to_remember(centre if leads else None, state, observation, config)
    confidence = answered_confidence(seen, [pixels] if cut else state.areas, observation)
    found = observation.contrast is None or confidence >= FOUND_CONFIDENCE
    return Decision(
        answer=Prediction(box, polygon, seen.in_image(state.shape), confidence, found),
        centre=centre,
        size=state.size if seen_size is None else next_size(seen_size, state),
        extent=np.array([bounds[:2], bounds[:2] + bounds[2:]]) - centre,
        lost_frames=0,
        pixels=pixels,
        seen_size=seen_size,
        elsewhere=no_places(),
        remember=remember,
    )


# --- is it the target, and how sure ----------------------------------------------------------------------------------


def target_seen(state: TrackState, observation: Observation, config: TrackerConfig) -> Seen:
    """The parts of the thresholded probability that belong to the target; empty masks where nothing does."""
    threshold = state.start.threshold
    probability, corner = observation.window.paste_above(observation.probability, state.shape, threshold)
    above = (probability > threshold).astype(np.uint8)
    large_parts, mask = parts_around(above, observation.place - np.array(corner), state.mean_side)
    return Seen(large_parts, mask, confidence_of(probability, mask, observation.uncertainty), corner)


def answered_confidence(seen: Seen, areas: Sequence[int], observation: Observation) -> float:
    """How sure the answer is, 0 to 1: 0.5 where the evidence for the first frame's target is `HALF_SURE`.

    The evidence is how well the first frame tells the masked place from the rest, times how clear the mask is, times
    how much of the usual pixels (`areas`) it has, times the spatial memory's peak: a network that has slipped onto
    something else is as clear about that as ever, and a filter that learns from its own peaks believes in itself.
    """
    if observation.contrast is None:
        return seen.confidence
    clear = seen.confidence * max(1.0, observation.uncertainty)
    peak = min(observation.search.localisation.peak, 1.0) if observation.search else 1.0
    whole = min(int(seen.mask.sum()) / max(float(np.mean(areas)), 1.0), 1.0)
    evidence = max(observation.contrast, 0.0) * clear * whole * max(peak, 0.0)
    return max(evidence / (evidence + HALF_SURE), LEAST_CONFIDENCE)


def is_found(seen: Seen, state: TrackState, observation: Observation, config: TrackerConfig) -> bool:
    """Whether the target is there: not ruled out by the spatial memory, large enough, and believable if elsewhere."""
    return (
        observation.uncertainty < config.spatial.output_uncertainty
        and is_large_enough(seen.large_parts, observation.window.scale, config.segmentation.minimum_pixels)
        and (not observation.elsewhere or is_believable(seen, state.areas))
    )


def is_large_enough(mask: Mask, scale: float, minimum_pixels: int) -> bool:
    """Whether the mask has pixels, and at least `minimum_pixels` as the patch of `scale` image pixels a pixel has."""
    pixels = int(mask.sum())
    return pixels > 0 and pixels >= minimum_pixels * scale**2


def is_believable(seen: Seen, areas: Sequence[int]) -> bool:
    """Whether what was found elsewhere is as sure and about as large as the target, of usual pixel counts `areas`."""
    growth = int(seen.mask.sum()) / max(float(np.mean(areas)), 1.0)
    return seen.confidence >= ACCEPT_CONFIDENCE and 1 / ACCEPT_AREA < growth < ACCEPT_AREA


# --- where the next frame is searched, and how large ------------------------------------------------------------------


def middle_of(box: NDArray[np.float64]) -> Point:
    """The middle (2,) xy of a box (4,) x, y, w, h."""
    return np.asarray(box[:2] + box[2:] / 2)


def next_centre(box: NDArray[np.float64] | None, leads: bool, state: TrackState, observation: Observation) -> Point:
    """Around which place (2,) the next frame is searched, in image pixels; `box` (4,) is None where the target is lost.

    The middle of the box where the mask `leads`; else the place that was looked at. But where nothing was found at a
    place elsewhere, that is left again, and the search goes on around the last place.
    """
    if box is not None and leads:
        return middle_of(box)
    if box is None and observation.elsewhere:
        return state.centre
    return observation.place


def mask_leads(
    box: NDArray[np.float64], pixels: int, state: TrackState, observation: Observation, config: SegmentationConfig
) -> bool:
    """Whether the next search is centred on the answered box, and not on the spatial memory's place.

    A filter that has slipped onto something else keeps believing in it, as it learns from its own peaks; so where the
    mask lies apart from the peak and is as large as usual, the mask leads, and the filter is taught the mask's middle.
    """
    if observation.search is None or config.follow == "mask":
        return True
    if config.follow_limit is None:
        return False
    apart = float(np.linalg.norm(middle_of(box) - observation.place))
    return apart > config.follow_limit * state.mean_side and is_steady(pixels, state.areas, config)


def is_steady(pixels: int, areas: Sequence[int], config: SegmentationConfig) -> bool:
    """Whether a mask of so many pixels is about as large as the recent ones."""
    usual = float(np.mean(areas)) if areas else float(pixels)
    return 1 / config.area_jump < pixels / max(usual, 1.0) < config.area_jump


def size_to_count(
    box: NDArray[np.float64], pixels: int, cut: bool, state: TrackState, observation: Observation, config: TrackerConfig
) -> NDArray[np.float64] | None:
    """Width and height (2,) of the answered box, if its mask is steady and the spatial memory sure enough to scale.

    None, too, for a smaller one that the image's border may `cut`: the target comes back as large as it left.
    """
    sure = observation.uncertainty < config.spatial.scale_uncertainty
    steady = is_steady(pixels, state.areas, config.segmentation)
    whole = not cut or bool((box[2:] >= state.size).all())
    return np.maximum(box[2:], MINIMUM_SIDE) if sure and steady and whole else None


def is_near_border(box: NDArray[np.float64], margin: float, shape: tuple[int, int]) -> bool:
    """Whether a box (4,) comes nearer to the border of an (H, W) image than `margin` pixels."""
    return bool((box[:2] < margin).any() or (box[:2] + box[2:] > np.array(shape[::-1]) - margin).any())


def next_size(seen: NDArray[np.float64], state: TrackState) -> NDArray[np.float64]:
    """Width and height (2,) of the target for the next search, now that its mask's box is `seen` (2,).

    The median of the latest sizes, as a leak or an occluder makes single ones wrong; of one alone, a step towards it.
    """
    if state.start.size_frames > 1:
        return np.asarray(np.median([*state.sizes, seen][-state.start.size_frames :], axis=0))
    scale, step = float(np.sqrt(seen.prod() / state.size.prod())), state.start.scale_step
    if abs(scale - 1) >= SCALE_JUMP:
        return state.size
    return np.maximum(seen * float(np.clip(scale, 1 - step, 1 + step)) / scale, MINIMUM_SIDE)


def places_elsewhere(centre: Point, lost_frames: int, state: TrackState, config: TrackerConfig) -> NDArray[np.float64]:
    """Further places (n, 2) for the next frame: in rings around `centre`, once the target has been lost for a while."""
    waited = lost_frames - config.recovery.after_frames
    if not config.recovery.enabled or waited < 0:
        return no_places()
    side = search_window(centre, state.size, state.start.patch_size, config).side
    return ring_places(centre, side, state.shape, waited, config.recovery.places)
