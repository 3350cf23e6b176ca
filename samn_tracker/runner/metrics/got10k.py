"""GOT-10k: average overlap and success rates (Huang, Zhao and Huang, TPAMI 2021, section 4).

Frame 0 is not scored; only frames whose cover label is above 0 are; overlaps are pooled over all frames of all
sequences, so long sequences weigh more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from samn_tracker.runner.metrics.curves import FloatArray, share_above
from samn_tracker.shapes.regions import box_iou

THRESHOLDS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Overlap:
    """Average overlap, success rates at IoU 0.5 and 0.75, and the success curve over THRESHOLDS."""

    ao: float
    sr50: float
    sr75: float
    curve: FloatArray


def frame_overlaps(truth: FloatArray, boxes: FloatArray, cover: FloatArray, width: float, height: float) -> FloatArray:
    """IoU of each frame (N,) of one sequence, NaN in those that are not scored.

    Args:
        truth, boxes: (N, 4) x, y, w, h, frame 0 included.
        cover: (N,) cover labels, 0 where the target is not visible.
        width, height: of the image, to which both boxes are clipped by the benchmark's rule.
    """
    scored = cover > 0
    scored[0] = False
    return np.where(scored, box_iou(_clip(truth, width, height), _clip(boxes, width, height)), np.nan)


def summarise(overlaps: Sequence[FloatArray]) -> Overlap:
    """Scores over the pooled frames of all sequences; frames that are NaN are left out.

    Raises:
        ValueError: there is no scored frame at all.
    """
    pooled = np.concatenate(overlaps) if overlaps else np.zeros(0)
    pooled = pooled[~np.isnan(pooled)]
    if not len(pooled):
        raise ValueError("no frame is scored: every sequence has one frame or an invisible target")
    return Overlap(
        ao=float(pooled.mean()),
        sr50=float((pooled > 0.5).mean()),
        sr75=float((pooled > 0.75).mean()),
        curve=share_above(pooled, THRESHOLDS),
    )


def _clip(boxes: FloatArray, width: float, height: float) -> FloatArray:
    """Boxes clipped by GOT-10k's rule: the corner moves into the image and the size is cut at the far border only.

    A box that begins outside on the left or top keeps its width and height, unlike a geometric intersection.
    """
    limit = np.array([width, height], dtype=np.float64)
    corner = np.clip(boxes[:, :2], 0, limit)
    return np.hstack([corner, np.clip(boxes[:, 2:], 0, limit - corner)])
