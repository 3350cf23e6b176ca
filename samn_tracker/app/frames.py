"""A frame, and what every source of frames promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IMAGES_PER_SECOND = 25.0
"""Assumed for images, which say nothing of time, and for cameras that do not."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture (H, W, 3) uint8 RGB and its number: the one in its file's name, else counted from 0 in the input.

    `seconds` is when it is shown, for recordings that say so.
    """

    index: int
    image: NDArray[np.uint8]
    seconds: float | None = None


class FrameSource(ABC):
    """Frames in order, one at a time; memory does not grow with their number.

    Attributes:
        name: what the person gave.
        files: what is read; empty for cameras.
        frames_per_second: of the recording.
        total: how many frames iteration is expected to give, or None where nobody knows.
        live: it goes on until the person stops it, which is no fault.
        notes: sentences that the person has to read, complete when the first frame is given.
    """

    name: str
    files: tuple[Path, ...] = ()
    frames_per_second: float
    total: int | None
    live: bool = False
    notes: tuple[str, ...] = ()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames.

        Raises:
            ImageError: a frame cannot be decoded, or the recording ends before it should; frames before it were given.
        """


class EveryNth(FrameSource):
    """Every `stride`th frame of a source, the first one counted."""

    def __init__(self, source: FrameSource, stride: int) -> None:
        self._source, self._stride = source, stride
        self.name, self.files, self.live = source.name, source.files, source.live
        self.frames_per_second = source.frames_per_second / stride
        self.total = None if source.total is None else -(-source.total // stride)

    def __iter__(self) -> Iterator[Frame]:
        for frame in islice(self._source, 0, None, self._stride):
            self.notes = self._source.notes
            yield frame
