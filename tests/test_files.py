"""Files of a run folder: whole or absent."""

from __future__ import annotations

from pathlib import Path

from samn_tracker.files import remove_unfinished, write_atomic


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
