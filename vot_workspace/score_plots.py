"""Pictures of scores: the EAO curve, and accuracy against robustness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.files import atomic
from vot_workspace.score_pysot import Score

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SENSITIVITY = 30  # frames without a failure that the AR plot asks about, as the VOT challenges draw it


def write_plots(
    folder: Path, tracker: str, toolkit: Mapping[str, Mapping[str, Any]], pysot: Mapping[str, Score]
) -> list[Path]:
    """Write `eao_<experiment>.png` and `ar_<experiment>.png`; the paths.

    Raises:
        EnvironmentProblemError: matplotlib is not installed.
    """
    figures = {}
    for name in dict.fromkeys([*toolkit, *pysot]):
        scored = pysot.get(name)
        curves = {"VOT toolkit": toolkit.get(name, {}).get("curve"), "pysot": scored.curve if scored else None}
        drawn = {by: curve for by, curve in curves.items() if curve is not None}
        if drawn:
            figures[f"eao_{name}"] = _curves(f"{tracker}, {name}", drawn)
        if scored:
            figures[f"ar_{name}"] = accuracy_robustness(tracker, name, scored)
    paths = [folder / f"{stem}.png" for stem in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        with atomic(path) as stream:
            figure.savefig(stream, format="png", dpi=120)
    return paths


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise EnvironmentProblemError("plots need matplotlib: pip install 'samn-tracker[report]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def _curves(title: str, curves: Mapping[str, ArrayLike]) -> Figure:
    """Expected overlap by sequence length, a line for each computation."""
    figure = _figure(6, 4)
    axes = figure.add_subplot(
        xlabel="sequence length (frames)", ylabel="expected average overlap", title=title, ylim=(0, 1)
    )
    for by, curve in curves.items():
        axes.plot(np.asarray(curve), label=by)
    axes.legend()
    return figure


def accuracy_robustness(tracker: str, experiment: str, scored: Score) -> Figure:
    """One point: accuracy, and the chance of `SENSITIVITY` frames without a failure."""
    figure = _figure(4, 4)
    reliability = float(np.exp(-scored.robustness / 100 * SENSITIVITY))
    axes = figure.add_subplot(
        xlabel=f"robustness (S = {SENSITIVITY})", ylabel="accuracy", title=experiment, xlim=(0, 1), ylim=(0, 1)
    )
    axes.scatter([reliability], [scored.accuracy])
    axes.annotate(tracker, (reliability, scored.accuracy), textcoords="offset points", xytext=(6, 6))
    return figure
