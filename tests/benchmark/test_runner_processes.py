"""The runners as a user starts them: real processes, real kills, a real full disk."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmark_data import start, tree, wait_for

Command = Callable[..., "subprocess.CompletedProcess[str]"]
DRIFT = ["--tracker", "toy_trackers:Drift"]
SLOW = [*DRIFT, "--set", "delay=0.05"]


@pytest.mark.parametrize(
    ("runner", "split", "data_fixture"),
    [
        ("got10k_runner", "test", "got10k_data"),
        ("trackingnet_runner", "TEST", "trackingnet_data"),
        ("davis_runner", "2016/val", "davis_data"),
        ("davis_runner", "2017/val", "davis_data"),
    ],
)
def test_run_lint_pack_show(
    command: Command, tmp_path: Path, request: pytest.FixtureRequest, runner: str, split: str, data_fixture: str
) -> None:
    data = request.getfixturevalue(data_fixture)
    ran = command(runner, "run", "--data", data, "--split", split, *DRIFT, "--output", "run")
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    packed = command(runner, "pack", "--results", "run", "--data", data, "--output", "results.zip")
    assert packed.returncode == 0, packed.stderr
    linted = command(runner, "lint", "--results", "results.zip", "--data", data, "--split", split, "--json")
    said = json.loads(linted.stdout)
    assert (said["ok"], said["faults"]) == (True, [])
    assert "good for trials, not for comparisons" in said["notes"][0]
    shown = json.loads(command(runner, "show", "--results", "run", "--json").stdout)
    assert shown["done"] == shown["sequences"]


def test_scores_as_json_csv_and_table(command: Command, tmp_path: Path, got10k_data: Path, davis_data: Path) -> None:
    command("got10k_runner", "run", "--data", got10k_data, "--split", "val", *DRIFT, "--output", "g", check=True)
    scored = command(
        "got10k_runner", "score", "--truth", got10k_data, "--results", "g", "--json", "--csv", "g.csv", check=True
    )
    scores = json.loads(scored.stdout)
    assert {"ao", "sr50", "sr75", "curves", "sequences"} <= scores.keys()
    rows = (tmp_path / "g.csv").read_text().splitlines()
    assert rows[0] == "sequence,ao,sr50,sr75,frames_per_second"
    assert float(rows[-1].split(",")[1]) == scores["ao"]
    command("davis_runner", "run", "--data", davis_data, "--split", "2017/val", *DRIFT, "--output", "d", check=True)
    truth = davis_data / "Annotations/480p"
    for name in ("bear", "cow"):
        truth.joinpath(name).rename(davis_data / name)
    scored = command(
        "davis_runner", "score", "--truth", truth, "--results", tmp_path / "d/results", "--split", "2017/val"
    )
    lines = scored.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["dogs_1", "dogs_2", "kids_1", "kids_2", "overall"]
    assert lines[6] == "note: kids: ids [3] are not in the first annotation and are not scored"


def test_exit_codes(command: Command, tmp_path: Path, trackingnet_data: Path) -> None:
    assert command("trackingnet_runner", "run").returncode == 2
    assert command("trackingnet_runner", "run", "--help").returncode == 0
    wrong = command("trackingnet_runner", "run", "--data", "absent", *DRIFT, "--output", "run")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "check --data" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    broken = ["--tracker", "toy_trackers:Broken", "--output", "run"]
    failed = command("trackingnet_runner", "run", "--data", trackingnet_data, *broken)
    assert failed.returncode == 1
    assert "3 sequences failed" in failed.stderr
    linted = command("trackingnet_runner", "lint", "--results", "run", "--data", trackingnet_data)
    assert (linted.returncode, linted.stdout.splitlines()[0]) == (1, "-abc_0.txt: is missing")
    packed = command("trackingnet_runner", "pack", "--results", "run", "--data", trackingnet_data, "--output", "x.zip")
    assert packed.returncode == 1
    assert not (tmp_path / "x.zip").exists()


def killed_and_resumed(runner: str, data: Path, split: str, place: Path, kills: int, seed: int) -> int:
    """Kill the run at random moments, then let it end; returns how many kills met a running process."""
    chance = random.Random(seed)
    arguments = [runner, "run", "--data", data, "--split", split, *SLOW, "--output", place]
    met = 0
    for _ in range(kills):
        process = start(*arguments)
        wait_for(lambda: place.exists() or process.poll() is not None)  # noqa: B023
        time.sleep(chance.uniform(0, 0.9))
        met += process.poll() is None
        process.kill()
        process.communicate()
    process = start(*arguments)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return met


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_kill_9_and_resume_is_byte_identical(
    command: Command, tmp_path: Path, got10k_data: Path, davis_data: Path, kills: int
) -> None:
    for runner, data, split in [("got10k_runner", got10k_data, "val"), ("davis_runner", davis_data, "2017/val")]:
        command(runner, "run", "--data", data, "--split", split, *SLOW, "--output", f"{runner}-whole", check=True)
        met = killed_and_resumed(runner, data, split, tmp_path / f"{runner}-killed", kills, seed=kills)
        assert met >= kills // 2
        whole = tree(tmp_path / f"{runner}-whole/results")
        assert len(whole) > 0
        assert tree(tmp_path / f"{runner}-killed/results") == whole
        assert not list((tmp_path / f"{runner}-killed").rglob("*.part"))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_runs_end_cleanly(tmp_path: Path, got10k_data: Path, sent: signal.Signals) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", tmp_path / "run"]
    process = start(*arguments, *DRIFT, "--set", "delay=0.05")
    wait_for(lambda: (tmp_path / "run/records").exists())
    process.send_signal(sent)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command continues" in said
    assert "Traceback" not in said


def test_two_runs_on_one_folder(command: Command, tmp_path: Path, got10k_data: Path) -> None:
    arguments = ["got10k_runner", "run", "--data", got10k_data, "--split", "val", "--output", tmp_path / "run"]
    first = start(*arguments, *DRIFT, "--set", "delay=1")
    wait_for(lambda: (tmp_path / "run/manifest.json").exists())
    second = command(*arguments, *DRIFT)
    assert second.returncode == 1
    assert f"is being written by process {first.pid}" in second.stderr
    first.kill()
    first.communicate()
    assert command(*arguments, *DRIFT).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 80 kB in memory; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_full_disk_fails_and_nothing_half_is_accepted_later(
    command: Command, tmp_path: Path, small_disk: Path, davis_data: Path
) -> None:
    arguments = ["davis_runner", "run", "--data", davis_data, "--split", "2017/val", *DRIFT, "--output"]
    full = command(*arguments, small_disk / "run")
    assert full.returncode == 1
    assert "No space left on device; make room" in full.stderr
    assert "Traceback" not in full.stderr
    shown = json.loads(command("davis_runner", "show", "--results", small_disk / "run", "--json").stdout)
    assert shown["faults"]
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    assert command(*arguments, small_disk / "run").returncode == 0
    command(*arguments, "whole", check=True)
    assert tree(small_disk / "run/results") == tree(tmp_path / "whole/results")
