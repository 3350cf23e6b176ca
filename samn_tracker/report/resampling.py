"""How sure a mean over sequences is: bootstrap intervals, and whether two trackers differ on the same sequences."""

from __future__ import annotations

import numpy as np

from samn_tracker.report.model import Report, Run, Score

RESAMPLES = 2000
_SEED = 20


def interval(run: Run, score: str, share: float = 0.95) -> tuple[float, float] | None:
    """The interval of the overall score under sequences drawn anew; None where it is not the mean over sequences.

    Percentiles of RESAMPLES bootstrap means, of a fixed seed: the same run has the same interval.
    """
    values = np.array([value for row in run.sequences.values() if (value := row.get(score)) is not None])
    overall = run.overall.get(score)
    if len(values) < 2 or overall is None or not np.isclose(values.mean(), overall, rtol=1e-6, atol=1e-9):
        return None
    low, high = np.percentile(_means(values), [50 * (1 - share), 50 * (1 + share)])
    return float(low), float(high)


def difference(report: Report, run: Run) -> tuple[float, float] | None:
    """Mean lead of the first run over `run` on the sequences of both, and how likely a lead as large is by chance.

    The chance is two-sided: twice the share of bootstrap means of the paired differences on the other side of 0, at
    least 1 / RESAMPLES. None for fewer than two common sequences, and for the first run itself.
    """
    first = report.runs[0]
    pairs = [_pair(first, run, name, report.primary) for name in first.sequences if name in run.sequences]
    leads = np.array([one - other for one, other in pairs if one is not None and other is not None])
    if run is first or len(leads) < 2:
        return None
    means = _means(leads)
    chance = 2 * min((means <= 0).mean(), (means >= 0).mean())
    return float(leads.mean()), float(min(1.0, max(chance, 1 / RESAMPLES)))


def _pair(first: Run, other: Run, name: str, score: str) -> tuple[Score, Score]:
    return first.sequences[name].get(score), other.sequences[name].get(score)


def _means(values: np.ndarray) -> np.ndarray:
    drawn = np.random.default_rng(_SEED).integers(0, len(values), (RESAMPLES, len(values)))
    return values[drawn].mean(axis=1)
