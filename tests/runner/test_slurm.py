"""Runs as jobs of submitit, whose local executor stands in for a queue: real processes, real pickles."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmark_data import tree

pytest.importorskip("submitit", reason="submitit is not installed (pip install samn-tracker[slurm])")

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.timeout(600)
def test_jobs_give_what_one_process_gives(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--tracker", "toy_trackers:Drift"]
    command(*arguments, "--output", "one", check=True)
    jobs = command(*arguments, "--output", "jobs", "--workers", 2, "--slurm", "cluster=local", "timeout_min=5")
    assert jobs.returncode == 0, jobs.stderr
    assert tree(tmp_path / "one/results") == tree(tmp_path / "jobs/results")
    assert any((tmp_path / "jobs/slurm").iterdir())


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cluster=local", "no_such_parameter=1"], "no_such_parameter"),
        (["cluster=local", "timeout_min"], "KEY=VALUE"),
        ([], "there is no SLURM here (no srun)"),
    ],
)
def test_what_cannot_be_queued_is_told(
    words: list[str], sentence: str, command: Command, tmp_path: Path, got10k_data: Path
) -> None:
    if not words and shutil.which("srun"):
        pytest.skip("there is SLURM here")
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--tracker", "toy_trackers:Drift"]
    ran = command(*arguments, "--output", "run", "--slurm", *words)
    assert ran.returncode in (1, 2) and sentence in ran.stderr and "Traceback" not in ran.stderr
