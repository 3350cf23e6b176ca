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

from samn_tracker.app.decoding import Pictures, reason
from samn_tracker.app.frames import IMAGES_PER_SECOND, Frame, FrameSource
from samn_tracker.errors import EnvironmentProblemError, ImageError, StorageError

_MISSING_SHARE = 0.1
"""A file that gives this share fewer frames than its header promises was cut off; headers are off by a few frames."""
_MISSING_FRAMES = 2
_BT709 = 1
_TICKS = 90_000
"""Time stamps of a second in the overlay: exact for 24, 25, 30 and 60 frames a second, and fine for any other."""
_COUNTED = "mp4"
"""Part of the names of containers that count their frames exactly; others are off by some."""


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
            self._exact = bool(stream.frames) and _COUNTED in container.format.name
            self._counted = int(stream.frames)
            self._seconds = container.duration / 1_000_000 if container.duration else 0.0
        expected = self._counted or int(self._seconds * self.frames_per_second)
        last = min((count for count in (expected, end) if count), default=None)
        self.total = None if last is None else max(last - start, 0)

    def _open(self) -> Any:
        try:
            container = self._av.open(str(self._path), metadata_errors="replace")
        except (self._av.error.FFmpegError, OSError) as error:
            raise ImageError(
                f"{self._path} is not a video that can be read ({reason(error)}); it is something else, damaged or "
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
            pictures = Pictures(self._av, container)
            for picture in pictures:
                if self._end is not None and decoded >= self._end:
                    return
                if decoded >= self._start:
                    yield Frame(decoded, upright(picture), pictures.time_of(picture))
                decoded += 1
        if pictures.fault is not None:
            where = f"is damaged after frame {decoded - 1}" if decoded else "cannot be decoded"
            raise ImageError(f"{self._path} {where} ({pictures.fault}); copy or download it again")
        if cut := self._cut(decoded, pictures.seconds):
            raise ImageError(f"{self._path} is cut off: {cut}")

    def _cut(self, decoded: int, seconds: float) -> str | None:
        """What the header promises and is not there: frames where it counts them, else seconds."""
        if self._counted:
            promised = self._counted if self._end is None else min(self._counted, self._end)
            if promised - decoded > max(_MISSING_FRAMES, (0 if self._exact else _MISSING_SHARE) * promised):
                about = "" if self._exact else "about "
                return f"it promises {about}{promised} frames, but ends after {decoded}"
        elif self._end is None and self._seconds - seconds > max(
            _MISSING_FRAMES / self.frames_per_second, _MISSING_SHARE * self._seconds
        ):
            return f"it promises {self._seconds:.2f} seconds, but ends after {seconds:.2f}, {decoded} frames"
        return None


class VideoWriter:
    """H.264 in MP4, 4:2:0, index in front: plays in browsers. Written beside `path`, and moved there on `close`."""

    def __init__(self, path: Path, frames_per_second: float) -> None:
        self._av = require_av()
        self.path = path
        self._partial = path.with_name(f"{path.stem}.part{path.suffix}")
        self._rate = Fraction(frames_per_second).limit_denominator(1001)
        self._container: Any = None
        self._stream: Any = None
        self._first: float | None = None
        self._ticked: int | None = None

    def write(self, image: NDArray[np.uint8], seconds: float | None = None) -> None:
        """Add a frame (H, W, 3) uint8 RGB; the first one fixes the size. Odd sides get one pixel more.

        Args:
            seconds: when the frame is shown, counted from anywhere; None for one after the other at the writer's rate.

        Raises:
            StorageError: the file cannot be written.
        """
        height, width = image.shape[:2]
        even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        try:
            if self._container is None:
                self._start(even.shape[1], even.shape[0])
            picture = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
            picture.pts, picture.time_base = self._tick(seconds), Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(picture))
        except (self._av.error.FFmpegError, OSError) as error:
            raise StorageError(f"cannot write {self.path} ({reason(error)}); is the disk full?") from None

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
            raise StorageError(f"cannot finish {self.path} ({reason(error)}); is the disk full?") from None
        finally:
            self._container = None

    def _tick(self, seconds: float | None) -> int:
        """When the next frame is shown, in ticks since the first one, and later than the last one."""
        if seconds is None:
            tick = 0 if self._ticked is None else self._ticked + round(_TICKS / self._rate)
        else:
            self._first = seconds if self._first is None else self._first
            tick = round((seconds - self._first) * _TICKS)
        self._ticked = tick if self._ticked is None else max(tick, self._ticked + 1)
        return self._ticked

    def _start(self, width: int, height: int) -> None:
        self._container = self._av.open(str(self._partial), "w", options={"movflags": "+faststart"})
        stream = self._container.add_stream("libx264", rate=self._rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _TICKS)
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = _BT709
        self._stream = stream


def upright(picture: Any) -> NDArray[np.uint8]:
    """A decoded picture of PyAV as (H, W, 3) uint8 RGB, turned and mirrored as its display matrix asks."""
    image = picture.to_ndarray(format="rgb24")
    for one in picture.side_data:
        if one.type.name == "DISPLAYMATRIX":
            image = turned(image, np.frombuffer(bytes(one), dtype=np.int32).reshape(3, 3))
    return np.ascontiguousarray(image)


def turned(image: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The image (H, W, 3) as a display matrix (3, 3) asks, to the nearest quarter turn, with or without a mirror.

    Its first rows and columns, (a, b) and (c, d), map a stored place to one on the screen: a x + c y, b x + d y.
    """
    a, b, c, d = (float(one) for one in (*matrix[0, :2], *matrix[1, :2]))
    if abs(a) + abs(d) < abs(b) + abs(c):
        image, a, d = image.transpose(1, 0, 2), c, b
    return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
