"""TrackingNet: success, precision, normalised precision and coverage by the rules of its evaluation server.

(Müller et al., ECCV 2018.) All boxes are rounded to whole pixels, row 0 is replaced by the ground truth, a missing file
counts as boxes of zeros, and each score is the area under the sequence-averaged curve over 21 thresholds, in percent:
precision is an area too, not the value at 20 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from samn_tracker.runner.metrics.curves import FloatArray, area_under, share_above, share_within

OVERLAPS = np.linspace(0, 1, 21)
DISTANCES = np.linspace(0, 50, 21)
NORMALISED_DISTANCES = np.linspace(0, 0.5, 21)


@dataclass(frozen=True)
class SequenceCurves:
    """The three curves of one sequence, which of its frames have an answer, (N,) bool, and their IoU, (N,)."""

    success: FloatArray
    precision: FloatArray
    normalized_precision: FloatArray
    covered: FloatArray
    overlaps: FloatArray

    def scores(self) -> dict[str, float]:
        """`success`, `precision`, `normalized_precision` and `coverage` of this sequence, in percent."""
        return summarise([self])


def sequence_curves(truth: FloatArray, boxes: FloatArray | None) -> SequenceCurves:
    """Curves of one sequence.

    Args:
        truth: (N, 4) x, y, w, h.
        boxes: (M, 4) results; missing rows and rows with NaN fail every threshold, surplus rows are ignored; None if
            the sequence has no result file at all.
    """
    truth = np.rint(truth)
    answer = np.full_like(truth, 0.0 if boxes is None else np.nan)
    if boxes is not None:
        count = min(len(boxes), len(truth))
        answer[:count] = np.rint(boxes[:count])
    answer[0] = truth[0]
    offset = _centres(answer) - _centres(truth)
    with np.errstate(divide="ignore", invalid="ignore"):
        normalised = offset / truth[:, 2:]
    overlaps = _overlap(truth, answer)
    return SequenceCurves(
        success=share_above(overlaps, OVERLAPS, inclusive=True),
        precision=share_within(np.hypot(*offset.T), DISTANCES),
        normalized_precision=share_within(np.hypot(*normalised.T), NORMALISED_DISTANCES),
        covered=answer.sum(axis=1) > 0,
        overlaps=np.nan_to_num(overlaps),
    )


def mean_curves(sequences: Sequence[SequenceCurves]) -> Mapping[str, FloatArray]:
    """The curves averaged over sequences, by score name."""
    return {
        "success": np.mean([one.success for one in sequences], axis=0),
        "precision": np.mean([one.precision for one in sequences], axis=0),
        "normalized_precision": np.mean([one.normalized_precision for one in sequences], axis=0),
    }


def summarise(sequences: Sequence[SequenceCurves]) -> dict[str, float]:
    """`success`, `precision`, `normalized_precision` and `coverage` in percent; coverage is pooled over all frames."""
    scores = {name: 100 * area_under(curve) for name, curve in mean_curves(sequences).items()}
    return scores | {"coverage": 100 * float(np.concatenate([one.covered for one in sequences]).mean())}


def _centres(boxes: FloatArray) -> FloatArray:
    return boxes[:, :2] + (boxes[:, 2:] + 1) / 2


def _overlap(truth: FloatArray, boxes: FloatArray) -> FloatArray:
    """IoU (N,) of whole-pixel boxes; NaN where the answer has a NaN or neither box has an area."""
    low = np.maximum(truth[:, :2], boxes[:, :2])
    high = np.minimum(truth[:, :2] + truth[:, 2:], boxes[:, :2] + boxes[:, 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=1)
    union = truth[:, 2:].prod(axis=1) + boxes[:, 2:].prod(axis=1) - intersection
    with np.errstate(divide="ignore", invalid="ignore"):
        return intersection / union
