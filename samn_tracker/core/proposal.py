"""From clicks to a mask: what the picture proposes, looked at by the network; or what the memory knows, where clicked.

Nothing here was trained on clicks. The first click on an object gets the mask of the largest scale at which GrabCut and
the network agree; on a picture of one colour beside another that is the object, on a patterned one a part of it, which
more clicks, a box or the brush put right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.decide import middle_of
from samn_tracker.core.observe import segment_all
from samn_tracker.core.places import segmentation_window
from samn_tracker.core.state import TrackState
from samn_tracker.errors import RegionError
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.runtime.engine import Encoded, Engine
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.points import SCALES, Points, adjust, cut_around, with_points
from samn_tracker.shapes.regions import box_to_mask, mask_iou, mask_to_box, parts_around

Mask = NDArray[np.uint8]

KNOWN_SCALE = 2.2
"""The same relative to the target's own mean side, where that is known."""
AGREEMENT = 0.8
"""Overlap of the network's two looks from which a scale is taken without trying the smaller ones."""
MINIMUM_PIXELS = 50


def propose_mask(
    engine: Engine, config: TrackerConfig, image: NDArray[np.uint8], points: Points, side: float | None = None
) -> Mask:
    """The mask (H, W) of the object that the points show in the image (H, W, 3) RGB, of which nothing else is known.

    Args:
        side: of the target, in image pixels, where it is known about.

    Raises:
        RegionError: a point lies outside, or there is nothing to cut out around the positive ones.
    """
    points.check_inside(image.shape)
    shorter = min(image.shape[:2])
    squares = [KNOWN_SCALE * side] if side else [scale * shorter for scale in SCALES]
    best, best_agreement = np.zeros(image.shape[:2], dtype=np.uint8), -1.0
    for square in squares:
        cut = cut_around(image, points, square)
        if cut.sum() < MINIMUM_PIXELS:
            continue
        mask, agreement = _looked_at(engine, config, image, cut, points)
        if agreement > best_agreement:
            best, best_agreement = mask, agreement
        if agreement >= AGREEMENT:
            break
    if not best.any():
        raise RegionError(
            "nothing stands out around the point; put it on a part with a colour of its own, add points, or draw a box"
        )
    return adjust(image, best, points.positive, points.negative) if points.count > 1 else best


def recalled_mask(
    engine: Engine, config: TrackerConfig, state: TrackState, image: NDArray[np.uint8], points: Points
) -> Mask | None:
    """What the target's memory recognises where it is clicked (H, W); None if it sees nothing of it there."""
    middle = points.positive.mean(axis=0)
    window = segmentation_window(middle, state.size, state.start.patch_size, config)
    encoded = engine.encode(window.crop(image)[None])
    probability = segment_all(engine, state, window, encoded, previous=None)  # it was followed elsewhere
    seen = (window.paste(probability, state.shape) > state.start.threshold).astype(np.uint8)
    clicked = with_points(seen, points.positive)
    if clicked.sum() < MINIMUM_PIXELS:
        return None
    _, near = parts_around(seen, middle, state.mean_side)
    mask = near | clicked
    return adjust(image, mask, points.positive, points.negative) if points.count > 1 else mask


def _looked_at(
    engine: Engine, config: TrackerConfig, image: NDArray[np.uint8], cut: Mask, points: Points
) -> tuple[Mask, float]:
    """The mask of two looks of the network, the first with the cut's filled box as its memory, the second with what
    that answered, and the overlap of the two; the cut itself, and 0, where the network sees nothing."""
    box = mask_to_box(cut)
    window = segmentation_window(middle_of(box), box[2:], config.box_start.patch_size, config)
    encoded = engine.encode(window.crop(image)[None])
    first = _look(engine, config, window, encoded, box_to_mask(box, image.shape), points)
    if first.sum() < MINIMUM_PIXELS:
        return cut, 0.0
    second = _look(engine, config, window, encoded, first, points)
    return (second, mask_iou(first, second)) if second.sum() >= MINIMUM_PIXELS else (first, 0.0)


def _look(
    engine: Engine, config: TrackerConfig, window: Window, encoded: Encoded, memory: Mask, points: Points
) -> Mask:
    bank = AppearanceBank(config.appearance, config.dynamic, engine.model_config.similarity)
    bank.start(*engine.memorise(encoded, window.crop_mask(memory)[None]))
    probability = engine.segment(bank.read(encoded.query.key), encoded)[0]
    above = window.paste(probability, memory.shape) > config.box_start.threshold
    return with_points(above.astype(np.uint8), points.positive)
