"""Files of a run folder: whole or absent."""

from __future__ import annotations

import ast
import os
import re
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
from product import PACKAGES, ROOT

from samn_tracker.errors import ResultError, StorageError
from samn_tracker.files import fingerprint, open_text, refuse_what_is_read, remove_unfinished, write_atomic


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_atomic(tmp_path / "records/one.json", "{}")
    left = tmp_path / "records/.one.json.4711.part"
    left.write_text("{")
    others = [tmp_path / "song.part", tmp_path / ".lock"]
    for path in others:
        path.touch()
    remove_unfinished(tmp_path)
    assert not left.exists()
    assert (tmp_path / "records/one.json").read_text() == "{}"
    assert all(path.exists() for path in others)


def test_devices_are_written_and_never_replaced(tmp_path: Path) -> None:
    """As root, a rename over /dev/null would leave a machine without it."""
    with pytest.raises(StorageError, match="No space left on device; make room"):
        write_atomic(Path("/dev/full"), "page")
    write_atomic(Path("/dev/null"), "page")
    assert Path("/dev/full").is_char_device() and Path("/dev/null").is_char_device()


def test_a_link_stays_and_its_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "page.html").symlink_to(tmp_path / "far/page.html")
    write_atomic(tmp_path / "page.html", "new")
    assert (tmp_path / "page.html").is_symlink()
    assert (tmp_path / "far/page.html").read_text() == "new"


@pytest.mark.parametrize("damage", ["size", "middle", "end"])
def test_a_picture_replaced_under_its_name_has_another_fingerprint(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "0001.jpg"
    data = bytearray(np.random.default_rng(0).bytes(30_000))
    path.write_bytes(data)
    before = fingerprint([path])
    os.utime(path, (0, 0))
    assert fingerprint([path]) == before, "a copy of another date is the same picture"
    if damage == "size":
        data.insert(100, 0)
    else:
        data[15_100 if damage == "middle" else -1] ^= 1
    path.write_bytes(data)
    assert fingerprint([path]) != before


def test_a_full_disk_leaves_the_old_file_and_no_half_of_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_atomic(path, "old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*report\.html.*: File too large"):
            write_atomic(path, "new" * 1000)
        with (
            pytest.raises(StorageError, match=r"cannot write .*boxes\.txt: File too large"),
            open_text(tmp_path / "boxes.txt") as stream,
        ):
            for _ in range(1000):
                stream.write("1,2,3,4\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "old"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["boxes.txt", "report.html"]


def test_what_is_read_is_not_written_over_by_any_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    truth = tmp_path / "data/truth.txt"
    truth.write_text("1,2,3,4\n")
    (tmp_path / "link.txt").symlink_to(truth)
    (tmp_path / "folder").symlink_to(tmp_path / "data")
    os.link(truth, tmp_path / "hard.txt")
    for written in (truth, tmp_path / "link.txt", tmp_path / "hard.txt", tmp_path / "folder/truth.txt"):
        with pytest.raises(
            ResultError, match=r"which is read|is read, and would be written over; choose another --csv"
        ):
            refuse_what_is_read(written, [truth], "--csv")
    with pytest.raises(ResultError, match=r"lies in .*, which is read"):
        refuse_what_is_read(tmp_path / "folder/truth.txt", [tmp_path / "data"], "--csv")
    refuse_what_is_read(tmp_path / "data/new.csv", [truth, tmp_path / "data"], "--csv")


WRITERS = {"write_text", "write_bytes", "savefig", "imwrite", "savez", "tofile"}
COPIERS = {"copy", "copy2", "copyfile", "copytree"}
ELSEWHERE = {
    "samn_tracker/app/video.py": "a video beside its place, moved there at its end",
    "samn_tracker/bench/readers.py": "data in a temporary folder",
    "samn_tracker/bench/scores.py": "data in a temporary folder",
    "samn_tracker/bench/studio.py": "frames in a temporary folder",
    "samn_tracker/report/plots.py": "into a stream of `atomic`",
    "samn_tracker/runtime/compiled_cache.py": "a temporary file that is moved into place",
    "samn_tracker/train/sources.py": "into a stream of `atomic`",
    "samn_tracker/trax/client.py": "the picture for a tracker, in a temporary folder",
    "vot_workspace/score_plots.py": "into a stream of `atomic`",
    "vot_workspace/score_toolkit.py": "a workspace in a temporary folder",
}


def writes(text: str) -> bool:
    """Whether a module makes files by itself: a full disk or a kill would leave half of one."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        modes = [one.value for one in (*call.args, *(word.value for word in call.keywords)) if _is_mode(one)]
        if name in WRITERS or _copies(call.func) or (name in ("open", "fdopen") and modes):
            return True
    return False


def _copies(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in COPIERS and ast.unparse(function.value) == "shutil"


def _is_mode(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(re.fullmatch("[wax]b?", node.value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path.write_text('x')", True),
        ("open(path, 'wb')", True),
        ("path.open(mode='a')", True),
        ("shutil.copy(one, two)", True),
        ("array.copy()", False),
        ("path.open('rb')", False),
        ("write_atomic(path, 'x')", False),
    ],
)
def test_a_module_that_writes_by_itself_is_found(text: str, expected: bool) -> None:
    assert writes(text) == expected


def test_no_command_leaves_half_a_file_for_it_writes_with_these_functions() -> None:
    modules = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    found = {path.relative_to(ROOT).as_posix() for path in modules if writes(path.read_text(encoding="utf-8"))}
    assert found == ELSEWHERE.keys()
