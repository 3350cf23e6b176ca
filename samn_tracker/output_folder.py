"""A folder of results that may hold a person's own files too: only what a record names is ever removed.

    DIR/.samn-files   the record: one relative path a line, each written before its file is made
    DIR/.lock         held while a run writes

An earlier run's files are those that its record names. Anything else that is in the way is somebody's own: the run is
refused before the first write. So is one that would write among the pictures, or over the files, that it reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TextIO

from samn_tracker.errors import ResultError
from samn_tracker.files import locked, open_text, same_file, storage, write_atomic

RECORD = ".samn-files"
_PICTURES = (".png", ".jpg")


class OutputFolder:
    """Where a run writes, checked when made and changed only inside `with`.

    Args:
        root: the folder, which need not exist.
        patterns: relative paths that the run may write, such as "boxes.txt" and "masks/*.png"; "*" is any file name.
        read: the files that the run reads.
        option: what the person gave the folder with.

    Raises:
        ResultError: a file of these patterns is there that no record names, or that is read; or `root` is no folder.
    """

    def __init__(self, root: Path, patterns: Iterable[str], read: Iterable[Path], option: str = "--output") -> None:
        self.root = root
        self._patterns = tuple(patterns)
        self._option = option
        self._opened = ExitStack()
        self._record: TextIO | None = None
        check_folder(root, option)
        self._refuse_what_is_not_ours(list(read))

    def earlier(self, pattern: str) -> list[Path]:
        """The files of this pattern that an earlier run left."""
        return [self.root / name for name in self._recorded() if fnmatchcase(name, pattern) and self._is_there(name)]

    def new(self, name: str) -> Path:
        """The path of a file that the run is about to write, put down in the record; its folder is made.

        Raises:
            ResultError: it is not of the patterns, or there already.
        """
        assert self._record is not None
        if self._is_there(name) or not any(fnmatchcase(name, one) for one in self._patterns):
            raise ResultError(
                f"{self.root / name} appeared while this ran, or is not ours; choose another {self._option}"
            )
        self._record.write(f"{name}\n")
        with storage(self.root / name):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        return self.root / name

    def __enter__(self) -> OutputFolder:
        """Take the folder's lock and remove what an earlier run left of the patterns.

        Raises:
            ResultError: another run writes there.
        """
        try:
            self._opened.enter_context(locked(self.root, self._option))
            names = self._recorded()
            replaced = {name for name in names if any(fnmatchcase(name, one) for one in self._patterns)}
            for name in replaced:
                with storage(self.root / name):
                    (self.root / name).unlink(missing_ok=True)
            kept = [name for name in names if name not in replaced and self._is_there(name)]
            write_atomic(self.root / RECORD, "".join(f"{name}\n" for name in kept))
            self._record = self._opened.enter_context(open_text(self.root / RECORD, "a"))
        except BaseException:
            self._opened.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def _refuse_what_is_not_ours(self, read: list[Path]) -> None:
        ours = set(self._recorded())
        for pattern in self._patterns:
            folder = (self.root / pattern).parent
            if pattern.endswith(_PICTURES) and same_file(folder, {path.parent for path in read}):
                raise ResultError(
                    f"pictures would be written into {folder}, among those that are read; choose another {self._option}"
                )
            for path in sorted(folder.glob(Path(pattern).name)):
                if same_file(path, read):
                    raise ResultError(f"{path} is read, and would be written over; choose another {self._option}")
                if path.relative_to(self.root).as_posix() not in ours:
                    raise ResultError(
                        f"{path} is there and in the way, and no earlier run wrote it ({self.root / RECORD} does not "
                        f"name it); nothing was changed: choose another {self._option}, or move it away"
                    )

    def _recorded(self) -> list[str]:
        """The names in the record, those that lead out of the folder left out."""
        try:
            text = (self.root / RECORD).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [name for name in dict.fromkeys(text.split("\n")) if name and _stays_inside(name)]

    def _is_there(self, name: str) -> bool:
        return os.path.lexists(self.root / name)


def check_folder(folder: Path, option: str = "--output") -> None:
    """Refuse what cannot become a folder of results, before anything takes time.

    Args:
        option: what the person gave it with.

    Raises:
        ResultError: it is a file, lies in one, or may not be written.
    """
    existing = next(one for one in (folder, *folder.absolute().parents) if os.access(one, os.F_OK))
    if not existing.is_dir():
        raise ResultError(f"the results cannot go into {folder}: {existing} is a file; choose another {option}")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ResultError(
            f"the results cannot go into {folder}: {existing} is not yours to write; choose another {option}"
        )


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return name.isprintable() and not path.is_absolute() and ".." not in path.parts
