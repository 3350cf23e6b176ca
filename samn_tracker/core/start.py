"""A target's first frame: answer, first mask (section 6 of the method notes; as in D3S), and habit of its box."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core.config import SegmentationConfig, TrackerConfig
from samn_tracker.core.state import BoxHabit
from samn_tracker.errors import RegionError
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.augmentation import (
    first_frame_samples,
    is_cut_evenly,
    middle_side,
    moved_features,
    moved_patches,
    sample_centres,
    shifted_patch,
    varied_patches,
    wide_patch,
    with_middle,
)
from samn_tracker.memory.config import STRIDE, SpatialConfig
from samn_tracker.memory.shared_features import SharedFeatures
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.engine import Encoded, Engine
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.polygons import polygon_area, visible_part
from samn_tracker.shapes.regions import (
    box_to_polygon,
    largest_component,
    mask_to_box,
    parts_around,
    polygon_to_box_same_area,
    region_to_mask,
    target_kind,
)

_ENCODE_BATCH = 9


def start_box(target: NDArray[Any]) -> NDArray[np.float64]:
    """The box (4,) that gives a checked target its centre and size; of a polygon, the one of equal area."""
    kind = target_kind(target)
    if kind == "mask":
        return mask_to_box(target)
    return polygon_to_box_same_area(target) if kind == "polygon" else np.asarray(target, dtype=np.float64)


def given_polygon(target: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The rotated box (4, 2) of a checked target: as given, or fitted to a mask or to a polygon of more corners."""
    if target_kind(target) == "box":
        return box_to_polygon(target)
    return target if target.shape == (4, 2) else fit_rotated_box(region_to_mask(target, shape))


class FirstMask(NamedTuple):
    """The mask (S, S) in 0..1 that becomes the first memory, and how sure the network is of its pixels, 0 to 1."""

    crop: NDArray[np.float32]
    confidence: float


def first_answer(
    target: NDArray[Any], first: FirstMask, window: Window, shape: tuple[int, int], config: TrackerConfig
) -> Prediction:
    """The first frame's answer: box and polygon as they were given, and the mask as it was given or segmented."""
    filled = region_to_mask(target, shape)
    box = mask_to_box(filled) if target_kind(target) == "polygon" else start_box(target)
    mask = first_mask(target, first, window, shape, config)
    return Prediction(box, given_polygon(target, shape), mask, first.confidence)


def first_mask(
    target: NDArray[Any], first: FirstMask, window: Window, shape: tuple[int, int], config: TrackerConfig
) -> NDArray[np.uint8]:
    """The mask (H, W) that a checked target stands for: a given one, or the parts that were segmented in it."""
    if target_kind(target) == "mask":
        return target
    box = start_box(target)
    above = (window.paste(first.crop, shape) > config.box_start.threshold).astype(np.uint8)
    _, mask = parts_around(above, box[:2] + box[2:] / 2, float(np.sqrt(box[2:].prod())))
    return mask if mask.any() else region_to_mask(target, shape)


def box_habit(
    target: NDArray[Any],
    first: NDArray[np.float32],
    window: Window,
    shape: tuple[int, int],
    config: TrackerConfig,
) -> BoxHabit:
    """How the user's box or polygon lies around the first mask (S, S) of `window`; no difference for a given mask.

    A hand-drawn box is rarely the tightest one. Where the two differ by more than `box_habit_limit`, the mask is not
    trusted, and boxes stay those of the masks.
    """
    kind, threshold = target_kind(target), config.box_start.threshold
    if kind == "box":
        main = largest_component((first > threshold).astype(np.uint8))
        return _habit_of_box(target, main, window, config.segmentation.box_habit_limit)
    if kind == "polygon":
        given = given_polygon(target, shape)
        main = largest_component((window.paste(first, shape) > threshold).astype(np.uint8))
        # The first mask ends at the image's border, too.
        return _habit_of_polygon(visible_part(given, shape).area, main, config.segmentation.box_habit_limit)
    return BoxHabit()


def _habit_of_box(box: NDArray[np.float64], mask_crop: NDArray[np.uint8], window: Window, limit: float) -> BoxHabit:
    if not mask_crop.any():
        return BoxHabit()
    own = mask_to_box(mask_crop)
    low, high = window.to_image(own[:2]), window.to_image(own[:2] + own[2:])
    scale = box[2:] / (high - low)
    if scale.max() > limit or scale.min() < 1 / limit:
        return BoxHabit()
    shift = (box[:2] + box[2:] / 2 - (low + high) / 2) / (high - low)
    return BoxHabit(tuple(scale), tuple(shift))


def _habit_of_polygon(area: float, mask: NDArray[np.uint8], limit: float) -> BoxHabit:
    if not mask.any():
        return BoxHabit()
    scale = math.sqrt(area / polygon_area(fit_rotated_box(mask)))
    return BoxHabit(polygon_scale=scale) if 1 / limit <= scale <= limit else BoxHabit()


def first_mask_crop(
    engine: Engine,
    config: TrackerConfig,
    encoded: Encoded,
    window: Window,
    target: NDArray[Any],
    shape: tuple[int, int],
) -> FirstMask:
    """The mask that becomes the first memory, in the patch of `window`.

    A given mask is used as it is. A box or polygon is filled and memorised, the same patch is segmented with that
    memory, and the result is kept inside the slightly dilated box; where that leaves too little of the box, the filled
    box itself is used.

    Raises:
        RegionError: so little of the target lies inside the image that nothing of it is left in the patch.
    """
    mask = region_to_mask(target, shape)
    filled = window.crop_mask(mask)
    if not filled.any():
        raise RegionError(
            f"the target shows {int(mask.sum())} pixels inside the image, too few in a search area of "
            f"{window.side:.0f} pixels; give the part that is visible, or start at a later frame"
        )
    if target_kind(target) == "mask":
        return FirstMask(filled, 1.0)
    bank = AppearanceBank(config.appearance, config.dynamic, engine.model_config.similarity)
    bank.start(*engine.memorise(encoded, filled[None]))
    segmented = engine.segment(bank.read(encoded.query.key), encoded)[0] * _dilated(filled, config.segmentation)
    above = segmented > config.box_start.threshold
    if above.sum() < config.segmentation.box_start_minimum_fill * filled.sum():
        return FirstMask(filled, float(segmented[filled > 0.5].mean()) if (filled > 0.5).any() else 0.0)
    return FirstMask(segmented, float(segmented[above].mean()))


def first_frame_features(
    engine: Engine, config: SpatialConfig, image: NDArray[np.uint8], window: Window
) -> tuple[SharedFeatures, NDArray[np.float64]]:
    """What the spatial memory starts from: features of the 27 first samples, and their target centres (27, 2).

    What `config.cut_shifts` and `config.varied_middle` spare is not encoded, if the patch is an even number of cells.
    """
    size = window.size
    if not is_cut_evenly(size):
        patches, centres = first_frame_samples(image, window)
        return SharedFeatures.of(_features(engine, patches)), centres
    wide, centres = wide_patch(image, window), sample_centres(size)
    shifted = shifted_patch(wide, size)[None] if config.cut_shifts else moved_patches(wide, size)
    middles = varied_patches(wide, middle_side(size, config.varied_middle))

    def arrangement(shifted: Tensor, middles: Tensor) -> Tensor:
        moved = moved_features(shifted, centres, size // STRIDE) if config.cut_shifts else shifted
        return torch.cat([moved, with_middle(moved[:1], middles)])

    return SharedFeatures.arranged([_features(engine, shifted), _features(engine, middles)], arrangement), centres


def _features(engine: Engine, patches: NDArray[np.uint8]) -> Tensor:
    """Features (n, C, h, w) of any number of patches, a few at a time."""
    return torch.cat([engine.features(patches[i : i + _ENCODE_BATCH]) for i in range(0, len(patches), _ENCODE_BATCH)])


def _dilated(filled: NDArray[np.float32], config: SegmentationConfig) -> NDArray[np.float32]:
    """The filled box grown on every side by a share of its smaller side, or a few pixels."""
    sides = mask_to_box((filled > min(0.5, filled.max() / 2)).astype(np.uint8))[2:]
    margin = round(max(config.box_start_margin_pixels, config.box_start_margin * sides.min()))
    return np.asarray(cv2.dilate(filled, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)), dtype=np.float32)
