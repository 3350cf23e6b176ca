"""DAVIS: region similarity J, contour accuracy F, and their statistics (Perazzi et al., CVPR 2016, section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.runner.metrics.curves import FloatArray

Mask = NDArray[np.uint8]
BOUNDARY_SHARE = 0.008
_BINS = 4


@dataclass(frozen=True)
class Statistics:
    """Mean over frames, share of frames above 0.5, and the mean of the first quarter minus that of the last."""

    mean: float
    recall: float
    decay: float


def boundary_tolerance(height: int, width: int) -> int:
    """How far two boundaries may lie apart to match, in pixels: 0.8 % of the diagonal, rounded up (8 at 480p)."""
    return int(np.ceil(BOUNDARY_SHARE * np.hypot(height, width)))


def region_and_contour(truth: Mask, result: Mask, tolerance: int | None = None) -> tuple[float, float]:
    """J and F of one object in one frame.

    Both are computed inside the smallest window that holds both masks: everything outside it contributes nothing to
    either, so the numbers are bit for bit those of the full frame.

    Args:
        truth, result: (H, W) uint8, 0 or 1.
        tolerance: in pixels; None is `boundary_tolerance` of the frame.
    """
    if tolerance is None:
        tolerance = boundary_tolerance(*truth.shape)
    window = _window(truth, result)
    truth, result = truth[window], result[window]
    return _region(truth, result), _contour(truth, result, tolerance)


def summarise(values: Sequence[float] | FloatArray) -> Statistics:
    """Statistics over the scored frames of one object of one sequence.

    Raises:
        ValueError: there is no scored frame.
    """
    frames = np.asarray(values, dtype=np.float64)
    if not len(frames):
        raise ValueError("no frame is scored: DAVIS leaves out the first and the last frame, so three are needed")
    edges = np.round(np.linspace(1, len(frames), _BINS + 1) + 1e-10).astype(int) - 1
    quarters = [frames[edges[i] : edges[i + 1] + 1] for i in range(_BINS)]
    return Statistics(
        mean=float(frames.mean()),
        recall=float((frames > 0.5).mean()),
        decay=float(quarters[0].mean() - quarters[-1].mean()),
    )


def score_row(frames: list[tuple[float, float]]) -> dict[str, float | None]:
    """The scores of one object from J and F of each of its frames."""
    region, contour = (summarise(column) for column in zip(*frames, strict=True))
    return {
        "j_mean": region.mean,
        "j_recall": region.recall,
        "j_decay": region.decay,
        "f_mean": contour.mean,
        "f_recall": contour.recall,
        "f_decay": contour.decay,
        "jf_mean": (region.mean + contour.mean) / 2,
    }


def mean_row(rows: Iterable[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The mean of each score over objects, which all weigh alike; None and NaN are not among them."""
    listed = list(rows)
    return {key: float(np.mean([row[key] for row in listed])) for key in listed[0]}  # type: ignore[misc]


def boundary(mask: Mask) -> Mask:
    """(H, W) uint8: pixels that differ from their right, lower or lower right neighbour.

    In the last row and column only the neighbour along the border counts; the last pixel is never boundary.
    """
    edge = np.zeros_like(mask)
    edge[:-1, :-1] = (
        (mask[:-1, :-1] ^ mask[:-1, 1:]) | (mask[:-1, :-1] ^ mask[1:, :-1]) | (mask[:-1, :-1] ^ mask[1:, 1:])
    )
    edge[-1, :-1] = mask[-1, :-1] ^ mask[-1, 1:]
    edge[:-1, -1] = mask[:-1, -1] ^ mask[1:, -1]
    return edge


def _window(truth: Mask, result: Mask) -> tuple[slice, slice]:
    """The smallest window around both masks with one pixel of margin inside the frame; one pixel if both are empty."""
    boxes = [box for box in (cv2.boundingRect(truth), cv2.boundingRect(result)) if box[2]]
    if not boxes:
        return slice(0, 1), slice(0, 1)
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1)


def _region(truth: Mask, result: Mask) -> float:
    """Intersection over union; 1 if both masks are empty."""
    union = cv2.countNonZero(truth | result)
    return cv2.countNonZero(truth & result) / union if union else 1.0


def _contour(truth: Mask, result: Mask, tolerance: int) -> float:
    """Harmonic mean of the shares of either boundary within the tolerance of the other; 1 if both are empty."""
    edge_truth, edge_result = boundary(truth), boundary(result)
    count_truth, count_result = cv2.countNonZero(edge_truth), cv2.countNonZero(edge_result)
    if count_truth == 0 or count_result == 0:
        return float(count_truth == count_result)
    precision = cv2.countNonZero(edge_result & _near(edge_truth, tolerance)) / count_result
    recall = cv2.countNonZero(edge_truth & _near(edge_result, tolerance)) / count_truth
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _near(edge: Mask, tolerance: int) -> Mask:
    """(H, W) uint8: 1 within `tolerance` pixels (Euclidean) of an edge pixel."""
    offsets = np.arange(-tolerance, tolerance + 1)
    disk = (offsets[:, None] ** 2 + offsets**2 <= tolerance**2).astype(np.uint8)
    return cv2.dilate(edge, disk)  # type: ignore[return-value]
