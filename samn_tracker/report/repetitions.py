"""Several runs of one tracker as one: the mean of each score, and its standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from samn_tracker.report.model import Curve, Report, Run, Score


def with_repetitions(report: Report, names: Sequence[str]) -> Report:
    """The report with runs of one name made one.

    Args:
        names: of each run, in the order of `report.runs`; equal ones are repetitions.
    """
    groups: dict[str, list[Run]] = {}
    for name, run in zip(names, report.runs, strict=True):
        groups.setdefault(name, []).append(run)
    notes = [
        f"{name}: mean ± standard deviation of {len(runs)} runs; pictures, confidences and facts are of the first one"
        for name, runs in groups.items()
        if len(runs) > 1
    ]
    runs = tuple(_mean_run(name, runs) if len(runs) > 1 else runs[0] for name, runs in groups.items())
    return replace(report, runs=runs, notes=(*report.notes, *notes))


def _mean_run(name: str, runs: Sequence[Run]) -> Run:
    speeds = [run.frames_per_second for run in runs if run.frames_per_second is not None]
    points = [run.accuracy_robustness for run in runs if run.accuracy_robustness is not None]
    x, y = np.mean(points, axis=0).tolist() if points else (0.0, 0.0)
    return replace(
        runs[0],
        name=name,
        overall=_mean_scores([run.overall for run in runs]),
        deviation=_deviation([run.overall for run in runs]),
        sequences={
            sequence: _mean_scores([run.sequences[sequence] for run in runs if sequence in run.sequences])
            for sequence in dict.fromkeys(one for run in runs for one in run.sequences)
        },
        curves={key: _mean_curve([run.curves[key] for run in runs if key in run.curves]) for key in runs[0].curves},
        attributes={
            key: float(np.mean([run.attributes[key] for run in runs if key in run.attributes]))
            for key in runs[0].attributes
        },
        overlaps={
            sequence: np.mean([run.overlaps[sequence] for run in runs if sequence in run.overlaps], axis=0)
            for sequence in runs[0].overlaps
        },
        accuracy_robustness=(x, y) if points else None,
        frames_per_second=float(np.mean(speeds)) if speeds else None,
    )


def _mean_scores(tables: Sequence[Mapping[str, Score]]) -> dict[str, Score]:
    """Of the runs that have the score; None where none has."""
    known = {key: [value for one in tables if (value := one.get(key)) is not None] for key in tables[0]}
    return {key: float(np.mean(values)) if values else None for key, values in known.items()}


def _deviation(tables: Sequence[Mapping[str, Score]]) -> dict[str, float]:
    """Of the sample (divided by n - 1), for scores that at least two runs have."""
    known = {key: [value for one in tables if (value := one.get(key)) is not None] for key in tables[0]}
    return {key: float(np.std(values, ddof=1)) for key, values in known.items() if len(values) > 1}


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    """Over the points that all have; runs of one benchmark have the same x."""
    length = min(len(curve.x) for curve in curves)
    summaries = [curve.summary for curve in curves if curve.summary is not None]
    return replace(
        curves[0],
        x=curves[0].x[:length],
        y=np.mean([curve.y[:length] for curve in curves], axis=0),
        summary=float(np.mean(summaries)) if summaries else None,
    )
