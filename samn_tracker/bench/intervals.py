"""Means over sequences with bootstrap intervals, paired differences, and whether a gain holds without each group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over sequences, and the interval that holds it in 95 % of the draws of sequences with replacement."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """The mean of (N,) values, one a sequence, and its interval; the same values give the same interval."""
    draws = np.random.default_rng(seed).integers(len(values), size=(DRAWS, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def without_each_group(difference: Mapping[str, float], groups: Mapping[str, str]) -> dict[str, float]:
    """The mean paired difference (by sequence) with each group of sequences left out in turn."""
    names = sorted({groups[name] for name in difference})
    if len(names) < 2:
        return {}
    return {
        left_out: float(np.mean([value for name, value in difference.items() if groups[name] != left_out]))
        for left_out in names
    }


def area_under_roc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """How often a positive's score is above a negative's, ties half; None where either kind is missing.

    This is the area under the ROC curve (Mann-Whitney).
    """
    if not positive.any() or positive.all():
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    hits = int(positive.sum())
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(scores) - hits)))
