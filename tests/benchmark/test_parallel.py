"""Workers on Ray give what one process gives, and survive the death of one of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmark_data import tree

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


def test_a_sequence_that_kills_every_worker_is_named(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    only = ["--sequences", "GOT-10k_Val_000001", "--workers", 2]
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", "run", *only]
    ran = command(*arguments, "--tracker", "toy_trackers:AlwaysDies")
    assert ran.returncode == 1
    assert "GOT-10k_Val_000001: 3 workers died while running it" in ran.stderr


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
