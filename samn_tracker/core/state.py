"""What changes between the frames of a target; only `samn_tracker.core.learn` changes it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import StartConfig
from samn_tracker.core.places import no_places
from samn_tracker.images import ALL_VALUES, Values
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.pixels import PixelModel
from samn_tracker.memory.spatial import SpatialMemory
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.engine import Encoded
from samn_tracker.shapes.geometry import Window


@dataclass(frozen=True)
class BoxHabit:
    """How the user draws boxes around a mask.

    Attributes:
        scale: size of the user's box relative to the mask's box.
        shift: of its centre, in units of the mask's box.
        polygon_scale: sides of the user's polygon relative to those of the mask's rotated box.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    shift: tuple[float, float] = (0.0, 0.0)
    polygon_scale: float = 1.0

    def apply(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """The box (4,) that the user would draw around a mask with the tight box `box` (4,)."""
        size = box[2:] * self.scale
        centre = box[:2] + box[2:] / 2 + box[2:] * self.shift
        return np.concatenate([centre - size / 2, size])

    def apply_to_polygon(self, polygon: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rotated box (4, 2) that the user would draw around a mask with the fitted one `polygon` (4, 2)."""
        centre = polygon.mean(axis=0)
        return centre + (polygon - centre) * self.polygon_scale


@dataclass
class TrackState:
    """Everything that changes between frames; made anew by `initialize`.

    Attributes:
        shape: (H, W) of every frame.
        start: the settings for the way in which the target was given.
        values: of 16-bit frames, what becomes 0 and 255.
        centre: (2,) x, y around which the next frame is searched, in image pixels.
        size: (2,) w, h of the target, in image pixels; its mean side decides the search area.
        extent: (2, 2) corners of the last mask relative to `centre`, top left and bottom right, in image pixels.
        bank, spatial: the two memories; `spatial` is None where it is switched off.
        last: the last trusted answer.
        areas: pixel counts, in image pixels, of the most recent trusted masks.
        sizes: (2,) w, h of the latest steady masks' boxes, of which the size is the median.
        pixels: what tells the target from the rest of the patch, for the first look and the decoder; None where neither
            asks.
        previous: the mask of the frame before, for a decoder that is told it; None where that frame had none.
        habit: how the user's box or polygon lies around the mask, where the start was one.
        elsewhere: (n, 2) further places, x, y in image pixels, at which the next frame is searched for a lost target.
        frame_index: 0 for the frame of `initialize`.
        lost_frames: how many frames in a row had no answer, up to the latest.
        pending: what the appearance memory has yet to learn from the latest frame.
    """

    shape: tuple[int, int]
    start: StartConfig
    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    extent: NDArray[np.float64]
    bank: AppearanceBank
    spatial: SpatialMemory | None
    last: Prediction
    areas: deque[int]
    values: Values = ALL_VALUES
    sizes: deque[NDArray[np.float64]] = field(default_factory=deque)
    pixels: PixelModel | None = None
    previous: PreviousMask | None = field(default=None, repr=False)
    habit: BoxHabit = field(default_factory=BoxHabit)
    elsewhere: NDArray[np.float64] = field(default_factory=no_places)
    frame_index: int = 0
    lost_frames: int = 0
    pending: Pending | None = field(default=None, repr=False)

    @property
    def mean_side(self) -> float:
        """The target size: the square root of width times height, in image pixels."""
        return float(np.sqrt(self.size.prod()))


class PreviousMask(NamedTuple):
    """The probability (S, S) of the target in the patch of a window."""

    window: Window
    probability: NDArray[np.float32]


class Pending(NamedTuple):
    """A frame for the appearance memory: the encoded patch, the target's soft mask (1, S, S) in it, and the index."""

    encoded: Encoded
    masks: NDArray[np.float32]
    frame_index: int
