"""Accuracy, robustness and EAO of reset-based results as pysot computes them; the figures of many tracker papers.

Differences from the VOT toolkit: accuracy pools all frames instead of weighting sequences by length; robustness is
failures per 100 frames; EAO averages from one index lower, and a fragment that fails in the last frames of a sequence
is not padded with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from vot_workspace.layouts import SourceSequence
from vot_workspace.overlaps import overlaps
from vot_workspace.trajectory import FAILURE, INITIALISATION, UNKNOWN, Region

BURN_IN = 10  # frames after each start that accuracy leaves out
SKIPPED = 5  # frames between a failure and the next start
ALL_RUNS = 15  # pysot averages 15 runs, or takes the first one where there are fewer
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SequenceScore:
    """Accuracy (NaN if no frame counts) and mean number of failures on one sequence."""

    accuracy: float
    lost: float
    frames: int


@dataclass(frozen=True)
class Score:
    """pysot's figures: robustness is failures per 100 frames, `curve` the expected overlap by length in frames."""

    accuracy: float
    robustness: float
    lost: float
    eao: float
    curve: FloatArray
    sequences: Mapping[str, SequenceScore]
    attributes: Mapping[str, SequenceScore]


@dataclass(frozen=True)
class _Run:
    sequence: SourceSequence
    accuracy_overlaps: FloatArray  # NaN in burn-in and failures
    eao_overlaps: FloatArray
    failures: list[int]


def score(
    truth: Sequence[SourceSequence], runs: Mapping[str, Sequence[Sequence[Region]]], interval: tuple[int, int]
) -> Score:
    """The figures of one tracker.

    Args:
        truth: sequences with ground truth and image size.
        runs: for each sequence name, the trajectories of its repetitions.
        interval: shortest and longest length that EAO averages over.

    Raises:
        ResultError: sequences without results (all are listed), or a result of a wrong length.
    """
    _check(truth, runs)
    measured = [[_measure(item, run) for run in _chosen(runs[item.name])] for item in truth]
    sequences = {
        item.name: SequenceScore(
            _mean(_pooled(group)), float(np.mean([len(run.failures) for run in group])), len(item.groundtruth)
        )
        for item, group in zip(truth, measured, strict=True)
    }
    lost = sum(one.lost for one in sequences.values())
    frames = sum(one.frames for one in sequences.values())
    curve = _expected_overlap([run for group in measured for run in group])
    accuracy = _mean(np.concatenate([_pooled(group) for group in measured]))
    selected = curve[interval[0] - 1 : interval[1]]
    eao = float(np.mean(selected)) if len(selected) else float("nan")
    return Score(accuracy, lost / frames * 100, lost, eao, curve, sequences, _attributes(measured))


def _check(truth: Sequence[SourceSequence], runs: Mapping[str, Sequence[Sequence[Region]]]) -> None:
    faults = [f"{item.name}: no result" for item in truth if not runs.get(item.name)]
    faults += [
        f"{item.name}: {len(run)} regions instead of {len(item.groundtruth)}"
        for item in truth
        for run in runs.get(item.name, [])
        if len(run) != len(item.groundtruth)
    ]
    if faults:
        raise ResultError("; ".join(faults))


def _chosen(runs: Sequence[Sequence[Region]]) -> Sequence[Sequence[Region]]:
    return runs if len(runs) == ALL_RUNS else runs[:1]


def _measure(sequence: SourceSequence, run: Sequence[Region]) -> _Run:
    width, height = sequence.size
    burnt = list(run)
    for frame, region in enumerate(run):
        if isinstance(region, int) and region == INITIALISATION:
            burnt[frame : frame + BURN_IN] = [UNKNOWN] * len(burnt[frame : frame + BURN_IN])
    failures = [frame for frame, region in enumerate(run) if isinstance(region, int) and region == FAILURE]
    return _Run(
        sequence,
        overlaps(burnt, sequence.groundtruth, (width, height)),
        overlaps(run, sequence.groundtruth, (width - 1, height - 1)),
        failures,
    )


def _pooled(group: Sequence[_Run]) -> FloatArray:
    """Overlap of each frame, the mean of the runs that have one there."""
    values = np.array([run.accuracy_overlaps for run in group])
    counted = ~np.isnan(values)
    total = np.where(counted, values, 0).sum(axis=0)
    return np.divide(total, counted.sum(axis=0), out=np.full(len(total), np.nan), where=counted.any(axis=0))


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _fragments(run: _Run) -> list[tuple[FloatArray, float, bool]]:
    """The overlaps from each start on, their weight, and whether the tracker failed there, so that zeros follow.

    A failure in the last frames of the sequence, with no start after it, counts as reaching the end. A fragment weighs
    1, or less where the next start would lie just beyond the end.
    """
    values = np.nan_to_num(run.eao_overlaps)
    starts = [0, *(frame + SKIPPED for frame in run.failures if frame + SKIPPED <= len(values))]
    ended = [(values[start : end + 1], end + 1 - start) for start, end in pairwise(starts)]
    last = values[starts[-1] :]
    return [(part, len(part) / length, True) for part, length in ended] + ([(last, 1.0, False)] if len(last) else [])


def _expected_overlap(runs: Sequence[_Run]) -> FloatArray:
    """Expected mean overlap of a sequence of 1, 2, ... frames; the first frame's, 1, counts in none of them."""
    longest = max(len(run.eao_overlaps) for run in runs)
    total, weights = np.zeros(longest), np.zeros(longest)
    for run in runs:
        for values, weight, failed in _fragments(run):
            until = longest if failed else len(values)
            sums = np.zeros(longest)
            sums[1 : len(values)] = values[1:]
            sums = np.cumsum(sums)
            total[1:until] += weight * sums[1:until] / np.arange(1, until)
            weights[1:until] += weight
    curve = np.divide(total, weights, out=np.zeros(longest), where=weights > 0)
    curve[0] = 1
    return curve


def _attributes(measured: Sequence[Sequence[_Run]]) -> dict[str, SequenceScore]:
    """Accuracy, failures and number of the frames that have each tag."""
    names = dict.fromkeys(tag for group in measured for tag in group[0].sequence.tags)
    return {name: _attribute(name, measured) for name in names}


def _attribute(name: str, measured: Sequence[Sequence[_Run]]) -> SequenceScore:
    pooled, lost, frames = [], 0.0, 0
    for group in measured:
        tagged = np.zeros(len(group[0].sequence.groundtruth), dtype=bool)
        values = list(group[0].sequence.tags.get(name, []))[: len(tagged)]
        tagged[: len(values)] = values
        pooled.append(_pooled(group)[tagged])
        lost += float(np.mean([sum(tagged[frame] for frame in run.failures) for run in group]))
        frames += int(tagged.sum())
    return SequenceScore(_mean(np.concatenate(pooled)), lost, frames)
