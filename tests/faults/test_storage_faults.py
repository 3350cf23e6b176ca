"""Folders that cannot be written, disks that are full, data that vanishes, runs that meet."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Note, last_line, run_got10k, samn, start, still

BOX = ["--box", "50,35,20,20"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A file system that can only be read; root may write into any folder, so permission bits would not do."""
    place = tmp_path / "read only"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    size = ["-o", "size=16k"]
    if subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", place], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_read_only_folder(data: Path, video: Path, read_only: Path, note: Note) -> None:
    result = run_got10k(data, read_only / "run")
    note("samn got10k run: read-only folder", last_line(result))
    assert result.returncode == 1
    result = samn("track", video, *BOX, *still(), "--output", read_only / "out")
    note("samn track: read-only folder", last_line(result))
    assert result.returncode == 1


def test_full_disk(data: Path, video: Path, small_disk: Path, note: Note) -> None:
    result = samn("track", video, *BOX, *still(), "--output", small_disk / "out")
    note("samn track: full disk", last_line(result))
    assert result.returncode == 1
    shutil.rmtree(small_disk / "out", ignore_errors=True)
    result = run_got10k(data, small_disk / "run")
    note("samn got10k run: full disk", last_line(result))
    assert result.returncode == 1
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    result = run_got10k(data, small_disk / "run")
    note("samn got10k run: the same command with room", last_line(result))
    assert result.returncode == 0


def test_data_that_vanishes_in_the_middle(data: Path, tmp_path: Path, note: Note) -> None:
    """As of a network folder that is gone: the images of the running sequence and of the next one disappear."""
    process = start("got10k", "run", "--data", data, "--output", tmp_path / "run", *still(delay=0.3))
    deadline = time.monotonic() + 60
    while not (tmp_path / "run/partial/ball").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    data.rename(tmp_path / "gone")
    _, err = process.communicate(timeout=60)
    said = next(line for line in err.splitlines() if "ball" in line and "Error" in line)
    note("samn got10k run: data vanishes in the middle", f"exit {process.returncode}: {said}")
    assert process.returncode == 1
    assert "Traceback" not in err
    (tmp_path / "gone").rename(data)
    assert run_got10k(data, tmp_path / "run").returncode in (0, 1)


def test_output_folder_that_vanishes_in_the_middle(data: Path, tmp_path: Path, note: Note) -> None:
    process = start("got10k", "run", "--data", data, "--output", tmp_path / "run", *still(delay=2))
    deadline = time.monotonic() + 60
    while not (tmp_path / "run/partial/ball").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    (tmp_path / "run").rename(tmp_path / "moved")
    _, err = process.communicate(timeout=60)
    note("samn got10k run: output folder vanishes in the middle", f"exit {process.returncode}: {err.splitlines()[-1]}")
    assert process.returncode == 1
    assert "Traceback" not in err


def test_two_runs_on_one_folder(data: Path, tmp_path: Path, note: Note) -> None:
    first = start("got10k", "run", "--data", data, "--output", tmp_path / "run", *still(delay=1))
    deadline = time.monotonic() + 60
    while not (tmp_path / "run/manifest.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    second = run_got10k(data, tmp_path / "run")
    note("samn got10k run: two runs on one folder", last_line(second))
    first.kill()
    first.communicate()
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stderr


@pytest.mark.parametrize("when", [0.0, 4e9])
def test_clock_that_jumps(data: Path, tmp_path: Path, when: float, note: Note) -> None:
    """The clock goes backwards during the run, and finished files are of another time: nothing depends on either."""
    first = run_got10k(data, tmp_path / "run", "--set", "clock_back=1")
    assert first.returncode == 0
    for path in [*(tmp_path / "run").rglob("*"), *data.rglob("*")]:
        os.utime(path, (when, when))
    again = run_got10k(data, tmp_path / "run", "--set", "clock_back=1")
    note(f"samn got10k run: clock jumps back, files of the year {time.gmtime(when).tm_year}", last_line(again))
    assert again.returncode == 0
    assert "0 of 2 sequences to run" in again.stderr
    for times in (tmp_path / "run/frames").glob("*.csv"):
        seconds = [float(line.split(",")[1]) for line in times.read_text().splitlines()[1:]]
        assert min(seconds) >= 0
