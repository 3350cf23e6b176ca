"""Expected average overlap as pysot computes it, of all frames and of those that have a tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
SKIPPED = 5  # frames between a failure and the next start


@dataclass(frozen=True)
class Measured:
    """One run: the overlap of each frame (n,), NaN where there is none, the frames with failures, the tags (tags, n).

    The tags' rows are 1 where a frame has the tag.
    """

    overlaps: FloatArray
    failures: Sequence[int]
    tags: FloatArray


@dataclass(frozen=True)
class _Fragment:
    """Overlaps from one start on; `weights` (tags,) is the share of its frames that have each tag.

    After a failure zeros follow, for ever.
    """

    overlaps: FloatArray
    weights: FloatArray
    failed: bool


def expected_overlaps(runs: Sequence[Measured]) -> FloatArray:
    """(tags, longest) expected mean overlap of sequences of 1, 2, ... frames; the first frame counts in none of them.

    A mean over fragments, each weighted by the share of its frames that have the tag. 0 where no fragment is so long,
    NaN where none of the long ones has the tag.
    """
    longest = max(len(run.overlaps) for run in runs)
    fragments = [fragment for run in runs for fragment in _fragments(run)]
    means, reached = np.zeros((len(fragments), longest)), np.zeros((len(fragments), longest))
    for row, fragment in enumerate(fragments):
        means[row, 1 : len(fragment.overlaps)] = fragment.overlaps[1:]
        reached[row, : longest if fragment.failed else len(fragment.overlaps)] = 1
    means = np.cumsum(means, axis=1) / np.maximum(np.arange(longest), 1)
    weights = np.stack([fragment.weights for fragment in fragments], axis=1)
    total = weights @ reached
    curves = np.divide(weights @ (means * reached), total, out=np.full(total.shape, np.nan), where=total > 0)
    curves[:, ~reached.any(axis=0)] = 0
    curves[:, 0] = 1
    return curves


def average(curve: FloatArray, interval: tuple[int, int]) -> float:
    """The mean of a curve over the lengths of `interval`, from one index lower as pysot does; NaN if it is shorter."""
    selected = curve[interval[0] - 1 : interval[1]]
    known = selected[~np.isnan(selected)]
    return float(np.mean(known)) if len(known) else float("nan")


def _fragments(run: Measured) -> Iterator[_Fragment]:
    """The run in pieces, one from each start on.

    A failure in the last frames of the sequence, with no start after it, counts as reaching the end. A fragment weighs
    a little less where the next start would lie just beyond the end.
    """
    values = np.nan_to_num(run.overlaps)
    starts = [0, *(frame + SKIPPED for frame in run.failures if frame + SKIPPED <= len(values))]
    for start, following in pairwise(starts):
        weights = run.tags[:, start : following + 1].sum(axis=1) / (following + 1 - start)
        yield _Fragment(values[start : following + 1], weights, failed=True)
    if len(values) > starts[-1]:
        weights = run.tags[:, starts[-1] :].mean(axis=1)
        yield _Fragment(values[starts[-1] :], weights, failed=False)
