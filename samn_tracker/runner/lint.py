"""Finding every fault of a folder or zip of results before a server does, each with its file and line."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from samn_tracker.errors import ImageError, ResultError
from samn_tracker.runner.box_text import strict_faults
from samn_tracker.runner.label_png import Labels, decode_labels, open_png, palette

LARGEST_FILE = 64 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_FEW = 20
_SHOWN_MISSING = 5


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong. `line` is 1-based; 0 where the fault is the file's as a whole."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class ResultSource(ABC):
    """The files of a submission: relative posix paths and their contents."""

    @abstractmethod
    def names(self) -> list[str]:
        """Every file, and every empty folder with a slash at its end; sorted."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            ResultError: it cannot be read.
        """

    def faults(self) -> list[Fault]:
        """What is wrong with the container itself."""
        return []


class FolderSource(ResultSource):
    """Results in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        paths = [path for path in self._root.rglob("*") if path.is_file() or not any(path.iterdir())]
        return sorted(path.relative_to(self._root).as_posix() + ("/" if path.is_dir() else "") for path in paths)

    def read(self, name: str) -> bytes:
        try:
            return (self._root / name).read_bytes()
        except OSError as error:
            raise ResultError(f"{name} cannot be read: {error.strerror}") from None


class ZipSource(ResultSource):
    """Results in a zip archive, read in place: nothing is ever unpacked."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise ResultError(f"{path} is not a readable zip archive: {error}") from None
        self._entries = self._zip.infolist()

    def names(self) -> list[str]:
        files = sorted({entry.filename for entry in self._entries})
        return [
            name
            for name in files
            if not (name.endswith("/") and any(one.startswith(name) and one != name for one in files))
        ]

    def read(self, name: str) -> bytes:
        entry = self._zip.getinfo(name)
        if entry.file_size > LARGEST_FILE:
            raise ResultError(
                f"{name} unpacks to {entry.file_size} bytes; no result file is larger than {LARGEST_FILE}"
            )
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(
                    entry.file_size + 1
                )  # no more than it says: what comes out may be a million times that
        except (*_DAMAGE, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
            raise ResultError(f"{name} is damaged in the archive: {error}") from None
        if len(data) != entry.file_size:
            raise ResultError(f"{name} is damaged in the archive: it unpacks to another size than it says")
        return data

    def faults(self) -> list[Fault]:
        found = []
        names = [entry.filename for entry in self._entries]
        for name, times in sorted(Counter(names).items()):
            if times > 1:
                found.append(Fault(name, 0, f"is in the archive {times} times"))
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
                found.append(Fault(name, 0, "is a path that leaves the archive"))
        return found


def open_source(path: Path) -> ResultSource:
    """The results at `path`: a folder or a zip archive.

    Raises:
        ResultError: there is nothing, or it is neither.
    """
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return ZipSource(path)
    raise ResultError(f"no results at {path}; give a folder or a zip archive")


def name_faults(actual: Iterable[str], expected: Iterable[str]) -> list[Fault]:
    """Files that are missing, and files and folders that do not belong there; a strange folder is one fault."""
    actual, expected = set(actual), set(expected)
    found = _missing(sorted(expected - actual))
    folders = {str(parent) for name in expected for parent in PurePosixPath(name).parents}
    strange: dict[str, int] = {}
    for name in actual - expected:
        outside = [str(one) for one in reversed(PurePosixPath(name).parents) if str(one) not in folders]
        place = f"{outside[0]}/" if outside else name
        strange[place] = strange.get(place, 0) + 1
    for place, count in sorted(strange.items()):
        kind = f"an extra folder ({count} entries)" if place.endswith("/") else "an extra file"
        found.append(Fault(place, 0, f"{kind} that the benchmark does not expect"))
    return found


def _missing(names: list[str]) -> list[Fault]:
    """A fault for each file that is missing; where they are many, one for all but the first."""
    if len(names) <= _FEW:
        return [Fault(name, 0, "is missing") for name in names]
    shown = [Fault(name, 0, "is missing") for name in names[:_SHOWN_MISSING]]
    rest = names[_SHOWN_MISSING:]
    return [*shown, Fault(rest[0], 0, f"and {len(rest) - 1} more files are missing, up to {rest[-1]}")]


def box_faults(
    source: ResultSource, name: str, decimals: int, rows: int | None, first: Sequence[float] | None
) -> list[Fault]:
    """Faults of one text file of boxes; see `strict_faults`."""
    text = result_text(source, name)
    if isinstance(text, Fault):
        return [text]
    return [Fault(name, line, message) for line, message in strict_faults(text, decimals, rows, first)]


def result_text(source: ResultSource, name: str) -> str | Fault:
    """A file's ASCII text, or the fault that keeps it from being read."""
    try:
        return source.read(name).decode("ascii")
    except ResultError as error:
        return Fault(name, 0, str(error))
    except UnicodeDecodeError:
        return Fault(name, 0, "is not plain text")


def png_faults(source: ResultSource, name: str, shape: tuple[int, int], ids: Iterable[int]) -> list[Fault]:
    """Faults of one label map: not indexed, another palette, another size, or object ids that do not exist."""
    try:
        data = source.read(name)
        image = open_png(data, name)
        if image.mode != "P":
            return [Fault(name, 0, f"is a {image.mode} image; it must be an indexed PNG whose values are object ids")]
        labels = decode_labels(data, name)
    except (ResultError, ImageError) as error:
        return [Fault(name, 0, str(error))]
    found = []
    if labels.shape != shape:
        found.append(Fault(name, 0, f"is {labels.shape[1]}x{labels.shape[0]}, its annotation {shape[1]}x{shape[0]}"))
    found += _id_faults(name, labels, {0, *ids})
    colours = np.array(image.getpalette() or [], dtype=np.uint8).reshape(-1, 3)
    used = int(labels.max()) + 1
    if len(colours) < used or (colours[:used] != palette()[:used]).any():
        found.append(Fault(name, 0, "does not have the palette of DAVIS (0,0,0, 128,0,0, 0,128,0, ...)"))
    return found


def _id_faults(name: str, labels: Labels, allowed: set[int]) -> list[Fault]:
    strange = [int(one) for one in np.unique(labels) if int(one) not in allowed]
    if not strange:
        return []
    void = "; 255 is read as void" if 255 in strange else ""
    row = int(np.argwhere(np.isin(labels, strange))[0][0])
    listed = ", ".join(map(str, strange[:_FEW]))
    return [
        Fault(
            name,
            0,
            f"has the values {listed} (first in image row {row}), but the objects are {sorted(allowed - {0})}{void}",
        )
    ]
