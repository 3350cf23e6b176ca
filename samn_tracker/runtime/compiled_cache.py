"""Compiled networks kept on disk between processes, in a folder of limited size.

A file is complete or absent: it is written beside its place and renamed. What it holds is behind its own hash, so that
a damaged one is noticed and made anew. Where the folder cannot be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path

_log = logging.getLogger(__name__)
_SUFFIX = ".compiled"
_UNFINISHED = ".part"
_HASH_BYTES = 32


def cache_folder() -> Path:
    """`$SAMN_CACHE_DIR`, else the user's cache folder."""
    if named := os.environ.get("SAMN_CACHE_DIR"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "samn-tracker"


class CompiledCache:
    """Bytes by key in `folder`, at most `megabytes` of them; what was used longest ago goes first."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        self._limit = megabytes * 1_000_000
        self._kept = True

    def read(self, key: str) -> bytes | None:
        """What is kept under a key; None where nothing is, or where it is damaged, and then it is removed."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, data = content[:_HASH_BYTES], content[_HASH_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            _log.warning("%s is damaged; it is made anew", path)
            self.remove(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def write(self, key: str, data: bytes) -> None:
        """Keep `data`; where that fails, say so once and keep nothing from then on."""
        if not self._kept:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=_UNFINISHED)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(hashlib.sha256(data).digest() + data)
                Path(name).replace(self._path(key))
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
            self._shrink()
        except OSError as error:
            self._kept = False
            _log.warning("compiled networks are not kept: %s; set runtime.cache=false or $SAMN_CACHE_DIR", error)

    def remove(self, key: str) -> None:
        """Forget what is kept under a key, if anything."""
        with contextlib.suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _shrink(self) -> None:
        """Remove what was used longest ago until the rest fits; another process may do the same."""
        held = []
        for path in [*self._folder.glob(f"*{_SUFFIX}"), *self._folder.glob(f"*{_UNFINISHED}")]:
            with contextlib.suppress(OSError):
                status = path.stat()
                held.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in held)
        for _, size, path in sorted(held):
            if total <= self._limit:
                break
            path.unlink(missing_ok=True)
            total -= size
