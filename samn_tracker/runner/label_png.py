"""Label maps as indexed PNG files with the palette of DAVIS (which is that of PASCAL VOC)."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from samn_tracker.errors import ImageError

Labels = NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT = bytes((8, 0, 0, 0, 0))
"""Of a PNG's header: bits, kind of colour, compression, filter, interlacing."""
_MOST_PIXELS = 1 << 26
"""Larger pictures go through Pillow, which refuses what is a bomb."""


def palette() -> NDArray[np.uint8]:
    """(256, 3) RGB: black, (128, 0, 0), (0, 128, 0), (128, 128, 0), ... as DAVIS colours its object ids.

    Bit 3k + c of an id, for colour channel c, becomes bit 7 - k of that channel.
    """
    ids = np.arange(256)
    colours = np.zeros((256, 3), dtype=np.uint8)
    for channel in range(3):
        for k in range(3):
            colours[:, channel] |= (((ids >> (3 * k + channel)) & 1) << (7 - k)).astype(np.uint8)
    return colours


def encode_labels(labels: Labels) -> bytes:
    """The (H, W) uint8 label map as an 8-bit indexed PNG; equal labels give equal bytes."""
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    image.putpalette(palette().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def decode_labels(data: bytes, name: str) -> Labels:
    """The (H, W) uint8 object ids of an indexed or greyscale PNG.

    Raises:
        ImageError: not readable, or neither indexed nor greyscale, so that it holds colours instead of ids.
    """
    image = open_png(data, name)
    if image.mode not in ("P", "L", "1"):
        raise ImageError(
            f"{name} is a {image.mode} image, not an indexed one; its pixels are colours, not object ids: "
            "save it as an indexed or greyscale PNG"
        )
    return np.asarray(image.convert("L") if image.mode == "1" else image, dtype=np.uint8)


def open_png(data: bytes, name: str) -> Image.Image:
    """The decoded image, in its own mode.

    Raises:
        ImageError: it cannot be decoded.
    """
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not an image; give a PNG file") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name} is not a readable image: {error}; copy or make it again") from None
    return image


def decode_grey(data: bytes) -> Labels | None:
    """The (H, W) values of a whole PNG of 8-bit greys, by the faster decoder; None for everything else.

    That decoder gives what it has of a damaged file, so the checksums are looked at first.
    """
    if not _is_whole_grey(data):
        return None
    values = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    return None if values is None or values.ndim != 2 or values.dtype != np.uint8 else np.asarray(values, np.uint8)


def _is_whole_grey(data: bytes) -> bool:
    """Whether all chunks of a PNG are there as they were written, the last one included, and it holds 8-bit greys."""
    if not data.startswith(_SIGNATURE) or data[24:29] != _GREY_8_BIT or _pixels(data) > _MOST_PIXELS:
        return False
    place, kind = len(_SIGNATURE), b""
    while place + 12 <= len(data) and kind != b"IEND":
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big") or kind == b"tRNS":
            return False
        place = end + 4
    return kind == b"IEND"


def _pixels(data: bytes) -> int:
    return int.from_bytes(data[16:20], "big") * int.from_bytes(data[20:24], "big")


def read_labels(path: Path) -> Labels:
    """`decode_labels` of a file.

    Raises:
        ImageError: as `decode_labels`, or the file is missing.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"no label map {path}; correct the path") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}; check its permissions and its disk") from None
    return decode_labels(data, str(path))
