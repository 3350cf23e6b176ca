"""A run that is killed before any one of its steps on the file system goes on as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from benchmark_data import request, tree

from got10k_runner.runner import Got10k
from samn_tracker.runner.execute import execute
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.show import summary
from samn_tracker.runner.worker import RunRequest

STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}


def in_a_process(work: Callable[[], object]) -> int:
    """Do `work` in a copy of this process; returns its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(int(sys.exc_info()[0] is not None))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_before(step: int, wanted: RunRequest) -> None:
    """Run, and die of SIGKILL before the step of that number below the run's folder, if there are so many."""
    steps = count(1)

    def die(event: str, arguments: tuple[object, ...]) -> None:
        if event in STEPS and str(arguments[0]).startswith(str(wanted.output)) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die)
    assert execute(wanted) == []


@pytest.mark.parametrize("fresh", [True, False], ids=["into a new folder", "over a run of another configuration"])
def test_a_run_killed_before_its_manifest_was_written_was_refused_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, got10k_data: Path, fresh: bool
) -> None:
    """Any other moment would be found as well: the run is killed before each step in turn."""
    name = "GOT-10k_Test_000001"
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow, and without effect on what a kill leaves
    wanted = request(Got10k(), got10k_data, "test", tmp_path / "whole", only=(name,))
    execute(wanted)
    expected = tree(wanted.output / "results")
    execute(replace(wanted, output=tmp_path / "other", overrides={"delay": "0.0001"}))
    for step in count(1):
        killed = replace(wanted, output=tmp_path / f"killed-{step}")
        if not fresh:
            shutil.copytree(tmp_path / "other", killed.output)
        if in_a_process(lambda: killed_before(step, killed)) == 0:  # noqa: B023
            break
        assert in_a_process(lambda: execute(killed)) == 0, f"killed before step {step}"  # noqa: B023
        assert tree(killed.output / "results") == expected, f"killed before step {step}"
        assert name not in summary(RunFolder(killed.output)).faults
        assert not list(killed.output.rglob("*.part"))
        shutil.rmtree(killed.output)
    assert step > 20
