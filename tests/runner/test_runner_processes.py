"""The runners as a user starts them: real processes, real kills, a real full disk."""

from __future__ import annotations

import json
import random
import re
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
SIZES = (
    "box_start.patch_size",
    "mask_start.patch_size",
    "segmentation.multi_patch_size",
    "spatial.patch_size",
)
SAMN = ["--device", "cpu", "--set", "runtime.threads=1", *(word for one in SIZES for word in ("--set", f"{one}=96"))]
"""The shipped tracker, on patches that make it quick."""


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


def test_a_place_that_cannot_be_written_gave_a_traceback(
    command: Command, tmp_path: Path, trackingnet_data: Path
) -> None:
    data = ["--data", trackingnet_data]
    command("trackingnet_runner", "run", *data, *DRIFT, "--output", "run", check=True)
    (tmp_path / "note").write_text("no folder")
    packed = command("trackingnet_runner", "pack", *data, "--results", "run", "--output", "note/results.zip")
    drawn = command("trackingnet_runner", "show", *data, "--results", "run", "--save", "note")
    for ended in (packed, drawn):
        assert ended.returncode == 1
        assert re.fullmatch(r"samn trackingnet: .*\bnote\b.*; .*", ended.stderr.splitlines()[-1])
        assert "Traceback" not in ended.stderr


def test_output_cut_off_by_head_gave_a_traceback(command: Command, tmp_path: Path, trackingnet_data: Path) -> None:
    command("trackingnet_runner", "run", "--data", trackingnet_data, *DRIFT, "--output", "run", check=True)
    process = start("trackingnet_runner", "show", "--results", tmp_path / "run", stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == ("", 1)


def killed_and_resumed(arguments: list[object], place: Path, kills: int, seed: int) -> int:
    """Kill the run at random moments of its work, then let it end; returns how many kills met a running process."""
    chance = random.Random(seed)
    met = 0
    for _ in range(kills):
        process = start(*arguments, place)
        wait_until_it_works(process)
        time.sleep(chance.uniform(0, 0.9))
        met += process.poll() is None
        process.kill()
        process.communicate()
    process = start(*arguments, place)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return met


def wait_until_it_works(process: subprocess.Popen[str]) -> None:
    """Until it says on stderr what it is going to run: before that it loads Python and the tracker."""
    assert process.stderr is not None
    while "to run with" not in (said := process.stderr.readline()):
        assert said, "it ended before it said what there is to run"


@pytest.mark.parametrize(
    ("tracker", "kills"),
    [
        pytest.param(SLOW, 2, id="twice"),
        pytest.param(SLOW, 10, marks=pytest.mark.slow, id="ten times"),
        pytest.param(SAMN, 10, marks=pytest.mark.slow, id="ten times, samn-lite"),
    ],
)
@pytest.mark.parametrize(
    ("runner", "split", "data_fixture"),
    [("got10k_runner", "val", "got10k_data"), ("davis_runner", "2017/val", "davis_data")],
)
def test_kill_9_and_resume_is_byte_identical(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    runner: str,
    split: str,
    data_fixture: str,
    tracker: list[str],
    kills: int,
) -> None:
    data = request.getfixturevalue(data_fixture)
    arguments = [runner, "run", "--data", data, "--split", split, *tracker, "--output"]
    assert killed_and_resumed(arguments, tmp_path / "whole", kills=0, seed=0) == 0
    assert killed_and_resumed(arguments, tmp_path / "killed", kills, seed=kills) >= kills // 2
    assert tree(tmp_path / "killed/results") == tree(tmp_path / "whole/results") != {}
    assert not list((tmp_path / "killed").rglob("*.part"))


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
