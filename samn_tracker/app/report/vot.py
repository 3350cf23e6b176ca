"""Results in the layout of the VOT toolkit or of pysot as report data."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from samn_tracker.app.report.model import Curve, Run
from samn_tracker.app.report.runs import manifest_facts
from samn_tracker.errors import ResultError

PRIMARY = "accuracy"
LOWER_IS_BETTER = frozenset({"robustness", "lost"})
PYSOT_NOTE = "Computed as pysot does: robustness is failures per 100 frames, lower is better."
TOOLKIT_NOTE = "Computed by the VOT toolkit: robustness is the share of frames tracked before a failure."
_EXPERIMENT = "baseline"


def run_from_vot(name: str, path: Path, truth: Path) -> tuple[Run, str, frozenset[str]]:
    """A tracker's folder scored by `vot_workspace`; also what the figures mean, and which of them are better low.

    Reset-based results are scored as pysot does; multistart ones by the toolkit, which takes a minute.

    Raises:
        ResultError: nothing can be scored.
    """
    score = import_module("vot_workspace.score")
    sequences, stack = score.read_truth(truth)
    scored = score.pysot_scores(sequences, stack, path)
    if _EXPERIMENT in scored:
        return replace(_from_pysot(name, scored[_EXPERIMENT]), manifest=_facts(path)), PYSOT_NOTE, LOWER_IS_BETTER
    analysed = import_module("vot_workspace.score_toolkit").analyse(sequences, stack, path)
    if not analysed.get(_EXPERIMENT):
        raise ResultError(f"{path} has no {_EXPERIMENT} results that can be scored; check it with `samn vot check`")
    return replace(_from_toolkit(name, analysed[_EXPERIMENT]), manifest=_facts(path)), TOOLKIT_NOTE, frozenset()


def _from_pysot(name: str, scored: Any) -> Run:
    sensitivity = import_module("vot_workspace.score_plots").SENSITIVITY
    overall = {key: _defined(getattr(scored, key)) for key in ("eao", "accuracy", "robustness", "lost")}
    return Run(
        name,
        overall,
        {key: {"accuracy": _defined(one.accuracy), "lost": one.lost} for key, one in scored.sequences.items()},
        {"eao": _eao_curve(scored.curve, overall["eao"])},
        {key: one.accuracy for key, one in scored.attributes.items() if math.isfinite(one.accuracy)},
        (math.exp(-scored.robustness / 100 * sensitivity), scored.accuracy),
    )


def _from_toolkit(name: str, figures: Any) -> Run:
    overall = {key: _defined(figures.get(key)) for key in ("eao", "accuracy", "robustness")}
    accuracy, robustness = overall["accuracy"], overall["robustness"]
    return Run(
        name,
        overall,
        curves={"eao": _eao_curve(figures["curve"], overall["eao"])} if figures.get("curve") else {},
        accuracy_robustness=None if accuracy is None or robustness is None else (robustness, accuracy),
    )


def _facts(path: Path) -> dict[str, str]:
    """What `samn vot run` wrote beside the results; nothing where they came from elsewhere."""
    file = path / "manifest.json"
    if not file.is_file():
        return {}
    try:
        identity = json.loads(file.read_text(encoding="utf-8"))["tracker"]
        own = "weights_sha256" in identity
        return manifest_facts({"identity": identity}) if own else {key: str(one) for key, one in identity.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(f"{file} is damaged ({error}); run the tracker again") from None


def _eao_curve(values: Any, eao: float | None) -> Curve:
    lengths = np.arange(1, len(values) + 1, dtype=np.float64)
    return Curve(lengths, np.asarray(values, dtype=np.float64), eao)


def _defined(value: Any) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)
