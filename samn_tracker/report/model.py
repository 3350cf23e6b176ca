"""What a report shows, free of any benchmark's file formats: adapters fill it, renderers draw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from samn_tracker.shapes.overlay import Colour

Score = float | None


@dataclass(frozen=True)
class Curve:
    """Points (N,) of a curve in rising x, and the number that stands for it in the legend, if there is one.

    Attributes:
        interval: the part of x over which the number is the mean, where that is not all of it.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    summary: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Thumbnail:
    """A picture (JPEG bytes) of a sequence with the answer drawn in, and what it shows."""

    sequence: str
    caption: str
    jpeg: bytes


@dataclass(frozen=True)
class Clip:
    """What can be drawn of a run's answers on a sequence.

    Attributes:
        frames: the numbers of the frames that have an answer, in order.
        image: a frame (H, W, 3) uint8 RGB by its number.
        mark: draws the answer of a frame, in place, on its picture made smaller by the scale; in the colour of the run,
            or without one in the colours of the objects.
    """

    frames: Sequence[int]
    image: Callable[[int], NDArray[np.uint8]]
    mark: Callable[[NDArray[np.uint8], float, int, Colour | None], None]


@dataclass(frozen=True)
class Run:
    """One tracker's results.

    Attributes:
        name: as it appears everywhere.
        overall: score name to value, in the order of the columns; None where it is not defined.
        sequences: the same scores of each sequence.
        curves: by the name of the plot.
        attributes: the primary score by attribute.
        accuracy_robustness: x (robustness, 0..1) and y (accuracy, 0..1) of the AR plot.
        frames_per_second: of the tracker alone.
        confidence: (frames,) by sequence.
        best, worst: pictures.
        manifest: facts about how the results were made, in order.
        clip_of: what can be drawn of a sequence, by its name; None where pictures are not wanted or not to be had.
        overlaps: IoU with the truth (frames,) by sequence; NaN in frames that do not count.
        deviation: standard deviation of scores over repetitions; empty for one run.
        videos: address of a video of a sequence with the answers drawn in, as seen from the page, by its name.
    """

    name: str
    overall: Mapping[str, Score]
    sequences: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)
    accuracy_robustness: tuple[float, float] | None = None
    frames_per_second: float | None = None
    confidence: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    best: tuple[Thumbnail, ...] = ()
    worst: tuple[Thumbnail, ...] = ()
    manifest: Mapping[str, str] = field(default_factory=dict)
    clip_of: Callable[[str], Clip] | None = None
    overlaps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    deviation: Mapping[str, float] = field(default_factory=dict)
    videos: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """One tracker's reported scores on one benchmark, in the names and units of this project's tables; whose."""

    tracker: str
    scores: Mapping[str, float]
    source: str


@dataclass(frozen=True)
class Report:
    """Runs on one benchmark.

    Attributes:
        title: of the page.
        benchmark: name and split.
        primary: the score that sorts, colours and compares; higher is better.
        lower_is_better: score names whose smallest value is the best.
        runs: in the order given; the first one is compared with the others.
        notes: sentences that a reader of the numbers has to know.
        together: pictures with the answers of several runs.
        key: the benchmark's short name and split, as published scores are found by.
        published: what papers report on the benchmark.
    """

    title: str
    benchmark: str
    primary: str
    runs: tuple[Run, ...]
    lower_is_better: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    together: tuple[Thumbnail, ...] = ()
    key: str = ""
    published: tuple[Published, ...] = ()

    @property
    def scores(self) -> list[str]:
        """Every score name, in the order of its first appearance."""
        return list(dict.fromkeys(name for run in self.runs for name in run.overall))

    @property
    def plots(self) -> list[str]:
        """Every plot name, in the order of its first appearance."""
        return list(dict.fromkeys(name for run in self.runs for name in run.curves))

    def best(self, score: str) -> set[str]:
        """Names of the runs with the best value of a score; none where all have the same."""
        values = {run.name: value for run in self.runs if (value := run.overall.get(score)) is not None}
        if len(set(values.values())) < 2:
            return set()
        top = min(values.values()) if score in self.lower_is_better else max(values.values())
        return {name for name, value in values.items() if value == top}


@dataclass(frozen=True)
class SequenceRow:
    """The primary score of each run on a sequence, in the order of the runs, and `difference`.

    With several runs that is the first one's lead over the best of the others; else the score itself.
    """

    name: str
    values: tuple[Score, ...]
    difference: float | None


def sequence_rows(report: Report) -> list[SequenceRow]:
    """Every sequence, the smallest difference first (where the first run falls behind most), unscored ones last."""
    names = dict.fromkeys(name for run in report.runs for name in run.sequences)
    rows = []
    for name in names:
        values = tuple(run.sequences.get(name, {}).get(report.primary) for run in report.runs)
        rows.append(SequenceRow(name, values, _difference(values)))
    return sorted(rows, key=lambda row: (row.difference is None, row.difference or 0.0, row.name))


def _difference(values: tuple[Score, ...]) -> float | None:
    first, others = values[0], [value for value in values[1:] if value is not None]
    if first is None or (len(values) > 1 and not others):
        return None
    return first - max(others) if others else first


def attribute_means(run: Run, tags: Mapping[str, list[str]], primary: str) -> dict[str, float]:
    """Mean primary score over the sequences that carry each attribute.

    Args:
        tags: sequence name to its attributes.
    """
    values: dict[str, list[float]] = {}
    for sequence, names in tags.items():
        value = run.sequences.get(sequence, {}).get(primary)
        if value is not None:
            for name in names:
                values.setdefault(name, []).append(value)
    return {name: float(np.mean(values[name])) for name in sorted(values)}


def share_of_sequences(run: Run, primary: str) -> Curve:
    """For each score 0..1 (or 0..100) the share of sequences that reach it: a curve for any per-sequence score."""
    values = np.array([value for row in run.sequences.values() if (value := row.get(primary)) is not None])
    top = 100.0 if len(values) and values.max() > 1 else 1.0
    thresholds = np.linspace(0, top, 101)
    return Curve(thresholds, (values[:, None] >= thresholds).mean(axis=0) if len(values) else np.zeros(101))


def with_unique_names(runs: list[Run]) -> tuple[Run, ...]:
    """The runs; equal names get numbers.

    Raises:
        ResultError: there is no run.
    """
    if not runs:
        raise ResultError("there is nothing to report; give at least one run")
    names = [run.name for run in runs]
    return tuple(
        run if names.count(run.name) == 1 else replace(run, name=f"{run.name} ({names[:index].count(run.name) + 1})")
        for index, run in enumerate(runs)
    )
