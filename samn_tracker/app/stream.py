"""Frames from an address: a camera that speaks RTSP, or a video that is served over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from samn_tracker.app.frames import IMAGES_PER_SECOND, Frame, FrameSource
from samn_tracker.app.video import require_av, upright
from samn_tracker.errors import ImageError

SECONDS = 10.0
"""How long an address may take to answer, and a running one to give the next packet."""

_AT_ITS_END = (
    "a file with its index at its end needs a server that answers byte ranges; else save it here, and track that"
)
"""What else may be wrong with an address that names its pictures and gives none."""

_ADDRESS = re.compile(r"(https?|rtsps?)://", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


def is_address(text: str) -> bool:
    """Whether a person means an address, and not a file."""
    return _ADDRESS.match(text) is not None


class VideoAddress(FrameSource):
    """The first video stream of an http, https or rtsp address, from now on; frames are counted from 0.

    Raises:
        ImageError: the address does not answer, or is no video.
    """

    live = True

    def __init__(self, address: str, start: int = 0, end: int | None = None, seconds: float = SECONDS) -> None:
        self.name = _CREDENTIALS.sub("", address)  # the name is shown and saved; a password is neither
        self._start, self._end = start, end
        self._av = require_av()
        self._container = self._open(address, seconds)
        self.frames_per_second = float(self._container.streams.video[0].average_rate or IMAGES_PER_SECOND)
        self.total = None if end is None else end - start

    def _open(self, address: str, seconds: float) -> Any:
        options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
        try:
            container = self._av.open(address, timeout=seconds, options=options, metadata_errors="replace")
        except (self._av.error.FFmpegError, OSError) as error:
            raise ImageError(
                f"{self.name} does not answer with a video ({_reason(error, seconds)}); check the address, and that it "
                "can be reached from here"
            ) from None
        if not container.streams.video:
            container.close()
            raise ImageError(f"{self.name} has no video stream; give an address of pictures")
        return container

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        with self._container as container:
            try:
                for picture in container.decode(video=0):
                    if self._end is not None and index >= self._end:
                        return
                    if index >= self._start:
                        yield Frame(index, upright(picture))
                    index += 1
            except self._av.error.FFmpegError as error:
                remedy = "check the connection" if index else "check the connection; " + _AT_ITS_END
                raise ImageError(
                    f"{self.name} gave no more pictures after {index} frames ({_reason(error, SECONDS)}); {remedy}"
                ) from None


def _reason(error: BaseException, seconds: float) -> str:
    if "Exit" in type(error).__name__:  # FFmpeg's word for our own time limit
        return f"nothing for {seconds:g} seconds"
    return str(getattr(error, "strerror", None) or error).lower()
