"""What a person shows in the middle of a video, as a mask; `Learner.correct` is what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.decide import MINIMUM_SIDE, middle_of
from samn_tracker.core.places import segmentation_window
from samn_tracker.core.proposal import propose_mask, recalled_mask
from samn_tracker.core.start import first_mask, first_mask_crop
from samn_tracker.core.state import TrackState
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.points import Points
from samn_tracker.shapes.regions import as_target, mask_to_box, region_to_mask, target_kind

Mask = NDArray[np.uint8]


def mask_of(
    engine: Engine, config: TrackerConfig, state: TrackState | None, image: NDArray[np.uint8], target: Any
) -> Mask:
    """The mask (H, W) that a target stands for in the image (H, W, 3) RGB.

    A mask stands for itself. A box or polygon is segmented by the network, and filled where it sees nothing in it.
    Points are looked up in the memory of a target that is known; else the picture proposes a mask.

    Raises:
        RegionError: malformed, empty or outside the image; or nothing stands out around the points.
    """
    shape = (image.shape[0], image.shape[1])
    if isinstance(target, Points):
        target.check_inside(shape)
        known = None if state is None else recalled_mask(engine, config, state, image, target)
        side = None if state is None else state.mean_side
        return propose_mask(engine, config, image, target, side) if known is None else known
    region = as_target(target, shape)
    if target_kind(region) == "mask":
        return region
    window = window_around(region_to_mask(region, shape), config.box_start.patch_size, config)
    encoded = engine.encode(window.crop(image)[None])
    first = first_mask_crop(engine, config, encoded, window, region, shape)
    return first_mask(region, first, window, shape, config)


def window_around(mask: Mask, patch_size: int, config: TrackerConfig) -> Window:
    """The square window that is segmented for a target of this mask (H, W)."""
    box = mask_to_box(mask)
    return segmentation_window(middle_of(box), np.maximum(box[2:], MINIMUM_SIDE), patch_size, config)
