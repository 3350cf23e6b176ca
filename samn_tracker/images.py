"""Images at the edge: whatever a user hands in becomes (H, W, 3) uint8 RGB, or a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ImageError

_PNG = b"\x89PNG\r\n\x1a\n"


def as_rgb(image: Any) -> NDArray[np.uint8]:
    """`image` as (H, W, 3) uint8 RGB.

    Greyscale (H, W) or (H, W, 1) is repeated, alpha is dropped, 16-bit is scaled to 8-bit. Nothing else is guessed.

    Raises:
        ImageError: not an array, another shape or data type, or empty.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError(f"an image must be a numpy array (H, W, 3) of uint8, got {type(image).__name__}")
    if image.size == 0 or image.ndim not in (2, 3):
        raise ImageError(f"an image must have shape (H, W, 3), got {image.shape}")
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(f"an image must be uint8 (or uint16), got {image.dtype}; scale it to 0..255 first")
    if image.ndim == 2:
        image = image[..., None]
    channels = image.shape[2]
    if channels == 1:
        image = np.repeat(image, 3, axis=2)
    elif channels == 4:
        image = image[..., :3]
    elif channels != 3:
        raise ImageError(f"an image must have 1, 3 or 4 channels, got {channels}; shape {image.shape} is not (H, W, C)")
    return np.ascontiguousarray(image)


def next_frame(image: Any, shape: tuple[int, int], index: int) -> NDArray[np.uint8]:
    """Frame `index` of a sequence as (H, W, 3) uint8 RGB; `shape` is the first frame's (H, W).

    Raises:
        ImageError: not an image, or one of another size than the first.
    """
    image = as_rgb(image)
    if image.shape[:2] != shape:
        raise ImageError(
            f"frame {index} is {image.shape[1]}x{image.shape[0]}, expected {shape[1]}x{shape[0]}; "
            "all frames of a sequence must have one size"
        )
    return image


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Decode an image file (JPEG, PNG, ...; greyscale, 16-bit, alpha and CMYK too) to (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the file is missing or cannot be decoded.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"no image file {path}") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}; check its permissions and its disk") from None
    return decode_image(data, str(path))


def decode_image(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode an image held in memory, as `read_image`; `name` is used in the error."""
    if _is_png_cut_off(data):
        raise ImageError(f"{name} is not a readable image ({len(data)} bytes, it promises more); copy it again")
    try:
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise ImageError(f"{name} is not a readable image ({len(data)} bytes); copy or convert it again")
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def encode_image(image: NDArray[np.uint8], suffix: str) -> bytes:
    """The image (H, W, 3) uint8 RGB as a file of the kind that `suffix` names (".png", ".jpg", ...).

    Raises:
        ImageError: OpenCV writes no such kind.
    """
    try:
        _, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error:
        raise ImageError(f"{suffix or 'a name without an ending'!r} is no kind of picture; end it in .png") from None
    return data.tobytes()


def _is_png_cut_off(data: bytes) -> bool:
    """Whether a chunk of a PNG says that it is longer than all there is; OpenCV makes room for 2 GB before it looks."""
    place = len(_PNG) if data.startswith(_PNG) else len(data)
    while place + 8 <= len(data) and data[place + 4 : place + 8] != b"IEND":
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        if place > len(data):
            return True
    return False
