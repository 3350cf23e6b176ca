"""Shares of frames above or below a row of thresholds: what every success and precision plot is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def share_above(values: FloatArray, thresholds: FloatArray, inclusive: bool = False) -> FloatArray:
    """For each threshold the share of `values` (N,) above it (at or above if `inclusive`); NaN is never above."""
    compare = np.greater_equal if inclusive else np.greater
    return compare(values[:, None], thresholds[None, :]).mean(axis=0)


def share_within(values: FloatArray, thresholds: FloatArray) -> FloatArray:
    """For each threshold the share of `values` (N,) at or below it; NaN is never within."""
    return (values[:, None] <= thresholds[None, :]).mean(axis=0)


def area_under(curve: FloatArray) -> float:
    """Trapezoidal area under `curve` over equally spaced thresholds, the threshold axis scaled to [0, 1]."""
    return float((curve[:-1] + curve[1:]).mean() / 2)


def mean_speed(seconds: FloatArray) -> float | None:
    """Mean of 1 / seconds over the frames with a positive time (GOT-10k's definition); None without any."""
    positive = seconds[seconds > 0]
    return float(np.mean(1.0 / positive)) if len(positive) else None
