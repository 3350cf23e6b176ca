"""Where the next frame is searched, and how large: what follows from an answer.

The spatial memory's peak leads, as in the released code. A filter that has slipped onto something else keeps believing
in it, though, as it learns from its own peaks; so where the mask lies apart from the peak and is as large as usual, the
mask leads, and the filter is taught the mask's middle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import SegmentationConfig
from samn_tracker.core.state import TrackState
from samn_tracker.prediction import Prediction

MINIMUM_SIDE = 2.0


def middle_of(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle (2,) xy of a box (4,) x, y, w, h."""
    return np.asarray(box[:2] + box[2:] / 2)


def mask_leads(state: TrackState, answer: Prediction, config: SegmentationConfig) -> bool:
    """Whether the next search is centred on the answered box, not on `state.centre`, the spatial memory's place."""
    if config.follow == "mask":
        return True
    apart = np.linalg.norm(middle_of(answer.box) - state.centre)
    return bool(apart > config.follow_limit * np.sqrt(state.size.prod())) and is_steady(state, answer, config)


def is_steady(state: TrackState, answer: Prediction, config: SegmentationConfig) -> bool:
    """Whether the mask has about as many pixels as the recent ones."""
    assert answer.mask is not None
    pixels = int(answer.mask.sum())
    usual = float(np.mean(state.areas)) if state.areas else float(pixels)
    return 1 / config.area_jump < pixels / max(usual, 1.0) < config.area_jump


def next_size(state: TrackState, answer: Prediction, config: SegmentationConfig) -> NDArray[np.float64]:
    """Width and height (2,) of the target for the next search: the new box's, but only a step nearer in scale."""
    size = np.maximum(answer.box[2:], MINIMUM_SIDE)
    scale = float(np.sqrt(size.prod() / state.size.prod()))
    if not is_steady(state, answer, config) or abs(scale - 1) >= config.scale_jump:
        return state.size
    limited = float(np.clip(scale, 1 - state.scale_step, 1 + state.scale_step))
    return np.maximum(size * limited / scale, MINIMUM_SIDE)
