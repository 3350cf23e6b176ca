"""Video files in and out with PyAV: any container that FFmpeg reads in, H.264 that a browser plays out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.frames import IMAGES_PER_SECOND, Frame, FrameSource
from samn_tracker.errors import EnvironmentProblemError, ImageError, StorageError

_MISSING_SHARE = 0.1
"""A file that gives this share fewer frames than its header promises was cut off; headers are off by a few frames."""
_MISSING_FRAMES = 2
_BT709 = 1
_QUARTER_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def require_av() -> ModuleType:
    """The module `av`, quiet.

    Raises:
        EnvironmentProblemError: it is not installed.
    """
    try:
        import av
        import av.logging
    except ImportError:
        raise EnvironmentProblemError(
            "video files need PyAV, which cannot be imported here; run `pip install av`, or give a "
            "folder of images and leave the overlay video out (--save masks,txt)"
        ) from None
    av.logging.set_level(av.logging.PANIC)
    return av  # type: ignore[no-any-return]


class VideoFile(FrameSource):
    """The first video stream of a file, decoded one frame at a time and turned upright."""

    def __init__(self, path: Path, start: int = 0, end: int | None = None) -> None:
        self.name = str(path)
        self.files = (path,)
        self._av = require_av()
        self._path = path
        self._start = start
        self._end = end
        with self._open() as container:
            stream = container.streams.video[0]
            self.frames_per_second = float(stream.average_rate or IMAGES_PER_SECOND)
            self._promised = _promised_frames(container, stream)
        last = min((count for count in (self._promised, end) if count), default=None)
        self.total = None if last is None else max(last - start, 0)

    def _open(self) -> Any:
        try:
            container = self._av.open(str(self._path))
        except (self._av.error.FFmpegError, OSError) as error:
            raise ImageError(
                f"{self._path} is not a video that can be read ({_reason(error)}); it is something else, damaged or "
                "cut off: give a video, or copy or download it again"
            ) from None
        if not container.streams.video:
            container.close()
            raise ImageError(f"{self._path} has no video stream; give a file with pictures that is not cut off")
        if container.streams.video[0].codec_context is None:
            container.close()
            raise ImageError(f"{self._path} cannot be decoded: it is damaged, or in a format that this FFmpeg lacks")
        return container

    def __iter__(self) -> Iterator[Frame]:
        decoded = 0
        with self._open() as container:
            pictures = _Pictures(self._av.error.FFmpegError, container)
            for picture in pictures:
                if self._end is not None and decoded >= self._end:
                    return
                if decoded >= self._start:
                    yield Frame(decoded, upright(picture))
                decoded += 1
        if pictures.error is not None:
            where = f"is damaged after frame {decoded - 1}" if decoded else "cannot be decoded"
            raise ImageError(f"{self._path} {where} ({_reason(pictures.error)}); copy or download it again")
        promised = self._promised if self._end is None else min(self._promised, self._end)
        if promised - decoded > max(_MISSING_FRAMES, _MISSING_SHARE * promised):
            raise ImageError(f"{self._path} is cut off: it promises about {promised} frames, but ends after {decoded}")


class _Pictures:
    """Decoded pictures up to the end or the first `error`; those that the decoder still holds then are not lost."""

    def __init__(self, error_type: type[Exception], container: Any) -> None:
        self._error_type = error_type
        self._container = container
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Any]:
        stream = self._container.streams.video[0]
        try:
            for packet in self._container.demux(stream):
                yield from packet.decode()
        except self._error_type as error:
            self.error = error
        if self.error is not None:
            yield from self._held(stream.codec_context)

    def _held(self, decoder: Any) -> list[Any]:
        try:
            return list(decoder.decode(None))
        except self._error_type:
            return []


class VideoWriter:
    """H.264 in MP4, 4:2:0, index in front: plays in browsers. Written beside `path`, and moved there on `close`."""

    def __init__(self, path: Path, frames_per_second: float) -> None:
        self._av = require_av()
        self.path = path
        self._partial = path.with_name(f"{path.stem}.part{path.suffix}")
        self._rate = Fraction(frames_per_second).limit_denominator(1001)
        self._container: Any = None
        self._stream: Any = None

    def write(self, image: NDArray[np.uint8]) -> None:
        """Add a frame (H, W, 3) uint8 RGB; the first one fixes the size. Odd sides get one pixel more.

        Raises:
            StorageError: the file cannot be written.
        """
        height, width = image.shape[:2]
        even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        try:
            if self._container is None:
                self._start(even.shape[1], even.shape[0])
            picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace=self._av.video.reformatter.Colorspace.ITU709)
            self._container.mux(self._stream.encode(picture))
        except (self._av.error.FFmpegError, OSError) as error:
            raise StorageError(f"cannot write {self.path} ({_reason(error)}); is the disk full?") from None

    def close(self) -> None:
        """Finish the file. Without a frame there is none.

        Raises:
            StorageError: the file cannot be written.
        """
        if self._container is None:
            return
        try:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._partial.replace(self.path)
        except (self._av.error.FFmpegError, OSError) as error:
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)  # without its index nothing plays it
            raise StorageError(f"cannot finish {self.path} ({_reason(error)}); is the disk full?") from None
        finally:
            self._container = None

    def _start(self, width: int, height: int) -> None:
        self._container = self._av.open(str(self._partial), "w", options={"movflags": "+faststart"})
        stream = self._container.add_stream("libx264", rate=self._rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = _BT709
        self._stream = stream


def _promised_frames(container: Any, stream: Any) -> int:
    """How many frames the header speaks of, or 0 where it says nothing."""
    if stream.frames:
        return int(stream.frames)
    seconds = container.duration / 1_000_000 if container.duration else 0.0
    return int(seconds * float(stream.average_rate or 0))


def upright(picture: Any) -> NDArray[np.uint8]:
    """A decoded picture of PyAV as (H, W, 3) uint8 RGB, turned as its display matrix asks: phones lie on their side."""
    image = picture.to_ndarray(format="rgb24")
    turn = _QUARTER_TURNS.get(picture.rotation % 360)
    return np.asarray(image if turn is None else cv2.rotate(image, turn), dtype=np.uint8)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
