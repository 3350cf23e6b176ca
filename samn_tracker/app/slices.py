"""Whether the slices of an H.264 or HEVC packet are what an encoder wrote, or hold zeros that a lost piece left.

Both codes keep the bytes 0, 0 and at most 2 out of every slice (emulation prevention: ITU-T H.264 and H.265, section
7.4.1.1 and 7.4.2.1). A bad sector or an unfinished download is told by that; decoders read zeros as any other words of
the code and answer another picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_IMPOSSIBLE = re.compile(rb"\x00\x00[\x00-\x02]")
_START = re.compile(rb"\x00\x00\x01")
_H264_SLICES = range(1, 6)
_HEVC_SLICES = range(32)


class Slices:
    """Looks at the packets of a video stream; those of other codes than the two are taken as whole."""

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        self._code = context.name
        self._prefix = _length_of_prefix(self._code, bytes(context.extradata or b""))

    def are_whole(self, packet: Any) -> bool:
        """Whether no slice holds what none can hold; zeros at its end are padding."""
        if self._code not in ("h264", "hevc"):
            return True
        data = bytes(packet)
        units = _START.split(data) if self._prefix is None else _units(data, self._prefix)
        return not any(self._is_slice(unit) and _IMPOSSIBLE.search(unit.rstrip(b"\0")) for unit in units)

    def _is_slice(self, unit: bytes) -> bool:
        if not unit:
            return False
        return unit[0] & 31 in _H264_SLICES if self._code == "h264" else unit[0] >> 1 & 63 in _HEVC_SLICES


def _length_of_prefix(code: str, header: bytes) -> int | None:
    """Bytes of the length before each unit, as the stream's header says; None where start codes divide them."""
    place = 4 if code == "h264" else 21
    if len(header) <= place or header[:3] == b"\0\0\1" or header[:4] == b"\0\0\0\1":
        return None
    return (header[place] & 3) + 1


def _units(data: bytes, prefix: int) -> Iterator[bytes]:
    place = 0
    while place + prefix <= len(data):
        start = place + prefix
        place = start + int.from_bytes(data[place:start], "big")
        yield data[start:place]
