"""What a decision says, and what it has in common in both loops: how sure it is, and what the memories learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.observe import Observation
from samn_tracker.core.state import TrackState
from samn_tracker.prediction import Prediction

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


def confidence_of(probability: NDArray[np.float32], mask: Mask, uncertainty: float) -> float:
    """Mean probability (h, w) of the mask's own pixels, less where the spatial memory is unsure; 0 for none."""
    return float(cv2.mean(probability, mask)[0]) / max(1.0, uncertainty)


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
