"""Scores of a run's folder, with what its own manifest says against believing them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.frames import listed
from samn_tracker.runner.run_folder import RunFolder, results_folder
from samn_tracker.runner.scores import ScoreTable


def score_run(benchmark: Benchmark, truth: Path, path: Path, split: str, partial: bool = False) -> ScoreTable:
    """Scores of the folder of a run, or of a folder of results, against ground truth.

    A note says so where the weights' own header names a scored sequence among what they were trained on.

    Raises:
        As `Benchmark.score`, or as `Benchmark.score_part` for a part of a set that is not complete.
    """
    score = benchmark.score_part if partial else benchmark.score
    table = score(truth, results_folder(path), split)
    return replace(table, notes=(*table.notes, *training_notes(RunFolder(path).manifest or {}, table.sequences)))


def training_notes(manifest: dict[str, Any], scored: Iterable[str]) -> list[str]:
    """The sentence about `scored` sequences, or objects of them, on which the run's weights were trained.

    The weights name sets and sequences of sets, for instance "objcut" and "davis16/cows"; a set alone says nothing of
    a sequence.
    """
    named = manifest.get("identity", {}).get("training_data", [])
    sequences = {str(name).rpartition("/")[2] for name in named if "/" in str(name)}
    seen = sorted({one for one in scored if one in sequences or one.rpartition("_")[0] in sequences})
    if not seen:
        return []
    return [
        f"these weights were trained on {listed(seen)}, as their own header says: not a result to compare with others"
    ]
