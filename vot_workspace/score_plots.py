"""Pictures of scores: the EAO curve, and accuracy against robustness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vot_workspace.score_pysot import Score

SENSITIVITY = 30  # frames without a failure that the AR plot asks about, as the VOT challenges draw it


def write_plots(
    folder: Path, tracker: str, toolkit: Mapping[str, Mapping[str, Any]], pysot: Mapping[str, Score]
) -> list[Path]:
    """Write `eao_<experiment>.png` and `ar_<experiment>.png`; the paths."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in dict.fromkeys([*toolkit, *pysot]):
        curves = {
            "VOT toolkit": toolkit.get(name, {}).get("curve"),
            "pysot": pysot[name].curve if name in pysot else None,
        }
        drawn = {by: np.asarray(curve) for by, curve in curves.items() if curve is not None}
        if not drawn:
            continue
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot(
            xlabel="sequence length (frames)",
            ylabel="expected average overlap",
            title=f"{tracker}, {name}",
            ylim=(0, 1),
        )
        for by, curve in drawn.items():
            axes.plot(np.arange(len(curve)), curve, label=by)
        axes.legend()
        written.append(folder / f"eao_{name}.png")
        figure.savefig(written[-1], dpi=120)
        if name in pysot:
            written.append(folder / f"ar_{name}.png")
            _draw_ar(Figure(figsize=(4, 4), layout="constrained"), tracker, name, pysot[name]).savefig(
                written[-1], dpi=120
            )
    return written


def _draw_ar(figure: Any, tracker: str, experiment: str, scored: Score) -> Any:
    reliability = float(np.exp(-scored.robustness / 100 * SENSITIVITY))
    axes = figure.add_subplot(
        xlabel=f"robustness (S = {SENSITIVITY})", ylabel="accuracy", title=experiment, xlim=(0, 1), ylim=(0, 1)
    )
    axes.scatter([reliability], [scored.accuracy])
    axes.annotate(tracker, (reliability, scored.accuracy), textcoords="offset points", xytext=(6, 6))
    return figure
