"""Accuracy, robustness and EAO of reset-based results as pysot computes them; the figures of many tracker papers.

Differences from the VOT toolkit: accuracy pools all frames instead of weighting sequences by length; robustness is
failures per 100 frames; EAO averages from one index lower, and a fragment that fails in the last frames of a sequence
is not padded with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from vot_workspace.overlaps import overlaps_of_runs
from vot_workspace.score_eao import FloatArray, Measured, average, expected_overlaps
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import FAILURE, INITIALISATION, Region

ALL, UNTAGGED = 0, "empty"  # the row of all frames among the tags, and VOT's name for frames without any tag
BURN_IN = 10  # frames after each start that accuracy leaves out
ALL_RUNS = 15  # pysot averages 15 runs, or takes the first one where there are fewer


@dataclass(frozen=True)
class SequenceScore:
    """Accuracy (NaN if no frame counts), mean number of failures, and frames of one sequence."""

    accuracy: float
    lost: float
    frames: int


@dataclass(frozen=True)
class AttributeScore(SequenceScore):
    """The same of all frames with one tag, failures per 100 of them, and EAO with sequences weighted by the tag."""

    robustness: float
    eao: float


@dataclass(frozen=True)
class Score:
    """pysot's figures: robustness is failures per 100 frames, `curve` the expected overlap by length in frames."""

    accuracy: float
    robustness: float
    lost: float
    eao: float
    curve: FloatArray
    sequences: Mapping[str, SequenceScore]
    attributes: Mapping[str, AttributeScore]


@dataclass(frozen=True)
class _Run:
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
    names = _tag_names(truth)
    tags = [_tag_values(item, names) for item in truth]
    measured = [_measure(item, _chosen(runs[item.name])) for item in truth]
    sequences = {
        item.name: SequenceScore(
            _mean(_pooled(group)), float(np.mean([len(run.failures) for run in group])), len(item.groundtruth)
        )
        for item, group in zip(truth, measured, strict=True)
    }
    lost = sum(one.lost for one in sequences.values())
    frames = sum(one.frames for one in sequences.values())
    accuracy = _mean(np.concatenate([_pooled(group) for group in measured]))
    curves = expected_overlaps(
        [
            Measured(run.eao_overlaps, run.failures, rows.astype(np.float64))
            for group, rows in zip(measured, tags, strict=True)
            for run in group
        ]
    )
    attributes = {
        name: _attribute([rows[index] for rows in tags], measured, average(curves[index], interval))
        for index, name in enumerate(names)
        if index != ALL
    }
    eao = average(curves[ALL], interval)
    return Score(accuracy, lost / frames * 100, lost, eao, curves[ALL], sequences, attributes)


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


def _measure(sequence: SourceSequence, runs: Sequence[Sequence[Region]]) -> list[_Run]:
    width, height = sequence.size
    values = overlaps_of_runs(runs, sequence.groundtruth, [(width, height), (width - 1, height - 1)])
    return [
        _Run(_without_burn_in(of_accuracy, run), of_eao, _frames_with(FAILURE, run))
        for run, (of_accuracy, of_eao) in zip(runs, values, strict=True)
    ]


def _without_burn_in(values: FloatArray, run: Sequence[Region]) -> FloatArray:
    counted = values.copy()
    for frame in _frames_with(INITIALISATION, run):
        counted[frame : frame + BURN_IN] = np.nan
    return counted


def _frames_with(code: int, run: Sequence[Region]) -> list[int]:
    return [frame for frame, region in enumerate(run) if isinstance(region, int) and region == code]


def _pooled(group: Sequence[_Run]) -> FloatArray:
    """Overlap of each frame, the mean of the runs that have one there."""
    values = np.array([run.accuracy_overlaps for run in group])
    counted = ~np.isnan(values)
    total = np.where(counted, values, 0).sum(axis=0)
    return np.divide(total, counted.sum(axis=0), out=np.full(len(total), np.nan), where=counted.any(axis=0))


def _mean(values: FloatArray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _tag_names(truth: Sequence[SourceSequence]) -> list[str]:
    """All frames, each tag, and the frames without any tag, where there are tags."""
    given = dict.fromkeys(tag for item in truth for tag in item.tags if tag not in ("all", UNTAGGED))
    return ["all", *given, UNTAGGED] if given else ["all"]


def _tag_values(sequence: SourceSequence, names: Sequence[str]) -> NDArray[np.bool_]:
    """(names, frames) whether each frame has each tag of `_tag_names`; a tag that is not given, no frame has."""
    rows = np.zeros((len(names), len(sequence.groundtruth)), dtype=bool)
    for row, name in zip(rows, names, strict=True):
        values = list(sequence.tags.get(name, []))[: len(row)]
        row[: len(values)] = values
    if len(names) > 1:
        rows[-1] = ~rows[1:-1].any(axis=0)
    rows[ALL] = True
    return rows


def _attribute(tagged: Sequence[NDArray[np.bool_]], measured: Sequence[Sequence[_Run]], eao: float) -> AttributeScore:
    """The figures of the frames with a tag, `tagged` says which of each sequence."""
    pairs = list(zip(tagged, measured, strict=True))
    pooled = np.concatenate([_pooled(group)[frames] for frames, group in pairs])
    lost = sum(float(np.mean([frames[run.failures].sum() for run in group])) for frames, group in pairs)
    count = int(sum(frames.sum() for frames in tagged))
    return AttributeScore(_mean(pooled), lost, count, lost / count * 100 if count else float("nan"), eao)
