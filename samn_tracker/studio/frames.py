"""Any frame of a video or of a folder of images, by its number."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.decoding import reason, tell_damage, tells_times
from samn_tracker.app.frames import IMAGES_PER_SECOND, Frame
from samn_tracker.app.slices import Slices
from samn_tracker.app.sources import ImageFiles, open_source
from samn_tracker.app.video import VideoFile, require_av, upright
from samn_tracker.errors import ConfigError, ImageError
from samn_tracker.images import ImageReader
from samn_tracker.runner.digits import ascii_number

Image = NDArray[np.uint8]

CACHE_BYTES = 256 << 20
"""Decoded frames kept; frames are asked for in runs, forwards and backwards."""
PICTURES = 256
"""JPEG files kept for the page."""
_QUALITY = 85


class FrameStore(ABC):
    """Frames (H, W, 3) uint8 RGB of one size, numbered from 0; safe to ask from several threads.

    Attributes:
        name: what the person gave.
        count: of the frames.
        shape: (H, W).
        frames_per_second: of the recording.
        files: those that are read.
    """

    name: str
    files: list[Path]
    count: int
    shape: tuple[int, int]
    frames_per_second: float

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images: OrderedDict[int, Image] = OrderedDict()
        self._pictures: OrderedDict[int, bytes] = OrderedDict()

    @abstractmethod
    def _read(self, index: int) -> Iterator[tuple[int, Image]]:
        """Numbers and frames up to and with `index`."""

    def image(self, index: int) -> Image:
        """The frame (H, W, 3) uint8 RGB.

        Raises:
            ImageError: there is none of this number, it cannot be decoded, or it has another size than the first.
        """
        if not 0 <= index < self.count:
            raise ImageError(f"{self.name} has no frame {index}; it has {self.count}, counted from 0")
        with self._lock:
            if index not in self._images:
                for number, image in self._read(index):
                    self._keep(number, image)
            if index not in self._images:
                raise ImageError(f"frame {index} of {self.name} cannot be decoded; copy the file again")
            self._images.move_to_end(index)
            image = self._images[index]
        if image.shape[:2] != self.shape:
            size, expected = (f"{shape[1]}x{shape[0]}" for shape in (image.shape, self.shape))
            raise ImageError(f"frame {index} of {self.name} is {size}, expected {expected}; give frames of one size")
        return image

    def frame(self, index: int) -> Frame:
        """The frame as `samn track` would have it: with the number in its file's name, or the time when it is shown.

        Raises:
            ImageError: as `image`.
        """
        return Frame(index, self.image(index))

    def picture(self, index: int) -> bytes:
        """The frame as a JPEG file.

        Raises:
            ImageError: as `image`.
        """
        kept = self._pictures.get(index)
        if kept is not None:
            return kept
        image = cv2.cvtColor(self.image(index), cv2.COLOR_RGB2BGR)
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
        with self._lock:
            self._pictures[index] = data
            while len(self._pictures) > PICTURES:
                self._pictures.popitem(last=False)
        return data

    def _keep(self, number: int, image: Image) -> None:
        self._images[number] = image
        self._images.move_to_end(number)
        while len(self._images) > 1 and len(self._images) * image.nbytes > CACHE_BYTES:
            self._images.popitem(last=False)


class ImageStore(FrameStore):
    """Image files in order; 16-bit ones become 8 bits as the first one does."""

    def __init__(self, source: ImageFiles) -> None:
        super().__init__()
        self.name, self.frames_per_second = source.name, IMAGES_PER_SECOND
        self.files, self._numbers = list(source.files), source.numbers
        self.count = len(self.files)
        self._reader = ImageReader()
        first = self._reader.read(self.files[0])
        self.shape = (first.shape[0], first.shape[1])
        for note in (*source.notes, self._reader.note):
            if note:
                print(f"samn studio: {note}", file=sys.stderr)

    def frame(self, index: int) -> Frame:
        return Frame(self._numbers[index], self.image(index))

    def _read(self, index: int) -> Iterator[tuple[int, Image]]:
        yield index, self._reader.read(self.files[index])


class VideoStore(FrameStore):
    """A video file: read on where it is asked for in order, else from the key frame before.

    A frame's number is its place among the presentation times of all packets, which are read once, without decoding.
    """

    def __init__(self, source: VideoFile, path: Path) -> None:
        super().__init__()
        self.name, self.frames_per_second = source.name, source.frames_per_second
        self._av = require_av()
        self.files = [path]
        self._times, self._keys = self._index()
        self.count = len(self._times)
        self._numbers = {time: number for number, time in enumerate(self._times)}
        self._open(0)
        first = next(self._frames, None)
        if first is None:
            raise ImageError(f"{self.name} has no frame that can be decoded; give another video")
        self._keep(*first)
        self.shape = (first[1].shape[0], first[1].shape[1])

    def frame(self, index: int) -> Frame:
        return Frame(index, self.image(index), self._times[index] * self._tick)

    def _index(self) -> tuple[list[int], list[int]]:
        """All presentation times in order, and those of the key frames that can be found by them."""
        with self._av.open(str(self.files[0]), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            self._tick = float(stream.time_base)
            self._timed = tells_times(container)
            try:
                packets = [(p.pts, p.is_keyframe) for p in container.demux(stream) if p.size and p.pts is not None]
            except self._av.error.FFmpegError as error:
                raise ImageError(f"{self.name} is damaged ({reason(error)}); copy or download it again") from None
        times = sorted({pts for pts, _ in packets})
        if not times:
            raise ImageError(f"{self.name} says no times of its frames; convert it, for instance to MP4")
        return times, sorted(pts for pts, key in packets if key) if self._timed else []

    def _open(self, index: int) -> None:
        """Begin to decode at the key frame at or before frame `index`."""
        container = self._av.open(str(self.files[0]), metadata_errors="replace")
        stream = container.streams.video[0]
        tell_damage(stream)
        self._slices = Slices(stream)
        key = bisect_right(self._keys, self._times[index]) - 1
        if index and key >= 0:
            container.seek(self._keys[key], stream=stream, backward=True)
        self._frames = self._decoded(container, stream)
        self._next = self._numbers.get(self._keys[key], 0) if index and key >= 0 else 0

    def _decoded(self, container: Any, stream: Any) -> Iterator[tuple[int, Image]]:
        """Numbers and pictures, but for those that are damaged, up to the next key frame: `image` says which."""
        damaged = False
        try:
            for packet in container.demux(stream):
                if damaged and packet.is_keyframe:
                    damaged = False
                    self._next = self._next if self._timed else self._numbers.get(packet.pts, self._next)
                for picture in [] if damaged else self._completed(packet):
                    number = self._number_of(picture) if picture is not None and not picture.is_corrupt else None
                    damaged = damaged or number is None
                    if number is not None:
                        self._next = number + 1
                        yield number, upright(picture)
        except self._av.error.FFmpegError:
            return  # a damaged end
        finally:
            container.close()

    def _number_of(self, picture: Any) -> int | None:
        """By its time, or where that says nothing the number after the last one."""
        return self._numbers.get(picture.pts) if self._timed else min(self._next, self.count - 1)

    def _completed(self, packet: Any) -> list[Any]:
        """What a packet completes; [None] where it is damaged or cannot be decoded."""
        if not self._slices.are_whole(packet):
            return [None]
        try:
            return list(packet.decode())
        except self._av.error.FFmpegError:
            return [None]

    def _read(self, index: int) -> Iterator[tuple[int, Image]]:
        key = bisect_right(self._keys, self._times[index]) - 1
        behind = index < self._next
        skips = key >= 0 and self._numbers.get(self._keys[key], 0) > self._next
        if behind or skips:
            self._open(index)
        for number, image in self._frames:
            yield number, image
            if number >= index:
                return


def open_store(text: str) -> FrameStore:
    """All frames of a video file, a folder of images, or a glob.

    Raises:
        ConfigError: something that has no beginning and end.
        SamnError: as `open_source`.
    """
    if ascii_number(text) is not None and not Path(text).exists():
        raise ConfigError("the studio goes back and forth in a recording; record the camera first, then give the file")
    source = open_source(text)
    if isinstance(source, VideoFile):
        return VideoStore(source, Path(text))
    if isinstance(source, ImageFiles):
        return ImageStore(source)
    raise ConfigError(f"the studio goes back and forth in a recording; {text} is none: give a file or a folder")
