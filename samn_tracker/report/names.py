"""How scores and plots are called and drawn; what a benchmark adds later falls back to its own name."""

from __future__ import annotations

import numpy as np

from samn_tracker.report.model import Report
from samn_tracker.report.svg import Axes

SCORE_TITLES = {
    "success": "Success",
    "precision": "Precision",
    "normalized_precision": "Norm. precision",
    "normalized_precision_at_0.2": "Norm. precision at 0.2",
    "overlap_50": "IoU > 0.50",
    "overlap_75": "IoU > 0.75",
    "coverage": "Coverage",
    "ao": "AO",
    "sr50": "SR 0.50",
    "sr75": "SR 0.75",
    "fps": "Frames / s",
    "j_mean": "J mean",
    "j_recall": "J recall",
    "j_decay": "J decay",
    "f_mean": "F mean",
    "f_recall": "F recall",
    "f_decay": "F decay",
    "jf_mean": "J&F",
    "eao": "EAO",
    "accuracy": "Accuracy",
    "robustness": "Robustness",
    "lost": "Lost",
    "overlap": "Overlap",
    "quality": "Quality",
    "not_reported_error": "Not reported",
    "drift_rate_error": "Drift rate",
    "absence_detection": "Absence detection",
}
PLOT_TITLES = {
    "success": "Success",
    "precision": "Precision",
    "normalized_precision": "Normalised precision",
    "eao": "Expected average overlap",
    "sequences": "Sequences that reach a score",
}
_LABELS = {
    "success": ("overlap threshold", "share of frames"),
    "precision": ("centre error threshold (pixels)", "share of frames"),
    "normalized_precision": ("normalised centre error threshold", "share of frames"),
    "eao": ("sequence length (frames)", "expected average overlap"),
    "sequences": ("score", "share of sequences"),
}


def score_title(name: str) -> str:
    """The heading of a score's column."""
    return SCORE_TITLES.get(name, name.replace("_", " "))


def plot_title(report: Report, name: str) -> str:
    """The heading of a plot; the derived one names its score."""
    title = PLOT_TITLES.get(name, name.replace("_", " "))
    return f"Sequences by {score_title(report.primary)}" if name == "sequences" else title


def with_score(name: str, value: float | None) -> str:
    """A run in a legend, with the number that stands for its curve, if there is one."""
    return name if value is None else f"{name} [{format_score(value)}]"


def plot_axes(report: Report, name: str) -> Axes:
    """Labels and ranges that hold every run's curve."""
    curves = [run.curves[name] for run in report.runs if name in run.curves]
    x_label, y_label = _LABELS.get(name, (name, "value"))
    low, high = min(float(curve.x.min()) for curve in curves), max(float(curve.x.max()) for curve in curves)
    top = max(1.0, max(float(curve.y.max(initial=0.0)) for curve in curves))
    return Axes(x_label, y_label, (low, high), (0.0, top))


def averaged_interval(report: Report, name: str) -> tuple[float, float] | None:
    """The part of x over which the numbers of a plot are means, where it is not all of it."""
    return next((curve.interval for run in report.runs if (curve := run.curves.get(name)) and curve.interval), None)


def accuracy_robustness_axes(report: Report) -> Axes:
    """Tenths around every run's point."""
    points = np.array([run.accuracy_robustness for run in report.runs if run.accuracy_robustness is not None])
    low = np.clip(np.floor(points.min(axis=0) * 10 - 0.5) / 10, 0, 1)
    high = np.clip(np.ceil(points.max(axis=0) * 10 + 0.5) / 10, 0, 1)
    (left, bottom), (right, top) = low.tolist(), high.tolist()
    return Axes("robustness", "accuracy", (left, right), (bottom, top))


def format_score(value: float | None) -> str:
    """Three decimals for shares, one for percentages and speeds, none for counts, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
