"""A small data set for the real programs, and the table of faults that a test run prints at its end.

`pytest tests/faults --write-table docs/reliability.md` writes the table into that page, between its two marks; with
`--add-to-table` some of the tests put their rows in the place of their former ones, or below.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from samn_tracker.synthetic import make_sequence, write_sequence_images

HERE = Path(__file__).parent
FRAMES = 8
BEGIN, END = "<!-- faults: made by make faults -->", "<!-- faults: end -->"
# What is another one in every run: the test's own folder, processes and the machine they run on.
_PASSING = ((re.compile(r"/\S*?pytest-\d+/[^/\s]+/"), ""), (re.compile(r"process \d+ on [\w.-]+"), "process N on HOST"))
_rows: list[tuple[str, str, str]] = []

Note = Callable[[str, str], None]


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """note(fault, what happened): a line of the table; a traceback is no answer to a fault."""

    def add(fault: str, happened: str) -> None:
        for pattern, instead in _PASSING:
            happened = pattern.sub(instead, happened)
        assert "traceback" not in happened.lower()
        _rows.append((fault, " ".join(happened.split()), f"pytest -m '' '{request.node.nodeid}'"))

    return add


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-table", type=Path, metavar="PAGE", help="write the table of faults into this page")
    parser.addoption("--add-to-table", type=Path, metavar="PAGE", help="renew these rows of the table in this page")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _rows:
        return
    terminalreporter.section("faults tried, and what happened")
    width = max(len(fault) for fault, _, _ in _rows)
    for fault, happened, _ in _rows:
        terminalreporter.write_line(f"{fault:<{width}}  {happened}")
    if terminalreporter.stats.get("failed"):
        return
    for option, keep in (("--write-table", False), ("--add-to-table", True)):
        if (page := config.getoption(option, default=None)) is not None:
            page.write_text(_with_table(page.read_text(encoding="utf-8"), keep), encoding="utf-8")


def _with_table(text: str, keep: bool) -> str:
    """The page with the table between its marks; `keep` leaves the rows in it that no test here has renewed."""
    before, rest = text.split(BEGIN)
    former, after = rest.split(END)
    rows = {line.split(" | ")[0]: line for line in former.splitlines() if line.startswith("| ")} if keep else {}
    rows = {head: line for head, line in rows.items() if head not in ("| fault", "| ---")}
    for fault, happened, command in _rows:
        rows[f"| {_cell(fault)}"] = f"| {_cell(fault)} | {_cell(happened)} | `{_cell(command)}` |"
    lines = ["| fault | what happened | again |", "| --- | --- | --- |", *rows.values()]
    return before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + after


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sequences in GOT-10k's layout, `ball` and `cube`."""
    root = tmp_path / "data"
    for seed, name in enumerate(("ball", "cube")):
        sequence = make_sequence("moving", seed, FRAMES, (128, 96), "procedural")
        folder = root / "test" / name
        write_sequence_images(sequence, folder)
        (folder / "groundtruth.txt").write_text(",".join(f"{value:.4f}" for value in sequence.box(0)) + "\n")
    (root / "test" / "list.txt").write_text("ball\ncube\n")
    return root


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """The frames of one sequence as a Motion-JPEG video, which needs no encoder that a build of OpenCV could lack."""
    return write_video(tmp_path / "clip.avi", "MJPG")


def write_video(path: Path, codec: str) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25.0, (128, 96))
    assert writer.isOpened()
    for frame in make_sequence("moving", 0, FRAMES, (128, 96), "procedural").frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """`samn ARGUMENTS` as a process of its own."""
    line = [sys.executable, "-m", "samn_tracker", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, text=True, env=environment(), **pipes, **options)  # type: ignore[call-overload]


def samn(*arguments: object, seconds: float = 120, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `samn ARGUMENTS`; a hang fails the test, and so does a traceback."""
    process = start(*arguments, **options)
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def last_line(result: subprocess.CompletedProcess[str]) -> str:
    """Exit code and last line on stderr, for the table."""
    lines = [line for line in result.stderr.splitlines() if line.strip() and "sequences failed" not in line]
    return f"exit {result.returncode}: {lines[-1].strip() if lines else 'nothing on stderr'}"


def run_got10k(data: Path, output: Path, *more: object, **options: object) -> subprocess.CompletedProcess[str]:
    return samn("got10k", "run", "--data", data, "--output", output, *still(), *more, **options)


def still(**settings: object) -> list[object]:
    """The small tracker of `fault_toys`."""
    return ["--tracker", "fault_toys:still", *(part for k, v in settings.items() for part in ("--set", f"{k}={v}"))]
