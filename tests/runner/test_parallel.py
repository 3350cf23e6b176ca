"""Workers on this machine give what one process gives, survive the death of one of them, and leave none behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmark_data import start, tree, wait_for

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_two_workers_equal_one(command: Command, tmp_path: Path, davis_data: Path) -> None:
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2017/val", "--tracker", "toy_trackers:Drift"]
    command(*arguments, "--output", "one", check=True)
    many = command(*arguments, "--output", "two", "--workers", 2)
    assert many.returncode == 0, many.stderr
    assert tree(tmp_path / "one/results") == tree(tmp_path / "two/results")
    assert "0 of 2 sequences" in command(*arguments, "--output", "two").stderr


def test_a_killed_worker_is_replaced(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val"]
    dies = ["--tracker", "toy_trackers:DiesOnce", "--set", f"flag={tmp_path / 'flag'}"]
    ran = command(*arguments, *dies, "--output", "killed", "--workers", 2)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "flag").exists()
    command(*arguments, "--tracker", "toy_trackers:Drift", "--output", "whole", check=True)
    assert tree(tmp_path / "killed/results") == tree(tmp_path / "whole/results")


@pytest.mark.slow
def test_sequences_that_kill_every_worker_are_named(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    names = ["GOT-10k_Val_000001", "GOT-10k_Val_000002"]
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", "run", "--workers", 2]
    ran = command(*arguments, "--sequences", *names, "--tracker", "toy_trackers:AlwaysDies")
    assert ran.returncode == 1
    for name in names:
        assert f"{name}: 3 workers died while running it" in ran.stderr


def test_cores_are_shared_out_among_the_workers(command: Command, tmp_path: Path, davis_data: Path) -> None:
    """Two workers with all cores each, or one thread each on many cores, are slower than one process."""
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2017/val", "--output", "run", "--workers", 2]
    seen = ["--tracker", "toy_trackers:TellsThreads", "--set", f"place={tmp_path / 'threads'}"]
    ran = command(*arguments, *seen, without=("OMP_NUM_THREADS",))
    assert ran.returncode == 0, ran.stderr
    told = {path.read_text() for path in (tmp_path / "threads").iterdir()}
    assert told == {str(max(1, len(os.sched_getaffinity(0)) // 2))}


def test_failures_in_workers_are_those_of_one_process(command: Command, tmp_path: Path, davis_data: Path) -> None:
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2016/val", "--output", "run", "--workers", 2]
    ran = command(*arguments, "--tracker", "toy_trackers:Drift", "--set", "boxes_only=1")
    assert ran.returncode == 1
    assert "answers boxes only" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_gpu_for_a_tracker_on_cuda_is_said_at_once(command: Command, tmp_path: Path, davis_data: Path) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has GPUs")
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2017/val", "--output", "run"]
    ran = command(*arguments, "--tracker", "toy_trackers:OnDevice", "--device", "cuda", "--workers", 2)
    assert ran.returncode == 1
    assert "no GPU for workers" in ran.stderr


def test_sigterm_ends_a_run_with_workers_cleanly(tmp_path: Path, got10k_data: Path) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", tmp_path / "run"]
    slow = ["--tracker", "toy_trackers:Drift", "--set", "delay=0.3", "--workers", 2]
    process = start(*arguments, *slow)
    wait_for(lambda: any((tmp_path / "run").glob("partial/*/results")), seconds=240)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "the same command continues" in said


def test_workers_end_when_their_run_is_killed(tmp_path: Path, got10k_data: Path) -> None:
    """A run that is killed cannot end them itself; they would go on writing into its folder."""
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", tmp_path / "run"]
    told = tmp_path / "told"
    tells = ["--tracker", "toy_trackers:TellsThreads", "--set", f"place={told}", "--set", "delay=0.3"]
    process = start(*arguments, *tells, "--workers", 2)
    wait_for(lambda: (told.is_dir() and len(list(told.iterdir())) == 2) or process.poll() is not None)
    assert process.poll() is None
    process.kill()
    process.communicate()
    wait_for(lambda: not any(Path("/proc", one.name, "stat").exists() for one in told.iterdir()))
