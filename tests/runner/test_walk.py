"""From real data to a scored result and an archive, with the shipped weights, by the documented commands."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmark_data import kill_when, start, tree, wait_for
from real_data import lay_out_davis, lay_out_got10k, lay_out_trackingnet, read_clips

Command = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(3600)]
FRAMES, CLIPS = 6, ("Crossing", "car-shadow", "drift-chicane")


class Walk(NamedTuple):
    """A benchmark's split that is run, the split whose truth scores it, and the score that must be good."""

    benchmark: str
    split: str
    scored: str | None
    key: str
    least: float


WALKS = (
    Walk("got10k", "val", "val", "ao", 0.5),
    Walk("got10k", "test", None, "", 0),
    Walk("trackingnet", "TEST", "TRAIN_0", "success", 50),
    Walk("davis", "2016/val", "2016/val", "jf_mean", 0.5),
    Walk("davis", "2017/val", "2017/val", "jf_mean", 0.3),
)


@pytest.fixture(scope="module")
def real_sets(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The data folder of each benchmark."""
    root = tmp_path_factory.mktemp("real")
    clips = [clip for clip in read_clips(shared_data / "sequences", FRAMES) if clip.name in CLIPS]
    return {
        "got10k": lay_out_got10k(root / "GOT-10k", clips),
        "trackingnet": lay_out_trackingnet(root / "TrackingNet", clips),
        "davis": lay_out_davis(root / "DAVIS", clips, frames=FRAMES),
    }


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: f"{walk.benchmark}-{walk.split}")
def test_run_kill_resume_lint_pack_score(
    command: Command, tmp_path: Path, real_sets: dict[str, Path], walk: Walk
) -> None:
    program, data = ("samn_tracker", walk.benchmark), real_sets[walk.benchmark]
    run = [*program, "run", "--data", data, "--split", walk.split, "--set", "runtime.threads=1", "--output"]
    command(*run, "whole", check=True)
    kill_when([*run, "killed"], lambda: any((tmp_path / "killed").glob("records/*.json")), cwd=tmp_path, seconds=900)
    half = json.loads(command(*program, "show", "--results", "killed", "--json").stdout)
    assert 0 < half["done"] < half["sequences"]
    again = command(*run, "killed")
    assert again.returncode == 0, again.stderr
    assert f"{half['sequences'] - half['done']} of {half['sequences']} sequences to run" in again.stderr
    assert tree(tmp_path / "killed/results") == tree(tmp_path / "whole/results")
    for name in ("lint", "pack"):
        more = ["--output", "packed.zip"] if name == "pack" else []
        done = command(*program, name, "--data", data, "--results", "killed", *more)
        assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / "packed.zip") as archive:
        assert len(archive.namelist()) > 0
    score = [*program, "score", "--truth", data, "--results", "killed", "--json"]
    if walk.scored is None:
        refused = command(*score)
        assert refused.returncode == 1
        assert "scored by the server alone" in refused.stderr
    else:
        assert json.loads(command(*score, "--split", walk.scored, check=True).stdout)[walk.key] > walk.least


def test_a_killed_worker_leaves_no_trace(command: Command, tmp_path: Path, real_sets: dict[str, Path]) -> None:
    run = ["samn_tracker", "davis", "run", "--data", real_sets["davis"], "--split", "2016/val"]
    run += ["--set", "runtime.threads=1", "--output"]
    command(*run, "whole", check=True)
    process = start(*run, "killed", "--workers", 2, cwd=tmp_path)
    partial = tmp_path / "killed/partial"
    victims: list[int] = []

    def found() -> bool:
        victims.extend(_writers(partial) if any(partial.glob("*/results/*/*.png")) else ())
        return bool(victims) or process.poll() is not None

    wait_for(found, seconds=900)
    assert victims
    assert process.pid not in victims
    os.kill(victims[0], signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert tree(tmp_path / "killed/results") == tree(tmp_path / "whole/results")


def _writers(folder: Path) -> set[int]:
    """The processes that have a file below the folder open."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if folder in entry.readlink().parents:
                found.add(int(entry.parts[2]))
    return found
