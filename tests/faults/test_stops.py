"""Every signal in the middle of every program; the same command goes on, and ends with the bytes of an undisturbed run.

The longer half is marked slow; `make faults` runs all of it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Note, last_line, samn, start
from programs import PROGRAMS, prepared

from samn_tracker.errors import ResultError
from samn_tracker.files import locked

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL")
_QUICK = {("got10k run", "SIGHUP"), ("track", "SIGHUP"), ("got10k run", "SIGKILL")}
_whole: dict[str, Mapping[str, bytes]] = {}
CASES = [
    pytest.param(name, sent, marks=() if (name, sent) in _QUICK else pytest.mark.slow, id=f"{name}-{sent}")
    for name in PROGRAMS
    for sent in SIGNALS
]


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data of each program is, made once."""
    return tmp_path_factory.mktemp("stops")


def whole(name: str, work: Path) -> Mapping[str, bytes]:
    """What the program leaves that nothing stops."""
    if name not in _whole:
        output = work / f"{name} whole"
        done = samn(*prepared(name, work / f"{name} data", output), seconds=600)
        assert done.returncode == 0, done.stderr
        _whole[name] = PROGRAMS[name].results(output)
        assert _whole[name]
    return _whole[name]


def in_the_middle(name: str, line: list[object], output: Path) -> subprocess.Popen[str]:
    """The program, when it is in the middle of its work."""
    process = start(*line, start_new_session=True)
    deadline = time.monotonic() + 600
    while not PROGRAMS[name].begun(output):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "it does not begin"
        time.sleep(0.01)
    return process


def wait_until_free(output: Path) -> None:
    """A killed program's children end a moment after it; they hold its folder."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with locked(output):
                return
        except ResultError:
            time.sleep(0.2)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "sent"), CASES)
def test_stopped_in_the_middle(name: str, sent: str, work: Path, tmp_path: Path, note: Note) -> None:
    expected, output = whole(name, work), tmp_path / "out"
    line = prepared(name, work / f"{name} data", output)
    process = in_the_middle(name, line, output)
    number = signal.Signals[sent]
    process.send_signal(number)
    _, err = process.communicate(timeout=600)
    stopped = subprocess.CompletedProcess(line, process.returncode, "", err)
    assert "Traceback" not in err, err
    assert process.returncode == (-number if sent == "SIGKILL" else 130)
    said = "killed" if sent == "SIGKILL" else last_line(stopped).partition(": ")[2]
    kept = _kept_by_track(output, sent) if name == "track" else said
    wait_until_free(output / "W" if name == "vot run" else output)
    again = samn(*line, seconds=600)
    assert again.returncode == 0, again.stderr
    assert PROGRAMS[name].results(output) == expected
    note(f"samn {name}: {sent}, then the same command", f"exit {process.returncode} ({kept}), then exit 0, equal bytes")


def _kept_by_track(output: Path, sent: str) -> str:
    """What of a stopped `samn track` is there and whole."""
    rows = len((output / "boxes.txt").read_text().splitlines())
    masks = len(list((output / "masks").glob("*.png")))
    if sent == "SIGKILL":
        assert rows >= 2
        return f"{rows} boxes and {masks} masks are kept"
    records = json.loads((output / "boxes.json").read_text())
    annotations = json.loads((output / "coco.json").read_text())["annotations"]
    assert masks >= rows >= len(records) >= len(annotations) >= masks - 1, "in the order in which a frame is written"
    assert (output / "overlay.mp4").stat().st_size > 0
    return f"{rows} boxes, {masks} masks, the JSON files and the overlay are kept and whole"


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one == "got10k run" else pytest.mark.slow) for one in PROGRAMS],
)
def test_two_at_once_into_one_folder(name: str, work: Path, tmp_path: Path, note: Note) -> None:
    expected, output = whole(name, work), tmp_path / "out"
    line = prepared(name, work / f"{name} data", output)
    first = in_the_middle(name, line, output)
    first.send_signal(signal.SIGSTOP)  # however long the second takes to start, the first is not done before
    try:
        second = samn(*line, seconds=600)
    finally:
        first.send_signal(signal.SIGCONT)
    _, err = first.communicate(timeout=600)
    assert first.returncode == 0, err
    assert second.returncode == 1
    assert f"is being written by process {first.pid}" in second.stderr
    assert PROGRAMS[name].results(output) == expected
    note(f"samn {name}: two at once into one folder", f"the first exit 0, the second {last_line(second)}")
