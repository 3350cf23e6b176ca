"""A video with its first target, and the reading of all videos of a benchmark.

Frames are listed by `samn_tracker.runner.frames`, names and boxes are read by `samn_tracker.runner.truth`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.files import fingerprint
from samn_tracker.runner.frames import listed_lines


@dataclass(frozen=True)
class Sequence:
    """One video of a benchmark. Nothing of it is in memory but paths and the first box.

    Attributes:
        name: as the benchmark writes it in its result files.
        frames: paths of the images in order.
        box: x, y, w, h of the target in the first frame, for box benchmarks.
        annotations: label maps by frame index, for mask benchmarks; the first one holds the first objects.
        masks: in place of `annotations`, where objects may overlap: by frame index, the mask of each object by its id.
        binary: the annotations show one object, whatever their non-zero value is (DAVIS 2016 writes 255); otherwise
            values are object ids, and 255 is void (`samn_tracker.runner.object_map` says what counts as which).
        prefix: folder before the sequence's own in results of label maps, where the benchmark's archive has one.
        one_based: the benchmark's own files call the first pixel 1; `box` is 0-based all the same.
    """

    name: str
    frames: tuple[Path, ...]
    box: tuple[float, ...] | None = None
    annotations: Mapping[int, Path] = field(default_factory=dict)
    binary: bool = False
    one_based: bool = False
    prefix: str = ""
    masks: Mapping[int, Mapping[int, Path]] = field(default_factory=dict)

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
        """sha256 of what the tracker is given: the frames' names and pictures, the first box, the first label map.

        Raises:
            DatasetError: one of them cannot be read.
        """
        first = [*self.annotations.values()][:1] + [path for one in [*self.masks.values()][:1] for path in one.values()]
        pictures = fingerprint([*self.frames, *first])
        names = [path.name for path in self.frames]
        return hashlib.sha256(repr((self.name, names, self.box, pictures)).encode()).hexdigest()


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
        raise DatasetError(f"{len(faults)} incomplete sequences:{listed_lines(faults)}")
    return sequences
