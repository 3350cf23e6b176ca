"""Workers on a Ray cluster give what one process gives, and a cluster that is not there is said at once."""

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
from benchmark_data import environment, tree, wait_for

Command = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def _ray() -> None:
    pytest.importorskip("ray", reason="Ray (extra 'cluster') is not installed")


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
    command(*arguments, "--output", "one", check=True)
    assert tree(tmp_path / "one/results") == tree(tmp_path / "run/results")


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


def test_a_worker_of_a_cluster_that_dies_is_replaced(
    command: Command, tmp_path: Path, got10k_data: Path, cluster: str
) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", "run"]
    dies = ["--tracker", "toy_trackers:DiesOnce", "--set", f"flag={tmp_path / 'flag'}", "--cluster", cluster]
    ran = command(*arguments, *dies)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "flag").exists()
