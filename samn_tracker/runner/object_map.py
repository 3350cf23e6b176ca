"""What the values of a mask or label map mean: object ids, one object in white, or nothing that can be told.

An indexed PNG holds ids, and 255 is void there, as DAVIS and PASCAL VOC have it. A grey picture may hold ids as well,
or be one white object, perhaps with soft edges (drawn with anti-aliasing, scaled, or saved as JPEG): its grey edges are
no objects of their own. Where neither fits, the grey values are named instead of guessed at.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samn_tracker.errors import ImageError
from samn_tracker.runner.label_png import Labels, decode_grey, open_png

VOID = 255
_MIDDLE = 127
_BRIGHT = 240
_MOST_GREY_IDS = 32
"""Distinct grey values without white up to which a grey picture is believed to hold ids."""
_SHOWN = 12
LOSSY = ("JPEG", "MPO")
"""Formats, as Pillow names them, in which values change on the way: what they hold are no ids."""


def read_objects(path: Path, single: bool = False, white_is_object: bool = True) -> Labels:
    """`decode_objects` of a file.

    Raises:
        ImageError: as `decode_objects`, or the file is missing.
    """
    if not path.is_file():
        raise ImageError(f"no mask {path}; correct the path")
    return decode_objects(path.read_bytes(), str(path), single, white_is_object)


@lru_cache(maxsize=4096)
def size_and_ids(path: Path, single: bool = False) -> tuple[tuple[int, int], tuple[int, ...]]:
    """(H, W) of an annotation in which white is void, and the ids in it, rising; of a file that does not change.

    Raises:
        ImageError: as `read_objects`.
    """
    labels = read_objects(path, single, white_is_object=False)
    height, width = labels.shape
    return (height, width), tuple(int(one) for one in np.unique(labels) if one)


def decode_objects(data: bytes, name: str, single: bool = False, white_is_object: bool = True) -> Labels:
    """The (H, W) uint8 object ids of a mask or label map: void is 0, and a white object of any edges is 1.

    Args:
        single: the file shows one object whatever its id, and 1 is answered for it.
        white_is_object: an indexed PNG of 0 and 255 alone is one object; otherwise 255 is void there too, as in the
            later frames of a data set of several objects.

    Raises:
        ImageError: not readable, colours, or grey values that are neither ids nor a white object; they are named.
    """
    grey = decode_grey(data)
    if grey is not None:
        labels = objects_of(grey, False, False, name, white_is_object)
    else:
        image = open_png(data, name)
        lossy = image.format in LOSSY
        labels = objects_of(grey_values(image, name), image.mode == "P", lossy, name, white_is_object)
    return (labels != 0).view(np.uint8) if single and labels.max(initial=0) > 1 else labels


def grey_values(image: Image.Image, name: str) -> Labels:
    """The (H, W) uint8 values of an indexed, grey or two-valued picture, or of one whose colours are all grey.

    Raises:
        ImageError: it has colours, or more than 8 bits.
    """
    if image.mode == "1":
        return np.asarray(image.convert("L"), dtype=np.uint8)
    if image.mode in ("P", "L"):
        return np.asarray(image, dtype=np.uint8)
    if image.mode in ("LA", "RGB", "RGBA"):
        channels = np.asarray(image, dtype=np.uint8)
        if image.mode == "LA" or (channels[..., :1] == channels[..., 1:3]).all():
            return np.ascontiguousarray(channels[..., 0])
    if image.mode.startswith(("I", "F")):
        raise ImageError(f"{name} has more than 8 bits a pixel; save object ids or a mask as an 8-bit PNG")
    raise ImageError(
        f"{name} is a {image.mode} image, not an indexed one; its pixels are colours, not object ids: "
        "save it as an indexed or greyscale PNG"
    )


def objects_of(grey: Labels, indexed: bool, lossy: bool, name: str, white_is_object: bool = True) -> Labels:
    """The object ids of the (H, W) values, as `decode_objects` answers them.

    Args:
        indexed: the picture has a palette, so its values are ids whatever they are.
        lossy: it was saved in a format that changes values, so they are no ids.

    Raises:
        ImageError: as `decode_objects`.
    """
    highest = int(grey.max(initial=0))
    if highest == 0 or (indexed and highest < VOID):
        return grey
    brightest = (grey == highest).view(np.uint8)
    if cv2.countNonZero(brightest) == cv2.countNonZero(grey) and (highest == VOID or not lossy):
        if highest < VOID:
            return grey
        return brightest if white_is_object or not indexed else np.zeros_like(grey)
    counts = np.bincount(grey[grey != 0], minlength=VOID + 1)
    values = np.flatnonzero(counts)
    ids = values[values != VOID]
    if indexed or (not lossy and _counts_up(ids)):
        return np.where(grey == VOID, 0, grey).astype(np.uint8) if counts[VOID] else grey
    if _is_soft(counts, ids):
        return (grey > _MIDDLE).view(np.uint8)
    if lossy or counts[VOID] or len(ids) > _MOST_GREY_IDS:
        shown = ", ".join(map(str, values[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
        raise ImageError(
            f"{name} has the {len(values)} grey values {shown} beside black: neither one object in white nor object "
            "ids from 1 on; save a mask as 0 and 255, or ids as an indexed PNG"
        )
    return grey


def _counts_up(ids: NDArray[np.intp]) -> bool:
    """Whether the values are 1, 2, 3, ... and few enough to be the objects of a picture."""
    return len(ids) == ids[-1] and len(ids) <= _MIDDLE


def _is_soft(counts: NDArray[np.intp], ids: NDArray[np.intp]) -> bool:
    """Whether there is a nearly white object whose edges go through greys, none of which fills a region of its own."""
    bright, between = counts[_BRIGHT:].sum(), counts[_MOST_GREY_IDS:_BRIGHT]
    body = bright > 0 and bright >= 2 * between.max() and 2 * bright >= between.sum()
    return bool(body and (ids >= _MOST_GREY_IDS).any())
