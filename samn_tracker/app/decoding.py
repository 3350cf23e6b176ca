"""The pictures of a video, decoded one after the other, up to the first that is damaged or missing."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from samn_tracker.app.frames import IMAGES_PER_SECOND
from samn_tracker.app.slices import Slices

_TRANSPORT = ("mpegts", "mpeg")
"""Containers that lose packets on their way, and count no frames."""
_UNTIMED = ("avi", "asf")
"""Containers that keep the order of decoding: of pictures that are shown in another one, nothing says when."""
_VP8_SHOWN = 0x10
"""The bit of the first byte of a packet that says whether it is a picture to be shown."""
_MATROSKA = "matroska,webm"


class Pictures:
    """Decoded pictures up to the end or the first `fault`; those that the decoder still holds then are not lost.

    A fault is what the decoder cannot read, what it marks as patched up, a packet that was damaged on its way or holds
    the zeros of a lost piece, a packet between two pictures that gave none, in a transport stream of constant rate a
    packet that is not there, and in Matroska what its demuxer complains of: it would skip to where it finds its way.
    """

    def __init__(self, av: ModuleType, container: Any) -> None:
        self._logging = av.logging
        self._error_type = av.error.FFmpegError
        self._container = container
        self._stream = container.streams.video[0]
        tell_damage(self._stream)
        self._slices = Slices(self._stream)
        self._timed = tells_times(container)
        self._waiting: set[int] = set()  # times of packets that gave no picture yet
        self._first: float | None = None
        self._last: float | None = None
        self.fault: str | None = None

    @property
    def seconds(self) -> float:
        """From the first picture to the end of the last one so far."""
        if self._first is None or self._last is None:
            return 0.0
        return self._last - self._first + 1 / float(self._stream.average_rate or IMAGES_PER_SECOND)

    def time_of(self, picture: Any) -> float | None:
        """When the picture is shown, in seconds, or None where nothing says it."""
        return self._stamp(picture) if self._timed else None

    def __iter__(self) -> Iterator[Any]:
        try:
            for packet in self._packets():
                if packet.is_corrupt and self._last is not None:
                    self.fault = "a packet was damaged or lost on its way"
                    break
                if not self._slices.are_whole(packet):
                    self.fault = "a piece of a picture was lost, and zeros are in its place"
                    break
                for picture in self._decoded(packet):
                    if self._is_faulty(picture):
                        return
                    yield picture
        except self._error_type as error:
            self.fault = reason(error)
        if self.fault is not None:
            yield from self._held()

    def _packets(self) -> Iterator[Any]:
        """The packets up to the end, or up to where Matroska's demuxer says that the file is damaged."""
        packets = self._container.demux(self._stream)
        while self.fault is None:
            self._logging.set_level(self._logging.ERROR)
            with self._logging.Capture(local=True) as said:
                packet = next(packets, None)
            self._logging.set_level(self._logging.PANIC)
            if errors := [text for level, name, text in said if level <= self._logging.ERROR and name == _MATROSKA]:
                self.fault = " ".join(errors[0].lower().split())
            if packet is None:
                return
            if self.fault is None:
                yield packet

    def _decoded(self, packet: Any) -> list[Any]:
        """The pictures that a packet completes; a recording of a broadcast may begin in the middle of one."""
        if packet.size and packet.pts is not None and not packet.is_discard and not self._is_hidden(packet):
            self._waiting.add(packet.pts)
        try:
            return list(packet.decode())
        except self._error_type:
            if self._last is None and self._container.format.name in _TRANSPORT:
                return []
            raise

    def _stamp(self, picture: Any) -> float | None:
        base = self._stream.time_base
        return None if picture.pts is None or not base else float(picture.pts * base)

    def _is_faulty(self, picture: Any) -> bool:
        """Whether the picture is patched up, or others are missing before it."""
        before, now = self._last, self._stamp(picture)
        self._last = now if self._timed or now is None else max(before or now, now)
        self._first = now if self._first is None else self._first
        if picture.is_corrupt:
            self.fault = "a picture cannot be decoded whole"
        elif (missing := self._missing(before, now) or self._unanswered(picture.pts, before is None)) > 0:
            self.fault = f"{missing} pictures are missing there"
        return self.fault is not None

    def _unanswered(self, pts: int | None, is_first: bool) -> int:
        """How many packets are to be shown before this picture and gave none; before the first one they may."""
        if pts is None or not self._timed:
            return 0
        passed = {time for time in self._waiting if time <= pts}
        self._waiting -= passed
        return 0 if is_first else len(passed - {pts})

    def _is_hidden(self, packet: Any) -> bool:
        """Whether a packet says that it is not to be shown: VP8 has such, for later ones to refer to."""
        return self._stream.codec_context.name.startswith(("vp8", "libvpx")) and not bytes(packet)[0] & _VP8_SHOWN

    def _missing(self, before: float | None, now: float | None) -> int:
        rate = self._stream.average_rate
        constant = rate is not None and rate == self._stream.base_rate
        if before is None or now is None or not constant or self._container.format.name not in _TRANSPORT:
            return 0
        return round((now - before) * float(rate)) - 1

    def _held(self) -> list[Any]:
        try:
            return [one for one in self._stream.codec_context.decode(None) if not one.is_corrupt]
        except self._error_type:
            return []


def tells_times(container: Any) -> bool:
    """Whether the time stamps of the first video stream are those at which pictures are shown."""
    return container.format.name not in _UNTIMED or not container.streams.video[0].codec_context.has_b_frames


def tell_damage(stream: Any) -> None:
    """Let the decoder of a video stream raise where it would patch up what is damaged."""
    decoder = stream.codec_context
    decoder.options = {"err_detect": "explode"}
    decoder.thread_type = "NONE"  # the threads of slices swallow errors, those of frames tell late


def reason(error: BaseException) -> str:
    """What the system or the library says of an error, in lower case."""
    return str(getattr(error, "strerror", None) or error).lower()
