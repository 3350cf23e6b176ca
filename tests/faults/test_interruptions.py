"""SIGTERM, Ctrl-C and kill -9 at random moments; the same command goes on, and ends with the same bytes. A client that
hangs up ends its server."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Note, environment, last_line, run_got10k, start, still

BOX = ["--box", "50,35,20,20"]
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGKILL]


def _results(folder: Path) -> dict[str, bytes]:
    files = [path for path in (folder / "results").rglob("*.txt") if not path.name.endswith("_time.txt")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _wait_for_work(process: subprocess.Popen[str], more: float) -> None:
    """Until the process says on stderr what it is going to do; before that Python itself is starting."""
    assert process.stderr is not None
    while "to run with" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(more)


@pytest.mark.parametrize("sent", SIGNALS, ids=lambda sent: sent.name)
def test_benchmark_run(sent: signal.Signals, data: Path, tmp_path: Path, note: Note) -> None:
    assert run_got10k(data, tmp_path / "whole", "--set", "delay=0.15").returncode == 0
    chance, codes = random.Random(int(sent)), []
    for _ in range(3):
        process = start("got10k", "run", "--data", data, "--output", tmp_path / "run", *still(delay=0.15))
        _wait_for_work(process, chance.uniform(0, 0.5))
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        assert process.returncode == (-sent if sent == signal.SIGKILL else 130)
        codes.append(process.returncode)
    end = run_got10k(data, tmp_path / "run", "--set", "delay=0.15")
    note(f"samn got10k run: {sent.name} three times, then once more", f"exits {codes}, then {last_line(end)}")
    assert end.returncode == 0
    assert _results(tmp_path / "run") == _results(tmp_path / "whole") != {}


@pytest.mark.parametrize("sent", SIGNALS, ids=lambda sent: sent.name)
def test_tracking_a_video(sent: signal.Signals, video: Path, tmp_path: Path, note: Note) -> None:
    out = tmp_path / "out"
    process = start("track", video, *BOX, *still(delay=0.5), "--output", out, "--save", "txt")
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1.2)
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    rows = sum(len(path.read_text().splitlines()) for path in out.rglob("*.txt"))
    said = err.strip().splitlines()[-1] if err.strip() else "nothing on stderr"
    note(f"samn track: {sent.name}", f"exit {process.returncode}, {rows} rows on disk: {said}")
    assert "Traceback" not in err
    assert process.returncode == (-sent if sent == signal.SIGKILL else 130)


@pytest.mark.parametrize("said", ["", '@@TRAX:initialize "50,35,20,20" \n'], ids=["at once", "before the first frame"])
def test_client_hangs_up(said: str, note: Note, request: pytest.FixtureRequest) -> None:
    line = [sys.executable, "-m", "samn_tracker.trax.server", "--tracker", "fault_toys:still"]
    result = subprocess.run(line, input=said, capture_output=True, text=True, timeout=120, env=environment())
    moment = request.node.callspec.id
    note(f"samn-trax: the client hangs up {moment}", last_line(result))
    assert result.returncode == 1
    assert "hung up" in result.stderr and "Traceback" not in result.stderr
