"""Decide: what follows from what was seen. One pure function, `decide`, made of rules that each have a name.

Nothing is computed by the network and nothing is changed here: the same state and observation give the same decision.
Which rules apply is a matter of configuration (`SegmentationConfig`, `RecoveryConfig`, `SpatialConfig`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import SegmentationConfig, TrackerConfig
from samn_tracker.core.observe import Observation
from samn_tracker.core.places import no_places, ring_places, search_window
from samn_tracker.core.released import SCALE_JUMP, Contour, fitted_size, has_jumped, main_contour, next_scale
from samn_tracker.core.state import TrackState
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.regions import box_to_polygon, largest_component, mask_to_box, parts_around

MINIMUM_SIDE = 2.0
"""Image pixels; a smaller target is searched as if it had this size."""

BORDER = 0.1
"""Target sizes from the image's border at which a box counts as cut by it."""
WRITTEN_THRESHOLD = 0.5
"""Probability above which a pixel is in the answered mask of the released loop; boxes and sizes have the start's."""
ACCEPT_CONFIDENCE, ACCEPT_AREA = 0.4, 5.0
"""A mask found elsewhere is at least so sure, with at most so many times the usual pixels, and at least that part."""

HALF_SURE = 0.0275
"""Evidence for which a box is as often wrong as right (`samn bench accuracy` prints what confidence is worth)."""
FOUND_CONFIDENCE = 0.5
"""Where a first look tells less than this of an answer, it is a guess: the target is not said to be found."""
LEAST_CONFIDENCE = 0.01
"""Of an answer that was seen in the frame; 0 is for the one before it."""

Point = NDArray[np.float64]
Mask = NDArray[np.uint8]


class FilterSample(NamedTuple):
    """What the spatial memory is to learn: the target's centre (2,) and size (2,), in pixels of the searched patch."""

    centre_crop: Point
    size_crop: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Remember:
    """What each memory is to learn from the frame; None where it is nothing.

    Attributes:
        appearance: soft mask (S, S) of the target in the segmented patch, for the appearance memory.
        filter: for the spatial memory.
    """

    appearance: NDArray[np.float32] | None = None
    filter: FilterSample | None = None


@dataclass(frozen=True, eq=False)
class Decision:
    """The answer for a frame, what is remembered of it, and where the next one is searched.

    Attributes:
        answer: the frame's answer; the last one, not found, where the target is lost.
        centre, size, extent, lost_frames: of the next state; see `TrackState`.
        pixels: of the mask, for the usual pixel count; None where the target is lost.
        seen_size: (2,) w, h by the mask alone, to be counted among the latest; None where it does not count.
        elsewhere: (n, 2) further places at which the next frame is searched.
        remember: what the memories learn.
    """

    answer: Prediction
    centre: Point
    size: NDArray[np.float64]
    extent: NDArray[np.float64]
    lost_frames: int
    pixels: int | None
    seen_size: NDArray[np.float64] | None
    elsewhere: NDArray[np.float64]
    remember: Remember


class Seen(NamedTuple):
    """The target in the frame: its large parts (H, W), around which boxes are drawn, all its parts, and how sure."""

    large_parts: Mask
    mask: Mask
    confidence: float


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
    polygon = state.habit.apply_to_polygon(fit_rotated_box(seen.large_parts))
    box = state.habit.apply(mask_to_box(seen.large_parts))
    pixels = int(seen.mask.sum())
    leads = mask_leads(box, pixels, state, observation, config.segmentation)
    centre = next_centre(box, leads, state, observation)
    bounds = mask_to_box(seen.mask)
    cut = is_near_border(box, BORDER * state.mean_side, state.shape)
    seen_size = size_to_count(box, pixels, cut, state, observation, config)
    remember = what_to_remember(centre if leads else None, state, observation, config)
    confidence = answered_confidence(seen, [pixels] if cut else state.areas, observation)
    found = observation.contrast is None or confidence >= FOUND_CONFIDENCE
    return Decision(
        answer=Prediction(box, polygon, seen.mask, confidence, found),
        centre=centre,
        size=state.size if seen_size is None else next_size(seen_size, state),
        extent=np.array([bounds[:2], bounds[:2] + bounds[2:]]) - centre,
        lost_frames=0,
        pixels=pixels,
        seen_size=seen_size,
        elsewhere=no_places(),
        remember=remember,
    )


# --- the released loop: rules in `samn_tracker.core.released` ---------------------------------------------------------


def decide_released(state: TrackState, observation: Observation, config: TrackerConfig) -> Decision:
    """The largest contour around the peak, trusted or not, is the target, unless the spatial memory rules it out."""
    segmentation, spatial = config.segmentation, config.spatial
    contour = main_contour(observation.probability, state.start.threshold, segmentation.minimum_pixels)
    probability = observation.window.paste(observation.probability, state.shape)
    main = largest_component((probability > state.start.threshold).astype(np.uint8))
    if contour is None or not main.any() or observation.uncertainty >= spatial.output_uncertainty:
        return decide_unseen(state, observation)
    jumped = has_jumped(contour.area, state.areas, segmentation)
    centre = released_centre(contour, jumped, state, observation)
    size = fitted_size(state.size, state.shape) if observation.trusted else state.size
    if not jumped and observation.uncertainty < spatial.scale_uncertainty:
        present = fitted_size(state.size, state.shape)
        scale, step = observation.window.scale, state.start.scale_step
        size = present * next_scale(contour, scale, present, step)
    box = mask_to_box(main)
    mask = (probability > WRITTEN_THRESHOLD).astype(np.uint8)
    confidence = confidence_of(probability, main, observation.uncertainty)
    return Decision(
        answer=Prediction(box, fit_rotated_box(main), mask, confidence),
        centre=centre,
        size=size,
        extent=np.array([box[:2], box[:2] + box[2:]]) - centre,
        lost_frames=0,
        pixels=round(contour.area),
        seen_size=None,
        elsewhere=no_places(),
        remember=what_to_remember(centre, state, observation, config),
    )


def decide_unseen(state: TrackState, observation: Observation) -> Decision:
    """The place becomes the peak, and the answered box is the old size there; nothing is learnt."""
    size = fitted_size(state.size, state.shape)
    box = np.concatenate([observation.place - size / 2, size])
    return Decision(
        answer=replace(state.last, box=box, polygon=box_to_polygon(box), confidence=0.0, found=False),
        centre=observation.place,
        size=state.size,
        extent=state.extent,
        lost_frames=state.lost_frames + 1,
        pixels=None,
        seen_size=None,
        elsewhere=no_places(),
        remember=Remember(),
    )


def released_centre(contour: Contour, jumped: bool, state: TrackState, observation: Observation) -> Point:
    """The middle of the contour's rectangle; where its area has jumped the peak, or the last place if that is unsure.

    The released code takes the patch to be cut exactly around the peak, not around a whole pixel.
    """
    if not jumped:
        return observation.place + (contour.centre - observation.window.size / 2) * observation.window.scale
    return observation.place if observation.trusted else state.centre


# --- is it the target, and how sure ----------------------------------------------------------------------------------


def target_seen(state: TrackState, observation: Observation, config: TrackerConfig) -> Seen:
    """The parts of the thresholded probability that belong to the target; empty masks where nothing does."""
    probability = observation.window.paste(observation.probability, state.shape)
    above = (probability > state.start.threshold).astype(np.uint8)
    large_parts, mask = parts_around(above, observation.place, state.mean_side)
    return Seen(large_parts, mask, confidence_of(probability, mask, observation.uncertainty))


def confidence_of(probability: NDArray[np.float32], mask: Mask, uncertainty: float) -> float:
    """Mean probability (H, W) of the mask's own pixels, less where the spatial memory is unsure; 0 for none."""
    return float(cv2.mean(probability, mask)[0]) / max(1.0, uncertainty)


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


# --- what is remembered -----------------------------------------------------------------------------------------------


def what_to_remember(
    taught: Point | None, state: TrackState, observation: Observation, config: TrackerConfig
) -> Remember:
    """Both memories learn from a frame that the spatial memory trusts; without filtering the bank always does.

    The spatial memory learns its own peak, or the place `taught` (2,), in image pixels, where the mask leads.
    """
    keep = observation.trusted or not config.appearance.sample_filtering
    appearance = observation.probability if keep else None
    search = observation.search
    if search is None or not search.trusted:
        return Remember(appearance)
    centre_crop = search.localisation.centre_crop if taught is None else search.window.to_crop(taught)
    return Remember(appearance, FilterSample(centre_crop, state.size / search.window.scale))
