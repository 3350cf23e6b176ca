"""Bytes by key, of which those go first that were used longest ago."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from samn_tracker.runtime.compiled_cache import CompiledCache, cache_folder


def test_what_was_written_is_read(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path / "new" / "folder", 1)
    assert cache.read("a") is None
    cache.write("a", b"one")
    cache.write("a", b"two")
    assert cache.read("a") == b"two"
    cache.remove("a")
    cache.remove("a")
    assert cache.read("a") is None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path, 1)
    for age, key in enumerate("cba"):
        cache.write(key, bytes(300_000))
        os.utime(tmp_path / f"{key}.compiled", (1000 + age, 1000 + age))
    assert cache.read("c") is not None  # used now
    cache.write("d", bytes(300_000))
    assert [key for key in "abcd" if cache.read(key)] == ["a", "c", "d"]


def test_what_a_killed_process_left_counts_and_goes(tmp_path: Path) -> None:
    left = tmp_path / "x.part"
    left.write_bytes(bytes(900_000))
    os.utime(left, (1000, 1000))
    cache = CompiledCache(tmp_path, 1)
    cache.write("a", bytes(300_000))
    assert [path.name for path in tmp_path.iterdir()] == ["a.compiled"]


def test_the_folder_is_named_or_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMN_CACHE_DIR", "/named")
    assert cache_folder() == Path("/named")
    monkeypatch.delenv("SAMN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/samn-tracker")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/.cache/samn-tracker")
