"""Runs of this project's benchmarks as report data: run folders, folders of results, and saved scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from samn_tracker.report.model import Curve, Run
from samn_tracker.report.thumbnails import best_and_worst, clips_of_run
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.frames import visible
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.score_run import score_run
from samn_tracker.runner.scores import ScoreTable

PRIMARY = {"got10k": "ao", "trackingnet": "success", "davis": "jf_mean", "ope": "success", "vos": "jf_mean"}
LOWER_IS_BETTER = frozenset({"j_decay", "f_decay"})
_SPEED = "frames_per_second"


def read_saved_scores(path: Path) -> ScoreTable:
    """What `samn BENCHMARK score --json` printed into a file.

    Raises:
        ResultError: not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {key: content.pop(key) for key in ("benchmark", "split", "sequences", "curves", "notes")}
        attributes = content.pop("attributes", {})
        partial = content.pop("partial", None)
        part = (int(partial["scored"]), int(partial["official"])) if partial else None
        texts = [known["benchmark"], known["split"], *known["notes"]]
        if not all(isinstance(one, str) for one in texts) or not isinstance(known["sequences"], dict):
            raise ValueError("benchmark, split and notes are texts, and sequences a table")
        tables = [content, *known["sequences"].values(), *attributes.values()]
        if not all(one is None or isinstance(one, (int, float)) for table in tables for one in table.values()):
            raise ValueError("a score is no number")
        for curve in known["curves"].values():
            x, y = (np.asarray(curve[axis], dtype=np.float64) for axis in ("x", "y"))
            if x.ndim != 1 or x.shape != y.shape:
                raise ValueError("a curve has x and y that are no lists of numbers, or of different lengths")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ResultError(
            f"{path} does not hold scores ({error}); make it with `samn BENCHMARK score --json`"
        ) from None
    return ScoreTable(overall=content, attributes=attributes, part=part, **{**known, "notes": tuple(known["notes"])})


def run_from_scores(name: str, table: ScoreTable) -> Run:
    """A run of which the scores are known, and nothing else."""
    overall = {key: value for key, value in table.overall.items() if key != _SPEED}
    curves = {
        key: Curve(
            np.asarray(curve["x"], dtype=np.float64),
            np.asarray(curve["y"], dtype=np.float64),
            overall.get(key, overall.get(PRIMARY.get(table.benchmark, ""))),
        )
        for key, curve in table.curves.items()
    }
    primary = PRIMARY.get(table.benchmark, "")
    attributes = {key: value for key, row in table.attributes.items() if (value := row.get(primary)) is not None}
    speed = table.overall.get(_SPEED)
    return Run(
        name,
        overall,
        table.sequences,
        curves,
        attributes=attributes,
        frames_per_second=speed,
        overlaps=table.overlaps,
    )


def run_from_folder(
    name: str, path: Path, benchmark: Benchmark, split: str, truth: Path, pictures: int, partial: bool = False
) -> tuple[Run, ScoreTable]:
    """A scored folder: of a run, with times, confidences and manifest, or of results in the benchmark's layout.

    Args:
        truth: the benchmark's data; pictures need its images.
        pictures: how many of the best and of the worst sequences are drawn.
        partial: a set that is not complete is scored as far as it is there.

    Raises:
        As `Benchmark.score`.
    """
    table = score_run(benchmark, truth, path, split, partial)
    scored = run_from_scores(name, table)
    logs = {log.stem: read_log(log) for log in visible((path / "frames").glob("*.csv"))}
    scores = {sequence: row.get(PRIMARY[benchmark.name]) for sequence, row in table.sequences.items()}
    # Without pictures the data needs no images.
    clip_of = clips_of_run(benchmark, path, truth, split) if pictures else None
    best, worst = best_and_worst(scores, pictures, clip_of, table.overlaps) if clip_of else ((), ())
    run = replace(
        scored,
        frames_per_second=_speed(list(logs.values())) or scored.frames_per_second,
        confidence={} if _constant(logs) else {sequence: log[:, 2] for sequence, log in logs.items()},
        best=best,
        worst=worst,
        manifest=manifest_facts(RunFolder(path).manifest or {}),
        clip_of=clip_of,
    )
    return run, table


def read_log(path: Path) -> NDArray[np.float64]:
    """(N, 4) frame, seconds, confidence and found of a run's frames/<sequence>.csv.

    Raises:
        ResultError: it is damaged.
    """
    try:
        return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, dtype=np.float64).reshape(-1, 4)
    except ValueError as error:
        raise ResultError(f"{path} is damaged ({error}); run the sequence again") from None


def manifest_facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What a reader of the numbers wants to know, as words."""
    identity = manifest.get("identity", {})
    packages = identity.get("packages", {})
    facts = {
        "tracker": identity.get("tracker"),
        "weights sha256": identity.get("weights_sha256"),
        "code sha256": identity.get("code_sha256"),
        "changed settings": ", ".join(f"{key}={value}" for key, value in identity.get("overrides", {}).items()),
        "device": identity.get("device"),
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()),
        "python": manifest.get("python"),
        "platform": manifest.get("platform"),
        "sequences": str(len(manifest["sequences"])) if "sequences" in manifest else None,
        "started": manifest.get("started"),
        "times": manifest.get("timing"),
    }
    return {key: str(value) for key, value in facts.items() if value}


def _speed(logs: list[NDArray[np.float64]]) -> float | None:
    """Frames a second over all sequences; the first frame, which only starts the tracker, is left out."""
    seconds = float(sum(log[1:, 1].sum() for log in logs))
    return sum(len(log) - 1 for log in logs) / seconds if seconds else None


def _constant(logs: Mapping[str, NDArray[np.float64]]) -> bool:
    """Whether the tracker reports no confidence: it is 1 wherever the target was found."""
    return all(np.array_equal(log[:, 2], log[:, 3]) for log in logs.values())
