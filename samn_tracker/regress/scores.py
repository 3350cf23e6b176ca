"""A record's scores against the truth; the same record and truth give the same numbers, bit for bit."""

from __future__ import annotations

import math

import numpy as np

from samn_tracker.regress.cases import Case
from samn_tracker.regress.record import Record
from samn_tracker.shapes.regions import box_iou, mask_iou, polygon_iou


def score_record(record: Record, case: Case) -> dict[str, float]:
    """Scores of all frames but the first, over those in which the target is in sight.

    `box_iou`, `polygon_iou` (of the parts inside the image) and `jaccard` (over the masks that are kept) are means;
    `lost` counts frames without any overlap, `false_alarms` those with an answer while the target was out of sight.
    Scores that the tracker or the truth cannot give are left out.
    """
    seen = [index for index in range(1, len(record)) if np.isfinite(case.boxes[index]).all()]
    overlaps = [float(box_iou(record.boxes[index], case.boxes[index])) for index in seen]
    scores = {
        "box_iou": _mean(overlaps),
        "lost": float(sum(overlap == 0 for overlap in overlaps)),
        "false_alarms": float(np.count_nonzero(case.absent & record.found)),
    }
    if record.polygons is not None and case.polygons is not None:
        pairs = [(record.polygons[index], case.polygons[index]) for index in seen]
        scores["polygon_iou"] = _mean([polygon_iou(one, two, record.shape) for one, two in pairs])
    if record.masks and case.mask is not None:
        kept = [index for index in seen if index in record.masks]
        scores["jaccard"] = _mean([mask_iou(record.masks[index], case.mask(index)) for index in kept])
    return scores


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
