"""Ground truth as a year's rules want it: masks to polygons, polygons to masks with anchors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.regions import box_to_polygon, mask_to_box, polygon_to_box, polygon_to_mask
from vot_workspace.rules import TargetOf
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import UNKNOWN, MaskPart, Region
from vot_workspace.workspace import shows_target

ANCHOR_SPACING = 50  # frames, VOT2020


def with_first_pixel(sequence: SourceSequence, first_pixel: int) -> SourceSequence:
    """The sequence with boxes and polygons moved so that the first pixel, called `first_pixel` in them, is 0."""
    return replace(sequence.converted(lambda region: _moved(region, -first_pixel)), first_pixel=0)


def _moved(region: Region, by: int) -> Region:
    if isinstance(region, int | MaskPart):
        return region
    return region + (np.array([by, by, 0, 0]) if region.shape == (4,) else by)


def with_polygons(sequence: SourceSequence) -> SourceSequence:
    """The sequence with masks replaced by rotated boxes fitted to them, as the VOT challenges made their polygons."""
    return sequence.converted(_to_polygon)


def _to_polygon(region: Region) -> Region:
    if not isinstance(region, MaskPart):
        return region
    if not region.mask.any():
        return UNKNOWN
    return fit_rotated_box(region.mask) + region.offset


def with_masks(sequence: SourceSequence) -> SourceSequence:
    """The sequence with boxes and polygons replaced by masks."""
    width, height = sequence.size
    return sequence.converted(lambda region: _to_mask(region, (height, width)))


def with_boxes(sequence: SourceSequence) -> SourceSequence:
    """The sequence with masks and polygons replaced by the smallest boxes around them."""
    return sequence.converted(_to_box)


CONVERSIONS: Mapping[TargetOf, Callable[[SourceSequence], SourceSequence]] = {
    "polygon": with_polygons,
    "mask": with_masks,
    "box": with_boxes,
}
"""By what the ground truth is to be."""


def with_anchors(sequence: SourceSequence, spacing: int = ANCHOR_SPACING) -> SourceSequence:
    """The sequence with anchors if it has none."""
    visible = [shows_target(region) for region in sequence.groundtruth]
    return replace(sequence, anchors=sequence.anchors or make_anchors(visible, spacing))


def _to_box(region: Region) -> Region:
    if isinstance(region, MaskPart):
        return mask_to_box(region.mask) + np.array([*region.offset, 0, 0]) if region.mask.any() else UNKNOWN
    return region if isinstance(region, int) or region.shape == (4,) else polygon_to_box(region)


def _to_mask(region: Region, shape: tuple[int, int]) -> MaskPart:
    if isinstance(region, MaskPart):
        return region
    if isinstance(region, int):
        return MaskPart((0, 0), np.zeros(shape, dtype=np.uint8))
    corners = box_to_polygon(region) if region.shape == (4,) else region
    return MaskPart((0, 0), polygon_to_mask(corners, shape))


def make_anchors(visible: Sequence[bool], spacing: int = ANCHOR_SPACING) -> list[float]:
    """Anchors as VOT2020 places them: every `spacing` frames, and the last frame.

    Each is moved to the nearest frame where the target is visible, and runs in the direction of the longer part: 1
    forward, -1 backward, 0 no anchor.
    """
    length = len(visible)
    candidates = np.flatnonzero(visible)
    anchors = [0.0] * length
    if len(candidates) == 0:
        return anchors
    for wanted in [*range(0, length - spacing // 2, spacing), length - 1]:
        frame = int(candidates[np.argmin(np.abs(candidates - wanted))])
        anchors[frame] = 1.0 if length - frame > frame + 1 else -1.0
    return anchors
