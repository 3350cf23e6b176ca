"""The report as one HTML file: no network, everything inside; `page.html` is its form, this module what stands in it.

The one script sorts tables by the column that is clicked; the page is whole without it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from samn_tracker import __version__
from samn_tracker.report import names, svg
from samn_tracker.report.model import Report, Run, SequenceRow, sequence_rows
from samn_tracker.report.resampling import difference, interval
from samn_tracker.report.style import SCRIPT, STYLE

_CONFIDENCE_SEQUENCES = 24

Spark = tuple[str, str, Markup]


@dataclass(frozen=True)
class _Row:
    """A run in the first table: names of the scores in which it is best, and the cells that say how sure they are."""

    run: Run
    best: set[str]
    sure: list[str]


@dataclass(frozen=True)
class _Headline:
    head: list[str]
    columns: list[str]
    rows: list[_Row]
    speed: bool


def render(report: Report) -> str:
    """The page; sections without data are left out."""
    numbers = {run.name: index for index, run in enumerate(report.runs)}
    rows = sequence_rows(report)
    order = [row.name for row in rows]
    overlaps = _sparks(report, order, numbers, "overlaps", "o")
    run_names = {run.name: run.name for run in report.runs}
    fields = ("overlaps", "confidence", "clip_of", "best", "worst")
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            version=__version__,
            style=Markup(STYLE),
            script=Markup(SCRIPT),
            numbers=numbers,
            run_names=run_names,
            runs_with={key: {run.name: run.name for run in report.runs if getattr(run, key)} for key in fields},
            first=report.runs[0].name,
            several=len(report.runs) > 1,
            primary=names.score_title(report.primary),
            headline=_headline(report),
            charts=_charts(report, numbers),
            attribute_chart=_attribute_chart(report, numbers),
            rows=rows,
            best_of=_best_of,
            overlap_charts=overlaps,
            anchors={name: anchor for anchor, name, _ in overlaps},
            confidence_charts=_sparks(report, order, numbers, "confidence", "c")[:_CONFIDENCE_SEQUENCES],
            facts=list(dict.fromkeys(key for run in report.runs for key in run.manifest)),
            videos_of=lambda name: [(run.name, run.videos[name]) for run in report.runs if name in run.videos],
            series_style=svg.series_style,
        )
    )


def _environment() -> Environment:
    """What is written is escaped, but the charts; a name that is not known stops."""
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined)
    filters: Mapping[str, Callable[[Any], str]] = {
        "score": names.format_score,
        "signed": lambda value: "–" if value is None else f"{value:+.{1 if abs(value) >= 10 else 3}f}",
        "base64": lambda data: base64.b64encode(data).decode(),
    }
    environment.filters.update(filters)
    return environment


def _headline(report: Report) -> _Headline:
    columns = [name for name in report.scores if any(run.overall.get(name) is not None for run in report.runs)]
    best = {name: report.best(name) for name in columns}
    intervals = [_range(interval(run, report.primary)) for run in report.runs]
    leads = [_lead(difference(report, run)) for run in report.runs]
    sure = {"95% interval": intervals, "Lead of the first (chance)": leads}
    sure = {title: cells for title, cells in sure.items() if any(cells)}
    speed = any(run.frames_per_second for run in report.runs)
    head = ["", *map(names.score_title, columns), *sure, *(["Tracker frames / s"] if speed else [])]
    rows = [
        _Row(run, {name for name in columns if run.name in best[name]}, [cells[index] for cells in sure.values()])
        for index, run in enumerate(report.runs)
    ]
    return _Headline(head, columns, rows, speed)


def _range(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f"{names.format_score(bounds[0])} to {names.format_score(bounds[1])}"


def _lead(lead: tuple[float, float] | None) -> str:
    """The mean lead of the first run on common sequences, and how likely one as large is by chance."""
    return "" if lead is None else f"{lead[0]:+.3f} (p = {lead[1]:.3g})"


def _charts(report: Report, numbers: dict[str, int]) -> list[tuple[str, Markup, dict[str, str], bool]]:
    """Title, chart, words of the legend, and whether its lines are dashed as in the chart."""
    charts = []
    for name in report.plots:
        curves = {run.name: run.curves[name] for run in report.runs if name in run.curves}
        title = names.plot_title(report, name)
        order = sorted(curves, key=lambda one: -(curves[one].summary or 0.0))
        words = {one: names.with_score(one, curves[one].summary) for one in order}
        chart = svg.line_chart(names.plot_axes(report, name), curves, numbers, title)
        charts.append((title, Markup(chart), words, True))
    points = {run.name: run.accuracy_robustness for run in report.runs if run.accuracy_robustness is not None}
    if points:
        title = "Accuracy and robustness"
        chart = svg.scatter_chart(names.accuracy_robustness_axes(report), points, numbers, title)
        words = {name: f"{name} [{x:.3f}, {y:.3f}]" for name, (x, y) in points.items()}
        charts.append((title, Markup(chart), words, False))
    return charts


def _attribute_chart(report: Report, numbers: dict[str, int]) -> Markup:
    """Nothing where no run has attributes."""
    every = dict.fromkeys(name for run in report.runs for name in run.attributes)
    groups = {
        name.replace("_", " "): {run.name: run.attributes[name] for run in report.runs if name in run.attributes}
        for name in every
    }
    highest = max((value for values in groups.values() for value in values.values()), default=0.0)
    return Markup(svg.bar_chart(groups, numbers, 1.0 if highest <= 1 else 100.0, "Score by attribute") if every else "")


def _best_of(row: SequenceRow) -> set[float]:
    """The highest value of a sequence, where the runs differ."""
    known = {value for value in row.values if value is not None}
    return {max(known)} if len(known) > 1 else set()


def _sparks(report: Report, order: list[str], numbers: dict[str, int], field: str, mark: str) -> list[Spark]:
    """Anchor, sequence and chart of what every run has by frame; in the order of the table of sequences."""
    every = dict.fromkeys(name for run in report.runs for name in getattr(run, field))
    chosen = sorted(every, key=lambda name: order.index(name) if name in order else len(order))
    lines = {name: _lines(report.runs, field, name) for name in chosen}
    points = svg.points_of_each(sum(map(len, lines.values())))
    return [
        (f"{mark}{index}", name, Markup(svg.spark_chart(lines[name], numbers, f"{field}, {name}", points)))
        for index, name in enumerate(chosen)
    ]


def _lines(runs: Iterable[Run], field: str, sequence: str) -> dict[str, NDArray[np.float64]]:
    return {run.name: values[sequence] for run in runs if sequence in (values := getattr(run, field))}
