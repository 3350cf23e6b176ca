"""Checking a tracker against the cache, and replacing the cache by a tracker's answers."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from samn_tracker.prediction import TrackerProtocol
from samn_tracker.regress.cache import Cache
from samn_tracker.regress.cases import Case
from samn_tracker.regress.compare import (
    Row,
    compare_environments,
    compare_records,
    compare_rescored,
    compare_scores,
    tolerance,
)
from samn_tracker.regress.environment import describe_environment
from samn_tracker.regress.record import Record, run_case
from samn_tracker.regress.scores import score_record
from samn_tracker.runner.trackers import create_tracker

_WIDEST = 40


def check(
    cache: Cache,
    cases: Sequence[Case],
    spec: str,
    settings: dict[str, str],
    frames: int | None = None,
) -> list[Row]:
    """Everything that moved: environment, scores recomputed from the cache, and fresh inference.

    With `frames`, only that many frames of each case are inferred, and compared with the same frames of the cache.

    Raises:
        SamnError: a cached result, the tracker or a case cannot be read.
    """
    environments = cache.environment, describe_environment(spec, settings)
    rows, limit = compare_environments(*environments), tolerance(*environments)
    cached = {case.name: cache.read(case.name) for case in cases}
    tracker = create_tracker(spec, "cpu", settings)
    for case in cases:
        before, before_scores = cached[case.name]
        rows += compare_rescored(case.name, before_scores, score_record(before, case))
        if frames is not None:
            case, before = case.shortened(frames), before.first(frames)
            before_scores = score_record(before, case)
        now = _timed(tracker, case)
        rows += compare_scores(case.name, before_scores, score_record(now, case), limit)
        rows += compare_records(case.name, before, now, limit)
    return rows


def update(cache: Cache, cases: Sequence[Case], spec: str, settings: dict[str, str], reason: str) -> None:
    """Run every case, and only then replace the cache."""
    environment = describe_environment(spec, settings)
    tracker = create_tracker(spec, "cpu", settings)
    records = [(case, _timed(tracker, case)) for case in cases]
    for case, record in records:
        cache.write(case.name, record, score_record(record, case))
    cache.write_manifest(environment, reason)


def _timed(tracker: TrackerProtocol, case: Case) -> Record:
    start = time.perf_counter()
    record = run_case(tracker, case)
    print(f"{case.name}: {case.length} frames, {time.perf_counter() - start:.1f} s", file=sys.stderr)
    return record


def table(rows: Sequence[Row], cases: int, frames: int) -> str:
    """What moved, one line each, and the verdict."""
    failing = sum(row.fails for row in rows)
    extent = f"{cases} cases, {frames} frames"
    if not rows:
        return f"{extent}: everything as cached"
    heads = ("case", "what moved", "cached", "now", "allowed", "")
    lines = [(r.case, r.what, r.cached, r.now, r.allowed, "FAILS" if r.fails else "ok") for r in rows]
    cells = [tuple(_short(cell) for cell in line) for line in [heads, *lines]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    verdict = f"{failing} of {len(rows)} changes are beyond the tolerance" if failing else "all within the tolerance"
    return "\n".join([*text, f"{extent}: {verdict}"])


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
