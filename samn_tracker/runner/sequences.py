"""A video with its first target, and the small readers that every benchmark's layout needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.runner.box_text import read_rows

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
_SHOWN = 10


@dataclass(frozen=True)
class Sequence:
    """One video of a benchmark. Nothing of it is in memory but paths and the first box.

    Attributes:
        name: as the benchmark writes it in its result files.
        frames: paths of the images in order.
        box: x, y, w, h of the target in the first frame, for box benchmarks.
        annotations: label maps by frame index, for mask benchmarks; the first one holds the first objects.
        binary: the annotations show one object, whatever their non-zero value is (DAVIS 2016 writes 255); otherwise
            values are object ids, and 255 is void.
        one_based: the benchmark's own files call the first pixel 1; `box` is 0-based all the same.
    """

    name: str
    frames: tuple[Path, ...]
    box: tuple[float, ...] | None = None
    annotations: Mapping[int, Path] = field(default_factory=dict)
    binary: bool = False
    one_based: bool = False

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def shift(self) -> NDArray[np.float64]:
        """(4,) what a 0-based box lacks to be one of the benchmark's own files."""
        return np.array([1.0, 1.0, 0.0, 0.0]) * self.one_based

    @property
    def first_row(self) -> tuple[float, ...] | None:
        """`box` as the benchmark's own files write it."""
        return None if self.box is None else tuple(float(value) for value in np.array(self.box) + self.shift)

    def digest(self) -> str:
        """sha256 of what the tracker is given: frame names, first box, and the first label map's content."""
        digest = hashlib.sha256(repr((self.name, [path.name for path in self.frames], self.box)).encode())
        for path in list(self.annotations.values())[:1]:
            digest.update(path.read_bytes())
        return digest.hexdigest()


def image_paths(folder: Path, key: Callable[[Path], Any] | None = None) -> tuple[Path, ...]:
    """The images in `folder`, sorted by name or by `key`.

    Raises:
        DatasetError: the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder} of images; check --data and --split")
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise DatasetError(f"no image ({', '.join(IMAGE_SUFFIXES)}) in {folder}")
    return tuple(sorted(paths, key=key or (lambda path: path.name)))


def read_names(path: Path) -> list[str]:
    """The non-empty lines of a list of sequence names.

    Raises:
        DatasetError: the list is missing, empty, names a path outside of the data, or names a sequence twice.
    """
    if not path.is_file():
        raise DatasetError(f"no list of sequences {path}; check --data and --split")
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise DatasetError(f"{path} names no sequence")
    strange = sorted({name for name in names if names.count(name) > 1 or "/" in name or "\\" in name or name == ".."})
    if strange:
        raise DatasetError(f"{path} has names that are repeated or are paths: {', '.join(strange[:_SHOWN])}")
    return names


def read_boxes(path: Path) -> NDArray[np.float64]:
    """(N, 4) boxes of a ground-truth file; blank fields are NaN.

    Raises:
        DatasetError: the file is missing or a row does not have four values.
    """
    if not path.is_file():
        raise DatasetError(f"no ground truth {path}; check --data and --split")
    rows, faults = read_rows(path.read_text(encoding="utf-8-sig", errors="replace"))
    if faults or not len(rows):
        listed = "; ".join(f"line {line}: {message}" for line, message in faults[:_SHOWN]) or "it has no row"
        raise DatasetError(f"{path}: {listed}")
    return rows


def collect(names: Iterable[str], read: Callable[[str], Sequence]) -> list[Sequence]:
    """Read every named sequence; the faults of all that cannot be read are in one error.

    Raises:
        DatasetError: at least one sequence is incomplete.
    """
    sequences, faults = [], []
    for name in names:
        try:
            sequences.append(read(name))
        except DatasetError as error:
            faults.append(f"{name}: {error}")
    if faults:
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise DatasetError(f"{len(faults)} incomplete sequences:\n  " + "\n  ".join(faults[:_SHOWN]) + more)
    return sequences


def first_box(name: str, rows: NDArray[np.float64]) -> tuple[float, ...]:
    """The first row as a box.

    Raises:
        DatasetError: it is not four finite numbers with positive sizes.
    """
    row = rows[0]
    if not np.isfinite(row).all() or (row[2:] <= 0).any():
        raise DatasetError(f"the first box of {name} is {row.tolist()}; it must be finite with a positive size")
    return tuple(float(value) for value in row)
