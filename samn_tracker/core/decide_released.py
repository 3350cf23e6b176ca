"""Decide, as the authors' released loop does (docs/numbers.md); what it measures is in `samn_tracker.core.released`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.decision import Decision, Point, Remember, confidence_of, what_to_remember
from samn_tracker.core.observe import Observation
from samn_tracker.core.places import no_places
from samn_tracker.core.released import Contour, fitted_size, has_jumped, main_contour, next_scale
from samn_tracker.core.state import TrackState
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.regions import box_to_polygon, largest_component, mask_to_box

WRITTEN_THRESHOLD = 0.5
"""Probability above which a pixel is in the answered mask of the released loop; boxes and sizes have the start's."""


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
