"""What changes between the frames of a target, and what one frame finds on its way to an answer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core.start import BoxHabit
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.engine import Encoded
from samn_tracker.shapes.geometry import Window


@dataclass
class TrackState:
    """Everything that changes between frames; made anew by `initialize`.

    Attributes:
        shape: (H, W) of every frame.
        centre: (2,) x, y around which the next frame is searched, in image pixels.
        size: (2,) w, h of the target, in image pixels; its mean side decides the search area.
        extent: (2, 2) corners of the last mask relative to `centre`, top left and bottom right, in image pixels.
        patch_size: pixels of the side of the patch that is segmented.
        threshold: probability above which a pixel is target.
        scale_step: largest relative change of the search area from one frame to the next.
        bank, spatial: the two memories; `spatial` is None where it is switched off.
        last: the last trusted answer.
        areas: pixel counts, in image pixels, of the most recent trusted masks.
        habit: how the user's box or polygon lies around the mask, where the start was one.
        frame_index: 0 for the frame of `initialize`.
        lost_frames: how many frames in a row had no answer, up to the latest.
        trace: what the latest frame looked like on the way; for debugging.
        pending: what the appearance memory has yet to learn from the latest frame.
    """

    shape: tuple[int, int]
    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    extent: NDArray[np.float64]
    patch_size: int
    threshold: float
    scale_step: float
    bank: AppearanceBank
    spatial: SpatialMemory | None
    last: Prediction
    areas: deque[int]
    habit: BoxHabit = field(default_factory=BoxHabit)
    frame_index: int = 0
    lost_frames: int = 0
    trace: Trace | None = field(default=None, repr=False)
    pending: Pending | None = field(default=None, repr=False)


class Pending(NamedTuple):
    """A frame for the appearance memory: the encoded patch, the target's soft mask (1, S, S) in it, and the index."""

    encoded: Encoded
    masks: NDArray[np.float32]
    frame_index: int


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
    def centre(self) -> NDArray[np.float64]:
        """(2,) x, y of the target by this search, in image pixels."""
        return self.window.to_image(self.localisation.centre_crop)


class View(NamedTuple):
    """The patch that is segmented; `middle_crop` (2,) is the located centre in it, xy in patch pixels."""

    window: Window
    encoded: Encoded
    middle_crop: NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Intermediate results of one frame, for pictures and for finding out why it failed.

    Attributes:
        window: the segmentation patch's place in the image.
        search: where the spatial memory looked and what it answered; None where it is switched off.
        probability_crop: (S, S) float32 of the target in the patch.
        frame_indices, frame_weights: the memory frames that were read, and their (N,) DMM weights, on the device.
    """

    window: Window
    search: Search | None
    probability_crop: NDArray[np.float32]
    frame_indices: list[int]
    frame_weights: Tensor
