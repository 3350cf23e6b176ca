"""Results in the layout of the VOT toolkit or of pysot as report data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from samn_tracker.errors import ConfigError, ResultError
from samn_tracker.report.kinds import Asked, Kind, register
from samn_tracker.report.model import Curve, Report, Run, with_unique_names
from samn_tracker.report.runs import manifest_facts
from samn_tracker.report.thumbnails import best_and_worst
from vot_workspace.report_frames import (
    FloatArray,
    clips,
    confidences,
    frames_per_second,
    mask_overlaps,
    mean_overlap,
    polygon_overlaps,
    read_shown,
)
from vot_workspace.workspace import experiments_of

_EXPERIMENT = "baseline"
SEVERAL_FIGURES = (
    "quality",
    "accuracy",
    "robustness",
    "not_reported_error",
    "drift_rate_error",
    "absence_detection",
)


@dataclass(frozen=True)
class Convention:
    """How the figures of a kind of experiment were computed: a note, the score of a sequence, what is better low."""

    note: str
    primary: str
    lower_is_better: frozenset[str] = frozenset()


PYSOT = Convention(
    "Computed as pysot does: robustness is failures per 100 frames, lower is better.",
    "accuracy",
    frozenset({"robustness", "lost"}),
)
TOOLKIT = Convention(
    "Computed by the VOT toolkit: robustness is the share of frames tracked before a failure. The score of a "
    "sequence is the mean overlap of the run from its first anchor.",
    "overlap",
)

SEVERAL = Convention(
    "Computed by the VOT toolkit for several objects: quality is the mean overlap of all frames, accuracy that of "
    "tracked ones, robustness the share of frames with a target that are tracked. Single sequences are not shown.",
    "quality",
    frozenset({"not_reported_error", "drift_rate_error"}),
)

_NO_EAO = "EAO is not defined: no sequence is as long as the shortest length that it averages over."


def read_report(asked: Asked) -> Report:
    """The report of trackers' folders of VOT results.

    Raises:
        ConfigError: there is no ground truth, or not all of the results are of one kind of experiment.
        ResultError: nothing can be scored.
    """
    if asked.truth is None:
        raise ConfigError("VOT results need --truth: the workspace, or pysot's VOT20xx.json")
    scored = [run_from_vot(name, path, asked.truth, asked.pictures) for name, path in asked.runs]
    runs = with_unique_names([run for run, _ in scored])
    if len({convention for _, convention in scored}) > 1:
        raise ConfigError("some of these results are reset-based, some multistart or VOTS; make a report of each kind")
    convention = scored[0][1]
    title = f"VOT: {len(runs)} trackers" if len(runs) > 1 else f"VOT: {runs[0].name}"
    name = asked.truth.resolve().stem
    undefined = convention is not SEVERAL and any(run.overall.get("eao") is None for run in runs)
    notes = (convention.note, *([_NO_EAO] if undefined else []))
    return Report(title, name, convention.primary, runs, convention.lower_is_better, notes, key=f"vot {name}")


def _is_vot(truth: Path) -> bool:
    return (truth.suffix == ".json" and truth.stem.upper().startswith("VOT")) or (truth / "config.yaml").is_file()


KIND = register(Kind("vot", _is_vot, read_report))
"""What `samn report` knows of VOT, once this module is imported."""


def run_from_vot(name: str, path: Path, truth: Path, pictures: int) -> tuple[Run, Convention]:
    """A tracker's folder scored by `vot_workspace`, with what its files say of single frames.

    Reset-based results are scored as pysot does; multistart ones by the toolkit, which takes a minute.

    Args:
        pictures: how many of the best and of the worst sequences are drawn, where their images are at hand.

    Raises:
        ResultError: nothing can be scored.
    """
    score = import_module("vot_workspace.score")
    sequences, stack = score.read_truth(truth)
    shown = read_shown(path / _EXPERIMENT, sequences)
    scored = score.pysot_scores(sequences, stack, path)
    if _EXPERIMENT in scored:
        overlaps = {one.name: polygon_overlaps(shown[one.name], one) for one in sequences if one.name in shown}
        run, convention = _from_pysot(name, scored[_EXPERIMENT], _interval(stack)), PYSOT
    else:
        analysed = import_module("vot_workspace.score_toolkit").analyse(sequences, stack, path)
        if not analysed.get(_EXPERIMENT):
            raise ResultError(f"{path} has no {_EXPERIMENT} results that can be scored; check it with `samn vot check`")
        convention = SEVERAL if "quality" in analysed[_EXPERIMENT] else TOOLKIT
        known = [one for one in sequences if one.name in shown and convention is TOOLKIT]
        overlaps = {one.name: mask_overlaps(shown[one.name], one) for one in known}
        run = _from_toolkit(name, analysed[_EXPERIMENT], overlaps, _interval(stack))
    scores = {sequence: values.get(convention.primary) for sequence, values in run.sequences.items()}
    clip_of = clips(shown, sequences)
    best, worst = best_and_worst(scores, pictures, clip_of, overlaps)
    run = replace(
        run,
        frames_per_second=frames_per_second(shown),
        confidence=confidences(shown),
        overlaps=overlaps,
        best=best,
        worst=worst,
        manifest=_facts(path),
        clip_of=clip_of,
    )
    return run, convention


def _from_pysot(name: str, scored: Any, interval: tuple[int, int] | None) -> Run:
    sensitivity = import_module("vot_workspace.score_plots").SENSITIVITY
    overall = {key: _defined(getattr(scored, key)) for key in ("eao", "accuracy", "robustness")}
    overall["lost"] = _count(scored.lost)
    return Run(
        name,
        overall,
        {key: {"accuracy": _defined(one.accuracy), "lost": _count(one.lost)} for key, one in scored.sequences.items()},
        {"eao": _eao_curve(scored.curve, overall["eao"], interval)},
        {key: one.accuracy for key, one in scored.attributes.items() if math.isfinite(one.accuracy)},
        None if overall["accuracy"] is None else (math.exp(-scored.robustness / 100 * sensitivity), scored.accuracy),
    )


def _from_toolkit(name: str, figures: Any, overlaps: Mapping[str, FloatArray], interval: tuple[int, int] | None) -> Run:
    names = SEVERAL_FIGURES if "quality" in figures else ("eao", "accuracy", "robustness")
    overall = {key: _defined(figures.get(key)) for key in names}
    accuracy, robustness = overall["accuracy"], overall["robustness"]
    return Run(
        name,
        overall,
        {key: {"overlap": mean_overlap(values)} for key, values in overlaps.items()},
        {"eao": _eao_curve(figures["curve"], overall["eao"], interval)} if figures.get("curve") else {},
        accuracy_robustness=None if accuracy is None or robustness is None else (robustness, accuracy),
    )


def _interval(stack: Mapping[str, Any]) -> tuple[int, int] | None:
    """The lengths that the experiment's EAO averages over."""
    return next((one.interval for one in experiments_of(stack) if one.name == _EXPERIMENT), None)


def _facts(path: Path) -> dict[str, str]:
    """What `samn vot run` wrote beside the results; nothing where they came from elsewhere."""
    file = path / "manifest.json"
    if not file.is_file():
        return {}
    try:
        identity = json.loads(file.read_text(encoding="utf-8"))["tracker"]
        own = "weights_sha256" in identity
        return manifest_facts({"identity": identity}) if own else {key: str(one) for key, one in identity.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ResultError(f"{file} is damaged ({error}); run the tracker again") from None


def _eao_curve(values: Any, eao: float | None, interval: tuple[int, int] | None) -> Curve:
    """Without the frame of the start, in which nothing is tracked: it counts as 1 or 0, as the computation has it."""
    lengths = np.arange(2, len(values) + 1, dtype=np.float64)
    return Curve(lengths, np.asarray(values[1:], dtype=np.float64), eao, interval)


def _count(value: float) -> float:
    """An int, unless it is the mean of several repetitions."""
    return int(value) if float(value).is_integer() else value


def _defined(value: Any) -> float | None:
    return None if value is None or not math.isfinite(float(value)) else float(value)
