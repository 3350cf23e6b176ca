"""What moved between a cached result and a new one, and how much of that is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from samn_tracker.regress.record import Record
from samn_tracker.shapes.regions import box_iou, mask_iou


@dataclass(frozen=True)
class Tolerance:
    """How far fresh inference may be from the cache before that is a fault.

    One machine and one build repeat bit for bit; the room is for other versions of packages. The worst frame may differ
    more than the mean: a pixel at the threshold falls on the other side, and that feeds back through the memories. So
    the share `outliers` of the frames may lie below the worst that is allowed.
    """

    mask_iou_worst: float = 0.95
    mask_iou_mean: float = 0.99
    box_iou_worst: float = 0.90
    box_iou_mean: float = 0.98
    outliers: float = 0.0
    found_frames: int = 0
    score: float = 0.005


SAME_PROCESSOR = Tolerance()
OTHER_PROCESSOR = Tolerance(
    mask_iou_worst=0.75,
    mask_iou_mean=0.9,
    box_iou_worst=0.5,
    box_iou_mean=0.9,
    outliers=0.05,
    found_frames=2,
    score=0.05,
)
"""Other instructions add in another order. The next search is cut around a peak, so the last bit of a number becomes a
fraction of a pixel within two frames: moving every patch by a millionth of its side changes boxes as much."""


@dataclass(frozen=True)
class Row:
    """One thing that moved. `fails` says whether it is beyond what is allowed."""

    case: str
    what: str
    cached: str
    now: str
    allowed: str
    fails: bool


# What decides the answers on purpose; a change needs a new cache with a reason. Packages and processors only explain.
_DECIDING = ("weights_sha256", "config.", "overrides.", "device")
_NOT_DECIDING = ("config.runtime.",)
_PROCESSOR = ("processor", "torch_cpu_capability")


def compare_environments(cached: Mapping[str, Any], now: Mapping[str, Any]) -> list[Row]:
    """A row for every entry of the environment that is another one now."""
    before, after = _flat(cached), _flat(now)
    moved = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    return [
        Row("environment", key, str(before.get(key, "-")), str(after.get(key, "-")), *_allowed(key)) for key in moved
    ]


def tolerance(cached: Mapping[str, Any], now: Mapping[str, Any]) -> Tolerance:
    """What answers may differ by between two environments."""
    same = all(cached.get(key) == now.get(key) for key in _PROCESSOR)
    return SAME_PROCESSOR if same else OTHER_PROCESSOR


def _allowed(key: str) -> tuple[str, bool]:
    decides = key.startswith(_DECIDING) and not key.startswith(_NOT_DECIDING)
    return ("same" if decides else "any"), decides


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return flat


def compare_rescored(case: str, cached: Mapping[str, float], again: Mapping[str, float]) -> list[Row]:
    """A failing row for every score that the cached trajectory does not give again exactly."""
    return [
        Row(case, f"{name}, from the cached trajectory", _text(cached.get(name)), _text(again.get(name)), "equal", True)
        for name in sorted(cached.keys() | again.keys())
        if cached.get(name) != again.get(name)
    ]


def compare_scores(case: str, cached: Mapping[str, float], now: Mapping[str, float], limit: Tolerance) -> list[Row]:
    """A row for every score of fresh inference that moved."""
    rows = []
    for name in sorted(cached.keys() | now.keys()):
        before, after = cached.get(name), now.get(name)
        if before != after:
            fails = before is None or after is None or abs(after - before) > limit.score
            rows.append(Row(case, name, _text(before), _text(after), f"±{limit.score:g}", fails))
    return rows


def compare_records(case: str, cached: Record, now: Record, limit: Tolerance) -> list[Row]:
    """Rows for masks, boxes and found flags that moved, frame against frame."""
    if (cached.shape, len(cached), cached.masks.keys()) != (now.shape, len(now), now.masks.keys()):
        return [Row(case, "frames, size and masks", _extent(cached), _extent(now), "equal", True)]
    rows = []
    masks = {index: mask_iou(cached.masks[index], now.masks[index]) for index in cached.masks}
    rows += _overlap_rows(case, "mask IoU", masks, limit.mask_iou_mean, limit.mask_iou_worst, limit.outliers)
    same = (cached.boxes == now.boxes).all(axis=1)
    boxes = dict(enumerate(np.where(same, 1.0, box_iou(cached.boxes, now.boxes)).tolist()))
    rows += _overlap_rows(case, "box IoU", boxes, limit.box_iou_mean, limit.box_iou_worst, limit.outliers)
    differing = np.flatnonzero(cached.found != now.found)
    if len(differing):
        frames = ", ".join(map(str, differing[:5])) + (", ..." if len(differing) > 5 else "")
        what = f"found or not (frames {frames})"
        allowed = f"{limit.found_frames} frames"
        fails = len(differing) > limit.found_frames
        rows.append(Row(case, what, "0 differ", f"{len(differing)} differ", allowed, fails))
    return rows


def _overlap_rows(
    case: str, what: str, overlaps: dict[int, float], mean_limit: float, worst_limit: float, outliers: float
) -> list[Row]:
    """Rows for the mean and the worst frame, that of the outliers left out; none where nothing moved."""
    order = sorted(overlaps, key=overlaps.__getitem__)
    if not order or overlaps[order[0]] == 1:
        return []
    worst = order[int(outliers * len(order))]
    mean = float(np.mean(list(overlaps.values())))
    named = f"{what} with the cache, frame {worst}"
    return [
        Row(case, f"{what} with the cache, mean", "1", _text(mean), f"≥ {mean_limit:g}", mean < mean_limit),
        Row(case, named, "1", _text(overlaps[worst]), f"≥ {worst_limit:g}", overlaps[worst] < worst_limit),
    ]


def _extent(record: Record) -> str:
    return f"{len(record)} of {record.shape[1]}x{record.shape[0]}, {len(record.masks)} masks"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
