"""Workers on Ray give what one process gives, and survive the death of one of them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmark_data import environment, start, tree, wait_for

Command = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def _ray() -> None:
    pytest.importorskip("ray", reason="Ray (extra 'cluster') is not installed")


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


def test_one_sequence_left_needs_no_workers(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", "run", "--workers", 2]
    only = ["--sequences", "GOT-10k_Val_000001", "--tracker", "toy_trackers:TellsRay"]
    ran = command(*arguments, *only)
    assert ran.returncode == 0, ran.stderr
    assert "ray is not loaded" in ran.stderr


def test_failures_in_workers_are_those_of_one_process(command: Command, tmp_path: Path, davis_data: Path) -> None:
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2016/val", "--output", "run", "--workers", 2]
    ran = command(*arguments, "--tracker", "toy_trackers:Drift", "--set", "boxes_only=1")
    assert ran.returncode == 1
    assert "answers boxes only" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_absent_cluster_is_said_at_once(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", "run"]
    ran = command(*arguments, "--tracker", "toy_trackers:Drift", "--cluster", "127.0.0.1:9")
    assert ran.returncode == 1
    assert "nobody listens at --cluster 127.0.0.1:9" in ran.stderr


def test_more_workers_than_the_cluster_has_room_for_do_not_wait_for_ever(
    command: Command, tmp_path: Path, davis_data: Path, cluster: str
) -> None:
    """Sequences were given to workers that could not start; the run never ended."""
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2017/val", "--tracker", "toy_trackers:Drift"]
    ran = command(*arguments, "--output", "run", "--workers", 2, "--cluster", cluster)
    assert ran.returncode == 0, ran.stderr
    assert "0 of 2 sequences" in command(*arguments, "--output", "run").stderr


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


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray cluster of one core."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
    folder = tempfile.mkdtemp(prefix="ray")  # Ray's sockets need a short path
    line += ["--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
    head = subprocess.Popen(
        line, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(lambda: _listens(port) or head.poll() is not None, seconds=240)
        assert head.poll() is None, "ray start failed"
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(head.pid, signal.SIGTERM)
        head.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
