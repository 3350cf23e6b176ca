"""One-pass evaluation, OTB convention (Wu, Lim and Yang, TPAMI 2015), as pysot and the UAV benchmarks compute it.

IoU without the +1 of old toolkits; success is IoU > t over 21 thresholds, its score the mean of the curve; precision is
the share of centre errors of at most t pixels for t = 0..50, its score the value at 20. Normalised precision divides
the error by the truth's width and height, t = 0..0.5: toolkits report its value at 0.2 (LaSOT, pysot, pytracking) or
its mean. Row 0 is replaced by the ground truth.

A result without a size (a width or height not above 0) is the one of the frame before, except by the last of RULES:
OTB's own code (calcSeqErrRobust), LaSOT's and TNL2K's (calc_seq_err_robust). pysot, pytracking and got10k count a miss.

What toolkits do with frames without a target differs; RULES names the ways:

    otb        all frames count. A frame whose row is not four numbers above 0 counts against success, and as a hit of
               precision: OTB's own code, reused by UAV123, TC128, DTB70 and pysot. Published numbers contain it.
    lasot      all frames count, and frames that are flagged as absent are hits of nothing; rows that are not four
               numbers above 0 without a flag are as of `otb`: LaSOT's and TNL2K's toolkits, pysot, pytracking.
    zero-based as `otb`, for boxes whose first pixel is 0: one at x = 0 or over the left or upper border is one like any
               other, and only a row that is not finite or has no size is none.
    annotated  only frames with a size and without a flag count: pytracking for other sets, got10k for UAV123.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.runner.metrics.curves import FloatArray, share_above, share_within
from samn_tracker.runner.truth import is_annotated
from samn_tracker.shapes.regions import box_iou

OVERLAPS = np.linspace(0, 1, 21)
DISTANCES = np.arange(51, dtype=np.float64)
NORMALISED_DISTANCES = np.linspace(0, 0.5, 51)
RULES = ("otb", "lasot", "zero-based", "annotated")
_AT_PIXELS = 20
_AT_NORMALISED = 20  # of NORMALISED_DISTANCES: 0.2
_AT_OVERLAPS = {"overlap_50": 10, "overlap_75": 15}  # of OVERLAPS


@dataclass(frozen=True)
class SequenceCurves:
    """Success over OVERLAPS, precision over DISTANCES, normalised precision over NORMALISED_DISTANCES."""

    success: FloatArray
    precision: FloatArray
    normalized_precision: FloatArray


def sequence_curves(
    truth: FloatArray, boxes: FloatArray, rule: str = "otb", absent: NDArray[np.bool_] | None = None
) -> SequenceCurves:
    """Curves of one sequence from (N, 4) ground truth and results, x, y, w, h in the same convention.

    Args:
        truth: what is not annotated is NaN or not above 0.
        boxes: row 0 does not count.
        rule: one of RULES.
        absent: (N,) frames that the data set flags as without a visible target.

    Raises:
        DatasetError: no frame counts.
    """
    boxes = boxes.copy() if rule == "annotated" else _held(truth, boxes)
    boxes[0] = truth[0]
    if absent is None:
        absent = np.zeros(len(truth), dtype=bool)
    if rule == "annotated":
        counted = is_annotated(truth) & ~absent
        truth, boxes, absent = truth[counted], boxes[counted], absent[counted]
        annotated = np.ones(len(truth), dtype=bool)
    else:
        annotated = is_annotated(truth) if rule == "zero-based" else np.all(truth > 0, axis=1)
    if not len(truth):
        raise DatasetError("no frame has a visible target; its scores are not defined")
    overlap = np.where(annotated, box_iou(truth, boxes), -1.0)
    offset = boxes[:, :2] + boxes[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    normalised = offset / np.where(annotated[:, None], truth[:, 2:], 1.0)
    errors = [np.where(annotated, np.hypot(*one.T), -1.0) for one in (offset, normalised)]
    if rule == "lasot":
        overlap[absent] = -1.0
        for one in errors:
            one[absent] = np.inf
    return SequenceCurves(
        success=share_above(overlap, OVERLAPS),
        precision=share_within(errors[0], DISTANCES),
        normalized_precision=share_within(errors[1], NORMALISED_DISTANCES),
    )


def _held(truth: FloatArray, boxes: FloatArray) -> FloatArray:
    """A copy in which a row without a size is as the one before it, where the truth is four numbers."""
    boxes = boxes.copy()
    empty = np.any(boxes[:, 2:] <= 0, axis=1) & ~np.isnan(truth).any(axis=1)
    for row in np.flatnonzero(empty[1:]) + 1:
        boxes[row] = boxes[row - 1]
    return boxes


def frame_overlaps(truth: FloatArray, boxes: FloatArray, absent: NDArray[np.bool_]) -> FloatArray:
    """IoU (N,) of each frame, whatever the rule, NaN where no target is annotated; arguments as `sequence_curves`."""
    return np.where(is_annotated(truth) & ~absent, box_iou(truth, boxes), np.nan)


def mean_curves(sequences: Sequence[SequenceCurves]) -> SequenceCurves:
    """The curves averaged over sequences."""
    return SequenceCurves(
        success=np.mean([one.success for one in sequences], axis=0),
        precision=np.mean([one.precision for one in sequences], axis=0),
        normalized_precision=np.mean([one.normalized_precision for one in sequences], axis=0),
    )


def scores(curves: SequenceCurves) -> dict[str, float]:
    """Fractions, by name: `success` (area under the curve), `precision` (at 20 pixels), `normalized_precision` (area),
    `normalized_precision_at_0.2`, and `overlap_50` and `overlap_75` (frames of more than that IoU)."""
    return {
        "success": float(curves.success.mean()),
        "precision": float(curves.precision[_AT_PIXELS]),
        "normalized_precision": float(curves.normalized_precision.mean()),
        "normalized_precision_at_0.2": float(curves.normalized_precision[_AT_NORMALISED]),
        **{name: float(curves.success[index]) for name, index in _AT_OVERLAPS.items()},
    }
