"""Files that are whole or absent: atomic writes, moves that survive a crash, hashes, the lock on a folder.

Whatever the file system refuses here is a StorageError with the place and the remedy. Everything that writes files
writes them with these functions, so that a fault in reading is never taken for one in writing.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal, TextIO

from samn_tracker.errors import DatasetError, ResultError, StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_BLOCK = 1 << 20
_PIECE = 1 << 12
_UNFINISHED = re.compile(r"\..+\.\d+\.part")
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on its disk"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "choose a place that is yours to write"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "its folder is gone, or a file is in its place"),
    errno.EEXIST: "it is there already",
}


@contextmanager
def storage(place: Path) -> Iterator[None]:
    """Inside, what the file system refuses is a StorageError about `place`; for writing alone."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "check its disk")
        raise StorageError(f"cannot write {place}: {error.strerror or error}; {remedy}") from error


class _Written(io.FileIO):
    """A file that tells every refusal as a StorageError about `called`, its own path by default."""

    def __init__(self, path: Path, mode: str, called: Path | None = None) -> None:
        self._path = called or path
        with storage(self._path):
            super().__init__(path, mode)

    def write(self, data: Any) -> int:
        with storage(self._path):
            return super().write(data)

    def close(self) -> None:
        with storage(self._path):
            super().close()


def open_text(path: Path, mode: Literal["w", "x", "a"] = "w") -> TextIO:
    """A text file to write, UTF-8 with plain line breaks, line by line, in a folder that is made if needed.

    Raises:
        StorageError: here, in a write or in `close`.
    """
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return io.TextIOWrapper(
        io.BufferedWriter(_Written(path, mode)), encoding="utf-8", newline="\n", line_buffering=True
    )


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        StorageError: it is there, or the file system refuses.
    """
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with io.BufferedWriter(_Written(path, "x")) as stream:
        stream.write(data)


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content is the file's when the block ends well; else the old file stays, or none.

    Devices and pipes are written as they are, and a link's own file in its place.

    Raises:
        StorageError: here, in a write or at the end.
    """
    if path.exists() and not path.is_file():
        with io.BufferedWriter(_Written(path, "w")) as stream:
            yield stream
        return
    path = path.resolve() if path.is_symlink() else path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with io.BufferedWriter(_Written(temporary, "w", path)) as stream:
            yield stream
            stream.flush()
            with storage(path):
                os.fsync(stream.fileno())
        with storage(path):
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_atomic(path: Path, data: bytes | memoryview | str) -> None:
    """Write a file so that a crash leaves the old content or the new one: temporary file, fsync, rename.

    Raises:
        StorageError: the file system refuses; the old content stays.
    """
    with atomic(path) as stream:
        stream.write(data.encode() if isinstance(data, str) else data)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file's content so that a crash leaves the old target or the new one.

    Raises:
        StorageError: the file system refuses the copy; OSError where the source cannot be read.
    """
    with source.open("rb") as read, atomic(target) as written:
        shutil.copyfileobj(read, written)


def remove_unfinished(folder: Path) -> None:
    """Remove what `atomic` left anywhere below a folder of ours when its process was killed in the middle."""
    for path in folder.rglob(".*.part"):
        if _UNFINISHED.fullmatch(path.name):
            with storage(path):
                path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file's content, or a folder's list of names, to the disk."""
    if sys.platform == "win32" and path.is_dir():  # folders cannot be opened there
        return
    with storage(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def move_into_place(source: Path, target: Path) -> list[Path]:
    """Move every file below `source` to the same relative place below `target`, synced; returns the relative paths.

    Each file is moved whole; it is the caller who makes the set count only when all of them are there.
    """
    with storage(target):
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


def fingerprint(paths: Iterable[Path]) -> str:
    """Hexadecimal sha256 over size and two pieces of each file: what changes when compressed pictures do, and is quick.

    Raises:
        DatasetError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb", buffering=0) as stream:
                size = os.fstat(stream.fileno()).st_size
                digest.update(f"{size},".encode())
                for place in (size // 2, max(0, size - _PIECE)):
                    stream.seek(place)
                    digest.update(stream.read(_PIECE))
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error.strerror}; check its permissions and its disk") from None
    return digest.hexdigest()


def same_file(first: Path, seconds: Iterable[Path]) -> Path | None:
    """Which of `seconds` is the file or folder `first`, also by a link; None if none is."""
    if (wanted := _identity(first)) is None:
        return None
    return next((one for one in seconds if _identity(one) == wanted), None)


def refuse_what_is_read(written: Path, read: Iterable[Path], option: str) -> None:
    """Refuse to write over what is read: a file itself, also by a link, or any file there is in a folder that is read.

    Args:
        read: files and folders.
        option: what the person gave `written` with.

    Raises:
        ResultError: nothing was changed.
    """
    if not written.exists():
        return
    folders = [folder for folder in read if folder.is_dir()]
    inside = next((one for one in written.resolve().parents if same_file(one, folders)), None)
    if inside or same_file(written, read):
        where = f"lies in {inside}, which is read" if inside else "is read"
        raise ResultError(f"{written} {where}, and would be written over; choose another {option}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def locked(folder: Path, option: str = "--output") -> Iterator[int]:
    """Hold the folder for this process; the system frees it when the process ends, however it ends.

    Yields the lock's descriptor: child processes that inherit it hold the folder too.

    Raises:
        ResultError: another process holds it, with that process's id and host.
        StorageError: the folder cannot be made or written.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError):
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            raise ResultError(
                f"{folder} is being written by {holder}, or what it left running; "
                f"wait for it, stop it, or choose another {option}"
            ) from None
        with storage(folder):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take the lock at once, or raise BlockingIOError or PermissionError where another process has it."""
    if sys.platform == "win32":
        os.lseek(descriptor, _BLOCK, os.SEEK_SET)  # beyond the name of the holder, which others may read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
