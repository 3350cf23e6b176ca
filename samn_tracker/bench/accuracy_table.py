"""Tables of the accuracy protocol: sequences, groups, intervals, paired differences, and what confidence is worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from samn_tracker.bench.case_runs import Result
from samn_tracker.bench.intervals import Interval, area_under_roc, bootstrap, without_each_group

GOOD_OVERLAP = 0.5
LOST_OVERLAP = 0.1
Figure = Callable[[Result], float | None]
Values = dict[str, float]
"""A figure by sequence: the mean over its cases."""


def _mean_of(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


COLUMNS: dict[str, tuple[str, Figure]] = {
    "J, mask start": ("mask", lambda one: _mean_of(one.jaccard)),
    "F, mask start": ("mask", lambda one: _mean_of(one.contour)),
    "box IoU, mask start": ("mask", lambda one: _mean_of(one.overlaps)),
    "J, box start": ("box", lambda one: _mean_of(one.jaccard)),
    "box IoU, box start": ("box", lambda one: _mean_of(one.overlaps)),
    "J, jittered": ("jittered", lambda one: _mean_of(one.jaccard)),
    "box IoU, jittered": ("jittered", lambda one: _mean_of(one.overlaps)),
}
"""Title, the start that it belongs to, and its value of a case."""


def by_sequence(results: Sequence[Result], column: str, direction: str | None = None) -> Values:
    """A column's value for each sequence, the mean over its cases; sequences without one are left out."""
    start, figure = COLUMNS[column]
    gathered: dict[str, list[float]] = defaultdict(list)
    for one in results:
        _, way, begun = one.name.rsplit("/", 2)
        value = figure(one)
        if begun == start and direction in (None, way) and value is not None:
            gathered[one.sequence].append(value)
    return {name: float(np.mean(values)) for name, values in gathered.items()}


def table(results: Sequence[Result]) -> str:
    """Sequences, groups and all of them; every cell the mean over directions, the last rows also forwards only."""
    groups = _groups(results)
    columns = {title: values for title in COLUMNS if (values := by_sequence(results, title))}
    lines = [_row("", list(columns))]
    for name in groups:
        lines.append(_row(name, [_cell(values.get(name)) for values in columns.values()]))
    for group in sorted(set(groups.values())):
        cells = [
            _cell(_mean_of([v for name, v in values.items() if groups[name] == group])) for values in columns.values()
        ]
        lines.append(_row(f"group {group}", cells))
    masked = {one.sequence for one in results if one.jaccard}
    for title, keep in (("with masks", masked), ("without masks", groups.keys() - masked)):
        for direction in (None, "forwards"):
            chosen = [by_sequence(results, column, direction) for column in columns]
            cells = [_cell(_mean_of([v for name, v in values.items() if name in keep])) for values in chosen]
            lines.append(_row(f"{title}, {direction or 'all ways'}", cells))
    lines.append("")
    lines += [f"{title:<20} {bootstrap(np.array(list(values.values())))}" for title, values in columns.items()]
    return "\n".join(lines)


def comparison_table(base: Sequence[Result], other: Sequence[Result]) -> str:
    """Paired differences, other minus base: mean with interval, and the mean with each group of sequences left out."""
    groups = _groups(base)
    lines = []
    for column in COLUMNS:
        before, after = by_sequence(base, column), by_sequence(other, column)
        difference = {name: after[name] - before[name] for name in before if name in after}
        if not difference:
            continue
        parts = [f"{column:<20} {signed(bootstrap(np.array(list(difference.values()))))}"]
        parts += [f"without {group} {value:+.3f}" for group, value in without_each_group(difference, groups).items()]
        low, high = min(difference, key=difference.__getitem__), max(difference, key=difference.__getitem__)
        parts.append(f"least {low} {difference[low]:+.3f}, most {high} {difference[high]:+.3f}")
        lines.append("; ".join(parts))
    return "\n".join(lines)


def signed(interval: Interval) -> str:
    """An interval of a difference."""
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def confidence_figures(results: Sequence[Result]) -> dict[str, float | None]:
    """What `confidence` and `found` say of an answer, over all frames of all cases.

    The area under the ROC curve of confidence for a good box; the share of lost frames answered as not found, and the
    share of good ones so answered.
    """
    overlaps = np.concatenate([one.overlaps for one in results])
    confidences = np.concatenate([one.confidences for one in results])
    found = np.concatenate([one.found for one in results]).astype(bool)
    good, lost = overlaps >= GOOD_OVERLAP, overlaps < LOST_OVERLAP
    return {
        "roc_area": area_under_roc(confidences, good),
        "lost_not_found": _mean_of(list(~found[lost])),
        "good_not_found": _mean_of(list(~found[good])),
    }


def confidence_lines(results: Sequence[Result]) -> str:
    """The same as text."""
    figures = confidence_figures(results)
    return (
        f"confidence: area under ROC for box IoU >= {GOOD_OVERLAP}: {_cell(figures['roc_area'])}; answered as not "
        f"found: {_cell(figures['lost_not_found'])} of frames below {LOST_OVERLAP}, "
        f"{_cell(figures['good_not_found'])} of good ones"
    )


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Everything above as numbers, for a file."""
    return {
        "columns": {title: by_sequence(results, title) for title in COLUMNS},
        "forwards": {title: by_sequence(results, title, "forwards") for title in COLUMNS},
        "confidence": confidence_figures(results),
        "seconds_per_frame": sum(one.seconds for one in results) / sum(one.frames for one in results),
    }


def _groups(results: Sequence[Result]) -> dict[str, str]:
    return {one.sequence: one.group for one in results}


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<26}" + "".join(f"{cell:>21}" for cell in cells)
