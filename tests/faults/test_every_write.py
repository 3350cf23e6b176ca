"""Every command that writes, onto a full disk and into a folder that can only be read; streams that are closed or full.

Each ends with exit code 1 and a sentence that names the place, and leaves no half of a file.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Note, environment, still, write_video
from programs import BOX, PROGRAMS

from samn_tracker.cli import main
from samn_tracker.core.config import SAMN_LITE, SAMN_R50
from samn_tracker.model.network import Network
from samn_tracker.model.published import export_published
from samn_tracker.model.weights import save_weights


@pytest.fixture(scope="session")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read: data, a finished run and its scores, a video, weights, a training."""
    place = tmp_path_factory.mktemp("given")
    PROGRAMS["ope run"].prepare(place / "ope")
    PROGRAMS["vot run"].prepare(place / "vot")
    PROGRAMS["train"].prepare(place / "train")
    sys.path.append(str(Path(__file__).parent))
    run = ["--data", place / "ope", "--split", "zero-based", *still(), "--output", place / "run"]
    assert main(["ope", "run", *map(str, run)]) == 0
    write_video(place / "clip.avi", "MJPG")
    torch.manual_seed(0)
    save_weights(place / "r50.safetensors", Network(SAMN_R50.model), "samn-r50", {})
    export_published(Network(SAMN_R50.model), place / "published.pth")
    save_weights(place / "lite.safetensors", Network(SAMN_LITE.model), "samn-lite", {})
    assert main(["train", str(place / "train/small.toml"), "--run", str(place / "trained"), *_SHORT]) == 0
    table = subprocess.run(_samn("score", place / "run", "--truth", place / "ope", "--json"), **_CAPTURED)
    (place / "scores.json").write_text(table.stdout)
    return place


_SHORT = ["--set", "run.iterations=2"]
_CAPTURED = {"capture_output": True, "text": True, "check": True, "env": environment()}


def _samn(*words: object) -> list[str]:
    return [sys.executable, "-m", "samn_tracker", *map(str, words)]


def _track(kind: str) -> Callable[[Path, Path], list[object]]:
    return lambda given, disk: ["track", given / "clip.avi", *BOX, *still(), "--save", kind, "--output", disk / "out"]


def _run(place: Path) -> list[object]:
    return ["--results", place / "run", "--data", place / "ope", "--split", "zero-based"]


WRITES: dict[str, Callable[[Path, Path], list[object]]] = {
    **{f"track --save {kind}": _track(kind) for kind in ("overlay", "masks", "txt", "json", "coco")},
    "track --debug-dir": lambda given, disk: [
        *("track", given / "clip.avi", *BOX, "--tracker", given / "lite.safetensors", "--device", "cpu"),
        *("--save", "txt", "--output", given / "debugged", "--debug-dir", disk / "inside"),
    ],
    "track --ruler": lambda given, disk: ["track", given / "clip.avi", "--ruler", disk / "ruler.png"],
    "ope run": lambda given, disk: [
        *("ope", "run", "--data", given / "ope", "--split", "zero-based", *still(), "--output", disk / "run"),
    ],
    "ope pack": lambda given, disk: ["ope", "pack", *_run(given), "--output", disk / "results.zip"],
    "ope show --save": lambda given, disk: [
        *("ope", "show", "--results", given / "run", "--data", given / "ope", "--save", disk / "drawn"),
    ],
    "score --csv": lambda given, disk: ["score", given / "run", "--truth", given / "ope", "--csv", disk / "s.csv"],
    "report": lambda given, disk: ["report", given / "scores.json", "--output", disk / "report.html"],
    "report --plots": lambda given, disk: [
        *("report", given / "scores.json", "--output", given / "report.html", "--plots", disk / "plots"),
    ],
    "report --latex": lambda given, disk: [
        *("report", given / "scores.json", "--output", given / "report.html", "--latex", disk / "tables.tex"),
    ],
    "vot create": lambda given, disk: [
        *("vot", "create", disk / "W", "--data", given / "vot/data", "--rules", "demo"),
    ],
    "weights convert": lambda given, disk: ["weights", "convert", given / "published.pth", disk / "w.safetensors"],
    "weights export": lambda given, disk: ["weights", "export", given / "r50.safetensors", disk / "w.pth"],
    "train": lambda given, disk: ["train", given / "train/small.toml", "--run", disk / "run", *_SHORT],
    "train pack": lambda given, disk: ["train", "pack", given / "train/small.toml", disk / "all.npz"],
    "train preview": lambda given, disk: ["train", "preview", given / "train/small.toml", disk / "some.png"],
    "train export": lambda given, disk: ["train", "export", given / "trained", disk / "own.safetensors"],
}


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system without a free block."""
    with mounted(tmp_path / "disk", "size=64k") as place:
        with (place / "filling").open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space left"):
            while True:
                stream.write(bytes(4096))
        yield place


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A file system that can only be read; root may write into any folder, so permission bits would not do."""
    with mounted(tmp_path / "disk", "ro") as place:
        yield place


class mounted:  # noqa: N801 (a context manager)
    """A file system in memory with these options; skips where mounting is not permitted."""

    def __init__(self, place: Path, options: str) -> None:
        self._place, self._options = place, options

    def __enter__(self) -> Path:
        self._place.mkdir()
        line = ["mount", "-t", "tmpfs", "-o", self._options, "tmpfs", str(self._place)]
        if subprocess.run(line, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not permitted here")
        return self._place

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self._place)], check=True)


def run(line: list[object]) -> int:
    return main(list(map(str, line)))


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITES)
def test_a_full_disk(name: str, given: Path, full_disk: Path, capsys: pytest.CaptureFixture[str], note: Note) -> None:
    assert run(WRITES[name](given, full_disk)) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Traceback" not in said
    assert "no space left on device" in said.lower()
    left = [
        path for path in full_disk.rglob("*") if path.is_file() and not path.is_symlink() and path.name != "filling"
    ]
    assert not [path for path in left if path.name.endswith(".part") or ".part." in path.name]
    assert sum(path.stat().st_size for path in left if path.name not in (".lock", ".samn-files")) == 0
    note(f"samn {name}: full disk", f"exit 1: {said}")


@pytest.mark.slow
@pytest.mark.parametrize("pages", [3, 4, 6])
@pytest.mark.parametrize("name", [name for name in WRITES if name.startswith("track --save") or name.endswith("run")])
def test_a_disk_that_fills_up_in_the_middle(
    name: str, pages: int, given: Path, full_disk: Path, capsys: pytest.CaptureFixture[str], note: Note
) -> None:
    with (full_disk / "filling").open("rb+") as stream:
        stream.truncate(max(0, stream.seek(0, io.SEEK_END) - pages * 4096))
    code = run(WRITES[name](given, full_disk))
    said = capsys.readouterr().err.strip().splitlines()[-1] if code else "it had room"
    assert "Traceback" not in said
    assert code == 0 or (code == 1 and "no space left on device" in said.lower())
    note(f"samn {name}: room for {pages} pages", f"exit {code}: {said}")


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITES)
def test_a_folder_that_can_only_be_read(
    name: str, given: Path, read_only: Path, capsys: pytest.CaptureFixture[str], note: Note
) -> None:
    assert run(WRITES[name](given, read_only)) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "Read-only file system" in said or "is not yours to write" in said
    note(f"samn {name}: read-only folder", f"exit 1: {said}")


def test_a_full_disk_under_an_existing_report_keeps_it(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], note: Note
) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        (disk / "report.html").write_text("the report of yesterday")
        (disk / "filling").write_bytes(bytes(60 << 10))
        assert run(["report", given / "scores.json", "--output", disk / "report.html"]) == 1
        assert (disk / "report.html").read_text() == "the report of yesterday"
        assert len(list(disk.iterdir())) == 2
    note("samn report: the disk is full, a report is there", f"it stays; exit 1: {capsys.readouterr().err.strip()}")


STREAMS = {
    "stdout is full": ('"$@" > /dev/full', 1, "cannot write to standard output: No space left on device"),
    "stdout is closed": ('"$@" >&-', 1, "cannot write to standard output: Bad file descriptor"),
    "stderr is full": ('"$@" 2> /dev/full', 0, ""),
    "stderr is closed": ('"$@" 2>&-', 0, ""),
    "the reader of stdout ends": ('{ { "$@"; echo $? >&3; } | true; } 3>&1 | (read code; exit $code)', 1, ""),
}
COMMANDS: dict[str, Callable[[Path, Path], list[object]]] = {
    "track --json": lambda given, disk: [*_track("txt")(given, disk), "--json"],
    "score --json": lambda given, disk: ["score", given / "run", "--truth", given / "ope", "--json"],
    "ope run": WRITES["ope run"],
    "report": WRITES["report"],
    "weights list": lambda given, disk: ["weights", "list"],
    "--help": lambda given, disk: ["--help"],
}


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", COMMANDS)
def test_closed_and_full_streams(name: str, stream: str, given: Path, tmp_path: Path, note: Note) -> None:
    script, code, sentence = STREAMS[stream]
    line = ["sh", "-c", script, "sh", *_samn(*COMMANDS[name](given, tmp_path))]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, env=environment(), check=False)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    silent = name == "ope run"  # which says everything on stderr
    assert done.returncode == (0 if silent else code)
    if code == 1 and not silent:
        assert sentence in done.stderr
    note(
        f"samn {name}: {stream}",
        f"exit {done.returncode}: {(done.stderr.strip() or 'nothing is said').splitlines()[-1]}",
    )


def test_output_to_a_full_device(given: Path, capsys: pytest.CaptureFixture[str], note: Note) -> None:
    assert run(["report", given / "scores.json", "--output", "/dev/full"]) == 1
    said = capsys.readouterr().err.strip()
    assert said == "samn report: cannot write /dev/full: No space left on device; make room on its disk"
    assert Path("/dev/full").is_char_device()
    note("samn report --output /dev/full", f"exit 1: {said}")


def test_pictures_are_whole_or_absent(given: Path) -> None:
    """`report --plots` writes with matplotlib, whose half of a PNG stayed on a full disk."""
    assert run(["report", given / "scores.json", "--output", given / "r.html", "--plots", given / "plots"]) == 0
    for path in (given / "plots").glob("*.png"):
        assert np.frombuffer(path.read_bytes()[-8:-4], "S4")[0] == b"IEND"
    assert io.BytesIO(next((given / "plots").glob("*.svg")).read_bytes()).read().rstrip().endswith(b"</svg>")
