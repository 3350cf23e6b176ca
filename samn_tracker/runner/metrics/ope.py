"""One-pass evaluation, OTB convention (Wu, Lim and Yang, TPAMI 2015), as pysot and the UAV benchmarks compute it.

IoU without the +1 of old toolkits; success is IoU > t over 21 thresholds, its score the mean of the curve; precision is
the share of centre errors of at most t pixels for t = 0..50, its score the value at 20. Row 0 is replaced by the ground
truth. A frame without ground truth counts against success, and as a hit of precision: that is what the published
numbers contain. In OTB's own convention, whose first pixel is 1, that is a row that is not four numbers above 0, as the
published numbers have it too; where the first pixel is 0, a box at x = 0 or over the left or upper border is one like
any other, and only a row that is not finite or has no size is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samn_tracker.runner.metrics.curves import FloatArray, share_above, share_within
from samn_tracker.runner.truth import is_annotated
from samn_tracker.shapes.regions import box_iou

OVERLAPS = np.linspace(0, 1, 21)
DISTANCES = np.arange(51, dtype=np.float64)
NORMALISED_DISTANCES = np.linspace(0, 0.5, 51)
_AT_PIXELS = 20


@dataclass(frozen=True)
class SequenceCurves:
    """Success over OVERLAPS, precision over DISTANCES, normalised precision over NORMALISED_DISTANCES."""

    success: FloatArray
    precision: FloatArray
    normalized_precision: FloatArray


def sequence_curves(truth: FloatArray, boxes: FloatArray, one_based: bool = True) -> SequenceCurves:
    """Curves of one sequence from (N, 4) ground truth and results, x, y, w, h in the same convention.

    `one_based` says that both call the first pixel 1.
    """
    boxes = boxes.copy()
    boxes[0] = truth[0]
    annotated = np.all(truth > 0, axis=1) if one_based else is_annotated(truth)
    overlap = np.where(annotated, box_iou(truth, boxes), -1.0)
    offset = boxes[:, :2] + boxes[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    normalised = offset / np.where(annotated[:, None], truth[:, 2:], 1.0)
    return SequenceCurves(
        success=share_above(overlap, OVERLAPS),
        precision=share_within(np.where(annotated, np.hypot(*offset.T), -1.0), DISTANCES),
        normalized_precision=share_within(np.where(annotated, np.hypot(*normalised.T), -1.0), NORMALISED_DISTANCES),
    )


def mean_curves(sequences: Sequence[SequenceCurves]) -> SequenceCurves:
    """The curves averaged over sequences."""
    return SequenceCurves(
        success=np.mean([one.success for one in sequences], axis=0),
        precision=np.mean([one.precision for one in sequences], axis=0),
        normalized_precision=np.mean([one.normalized_precision for one in sequences], axis=0),
    )


def scores(curves: SequenceCurves) -> dict[str, float]:
    """`success` (area under the curve), `precision` (at 20 pixels) and `normalized_precision` (area), as fractions."""
    return {
        "success": float(curves.success.mean()),
        "precision": float(curves.precision[_AT_PIXELS]),
        "normalized_precision": float(curves.normalized_precision.mean()),
    }
