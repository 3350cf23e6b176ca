"""Images at the edge: whatever a user hands in becomes (H, W, 3) uint8 RGB, or a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ImageError

_PNG = b"\x89PNG\r\n\x1a\n"


Values = tuple[int, int]
"""The 16-bit values that become 0 and 255."""

ALL_VALUES: Values = (0, 0xFFFF)
_NARROW = 0x4000
_EXTREME_PERCENT = 0.1
_ROOM = 0.25
_LONGEST_SHOWN = 1000


class ImageReader:
    """Reads the images of one sequence: 16-bit ones all by the range of values of the first.

    Attributes:
        note: what a person has to know of how the images are read, from the first one on; None for nothing.
    """

    def __init__(self) -> None:
        self._values: Values | None = None

    @property
    def note(self) -> str | None:
        """As the class says."""
        if self._values in (None, ALL_VALUES):
            return None
        return "16-bit pictures: the values {} to {}, as of the first frame, become 0 to 255".format(*self._values)  # type: ignore[misc]

    def convert(self, image: Any) -> NDArray[np.uint8]:
        """`as_rgb` of an array."""
        if self._values is None:
            self._values = values_of(image)
        return as_rgb(image, self._values)

    def read(self, path: str | Path) -> NDArray[np.uint8]:
        """`read_image` of a file."""
        path = Path(path)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise ImageError(f"no image file {_shown(path)}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"{_shown(path)} cannot be read: {reason}; check its permissions and its disk") from None
        return self.decode(data, str(path))

    def decode(self, data: bytes, name: str) -> NDArray[np.uint8]:
        """`decode_image` of an image held in memory."""
        if _is_png_cut_off(data):
            raise ImageError(f"{name} is not a readable image ({len(data)} bytes, it promises more); copy it again")
        decoded = _decoded(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        if decoded is not None and decoded.dtype not in (np.uint8, np.uint16):  # of numbers with fractions
            decoded = _decoded(data, cv2.IMREAD_COLOR)
        if decoded is None:
            raise ImageError(f"{name} is not a readable image ({len(data)} bytes); copy or convert it again")
        return self.convert(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def values_of(first: Any) -> Values:
    """The values of a sequence's 16-bit first frame that become 0 and 255.

    All there are, unless the frame uses a small part only: thermal cameras, and 10 to 14 bits in 16. Then those that it
    has, a few extreme pixels apart, and some room on both sides for the frames to come.
    """
    if not isinstance(first, np.ndarray) or first.dtype != np.uint16 or first.size == 0:
        return ALL_VALUES
    colours = first[..., :3] if first.ndim == 3 else first
    low, high = (float(one) for one in np.percentile(colours, [_EXTREME_PERCENT, 100 - _EXTREME_PERCENT]))
    room = (high - low) * _ROOM
    if not 0 < high - low < _NARROW:
        return ALL_VALUES
    return max(round(low - room), 0), min(round(high + room), 0xFFFF)


def as_rgb(image: Any, values: Values = ALL_VALUES) -> NDArray[np.uint8]:
    """`image` as (H, W, 3) uint8 RGB.

    Greyscale (H, W) or (H, W, 1) is repeated, alpha is dropped, 16-bit is scaled to 8-bit. Nothing else is guessed.

    Args:
        values: the 16-bit values that become 0 and 255; of a sequence, `values_of` its first frame.

    Raises:
        ImageError: not an array, another shape or data type, or empty.
    """
    if not isinstance(image, np.ndarray):
        raise ImageError(f"an image must be a numpy array (H, W, 3) of uint8, got {type(image).__name__}")
    if image.size == 0 or image.ndim not in (2, 3):
        raise ImageError(f"an image must have shape (H, W, 3), got {image.shape}")
    if image.dtype == np.uint16:
        image = _eight_bits(image, values)
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


def next_frame(image: Any, shape: tuple[int, int], index: int, values: Values = ALL_VALUES) -> NDArray[np.uint8]:
    """Frame `index` of a sequence as (H, W, 3) uint8 RGB; `shape` and `values` are the first frame's.

    Raises:
        ImageError: not an image, or one of another size than the first.
    """
    image = as_rgb(image, values)
    if image.shape[:2] != shape:
        raise ImageError(
            f"frame {index} is {image.shape[1]}x{image.shape[0]}, expected {shape[1]}x{shape[0]}; "
            "all frames of a sequence must have one size"
        )
    return image


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Decode an image file (JPEG, PNG, ...; greyscale, 16-bit, alpha and CMYK too) to (H, W, 3) uint8 RGB, upright.

    A single one: the frames of a sequence are read with one `ImageReader`.

    Raises:
        ImageError: the file is missing or cannot be decoded.
    """
    return ImageReader().read(path)


def decode_image(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode an image held in memory, as `read_image`; `name` is used in the error."""
    return ImageReader().decode(data, name)


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


def _shown(path: Path) -> str:
    """A path as messages show it: the ends of one that is longer than any."""
    text = str(path)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN // 2]}...{text[-_LONGEST_SHOWN // 2 :]}"


def _decoded(data: bytes, flags: int) -> Any:
    """The image (H, W, 3) BGR, turned as its file asks, or None."""
    try:
        return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error:
        return None


def _eight_bits(image: NDArray[np.uint16], values: Values) -> NDArray[np.uint8]:
    if values == ALL_VALUES:
        return (image >> 8).astype(np.uint8)
    low, high = values
    table = np.clip((np.arange(0x10000) - low) * (255 / (high - low)), 0, 255).round().astype(np.uint8)
    return table[image]


def _is_png_cut_off(data: bytes) -> bool:
    """Whether a chunk of a PNG says that it is longer than all there is; OpenCV makes room for 2 GB before it looks."""
    place = len(_PNG) if data.startswith(_PNG) else len(data)
    while place + 8 <= len(data) and data[place + 4 : place + 8] != b"IEND":
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        if place > len(data):
            return True
    return False
