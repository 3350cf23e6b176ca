"""The report's charts as PNG and SVG files for a paper, with matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.files import atomic
from samn_tracker.report import names
from samn_tracker.report.model import Report

_FORMATS = ("png", "svg")
_STYLES = ("-", "--", ":", "-.")


def write_plots(report: Report, folder: Path) -> list[Path]:
    """Write `curve_<name>`, `accuracy_robustness` and `attributes`, each as PNG and SVG; the files.

    Raises:
        EnvironmentProblemError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise EnvironmentProblemError(
            "--plots needs matplotlib, which is not installed; run `pip install 'samn-tracker[report]'`"
        ) from None
    written: list[Path] = []
    for name in report.plots:
        figure = Figure(figsize=(4.5, 3.4), layout="constrained")
        _draw_curves(figure, report, name)
        written += _save(figure, folder / f"curve_{name}")
    if any(run.accuracy_robustness for run in report.runs):
        figure = Figure(figsize=(3.8, 3.6), layout="constrained")
        _draw_points(figure, report)
        written += _save(figure, folder / "accuracy_robustness")
    if attributes := list(dict.fromkeys(name for run in report.runs for name in run.attributes)):
        figure = Figure(figsize=(5, 0.6 + 0.25 * len(attributes) * (len(report.runs) + 1)), layout="constrained")
        _draw_attributes(figure, report, attributes)
        written += _save(figure, folder / "attributes")
    return written


def _draw_curves(figure: Any, report: Report, name: str) -> None:
    axes = names.plot_axes(report, name)
    plot = figure.add_subplot(xlabel=axes.x_label, ylabel=axes.y_label, title=names.plot_title(report, name))
    plot.set(xlim=axes.x_range, ylim=axes.y_range)
    for index, run in enumerate(report.runs):
        if curve := run.curves.get(name):
            said = names.with_score(run.name, curve.summary)
            plot.plot(curve.x, curve.y, _STYLES[index % len(_STYLES)], label=said)
    if interval := names.averaged_interval(report, name):
        plot.axvspan(*interval, alpha=0.1)
    plot.grid(alpha=0.3)
    plot.legend(fontsize=8)


def _draw_points(figure: Any, report: Report) -> None:
    axes = names.accuracy_robustness_axes(report)
    plot = figure.add_subplot(xlabel=axes.x_label, ylabel=axes.y_label, xlim=axes.x_range, ylim=axes.y_range)
    for run in report.runs:
        if run.accuracy_robustness is not None:
            plot.scatter(*([value] for value in run.accuracy_robustness), label=run.name)
    plot.grid(alpha=0.3)
    plot.legend(fontsize=8)


def _draw_attributes(figure: Any, report: Report, attributes: list[str]) -> None:
    plot = figure.add_subplot(xlabel=names.score_title(report.primary))
    share = 0.8 / len(report.runs)
    for index, run in enumerate(report.runs):
        places = [row + index * share for row in range(len(attributes))]
        plot.barh(places, [run.attributes.get(name, 0.0) for name in attributes], height=share, label=run.name)
    middle = 0.4 - share / 2
    plot.set_yticks([row + middle for row in range(len(attributes))], [name.replace("_", " ") for name in attributes])
    plot.invert_yaxis()
    figure.legend(fontsize=8, loc="outside upper center", ncols=3)


def _save(figure: Any, path: Path) -> list[Path]:
    written = [path.with_name(f"{path.name}.{ending}") for ending in _FORMATS]
    for one in written:
        with atomic(one) as stream:
            figure.savefig(stream, format=one.suffix[1:], dpi=200)
    return written
