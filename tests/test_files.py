"""Files of a run folder: whole or absent."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

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
