"""Files that are whole or absent: atomic writes, moves that survive a crash, hashes, and a lock on a folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samn_tracker.errors import ResultError

_BLOCK = 1 << 20


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash leaves the old content or the new one: temporary file, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as stream:
            stream.write(data.encode() if isinstance(data, str) else data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what `write_atomic` left anywhere below `folder` when its process was killed in the middle."""
    for path in folder.rglob(".*.part"):
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file's content, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_into_place(source: Path, target: Path) -> list[Path]:
    """Move every file below `source` to the same relative place below `target`, synced; returns the relative paths.

    Each file is moved whole; it is the caller who makes the set count only when all of them are there.
    """
    names = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    for name in names:
        sync(source / name)
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(target / name)
    for folder in {(target / name).parent for name in names} | {target}:
        sync(folder)
    shutil.rmtree(source)
    return names


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the system frees it when the process ends, however it ends.

    Raises:
        ResultError: another process holds it, with that process's id and host.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            raise ResultError(
                f"{folder} is being written by {holder}; wait for it, stop it, or choose another --output"
            ) from error
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {socket.gethostname()}")
        stream.flush()
        yield
