"""COCO instances; polygons are drawn by pycocotools (the `train` extra), as COCO's own tools draw them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, EnvironmentProblemError, RegionError
from samn_tracker.runner.truth import read_text
from samn_tracker.shapes.regions import rle_decode
from samn_tracker.train.readers import existing, load_image, require
from samn_tracker.train.sources import LabelledImage

_SHOWN = 80
_MOST_OBJECTS = 65535


class CocoSource:
    """COCO images with at least one object; crowds are left out, and smaller objects lie over larger ones.

    Raises:
        DatasetError: the annotation file or an image is missing or broken.
        EnvironmentProblemError: pycocotools is not installed.
    """

    clips: Sequence[Sequence[int]] = ()

    def __init__(self, name: str, images: Path, annotations: Path) -> None:
        try:
            import pycocotools.mask  # noqa: F401
        except ImportError:
            raise EnvironmentProblemError(
                'COCO needs pycocotools: pip install "samn-tracker[train]", or pip install pycocotools'
            ) from None
        self.name = name
        self._file = annotations
        self._infos, self._objects = _read(existing(annotations))
        if not self._objects:
            raise DatasetError(f"data set '{name}' is empty: {annotations} holds no object")
        self._images = [(number, images / self._infos[number]["file_name"]) for number in sorted(self._objects)]
        require([path for _, path in self._images])

    def __len__(self) -> int:
        return len(self._images)

    def read(self, index: int) -> LabelledImage:
        """The labelled image at `index`.

        Raises:
            DatasetError: the image is broken, its size is not the annotated one, or an object's shape is malformed.
        """
        number, path = self._images[index]
        image, info = load_image(path), self._infos[number]
        size = (info["height"], info["width"])
        if size != image.shape[:2]:
            raise DatasetError(f"{path} is {image.shape[1]}x{image.shape[0]}, annotated as {size[1]}x{size[0]}")
        labels = np.zeros(size, np.uint16)
        for label, one in enumerate(sorted(self._objects[number], key=lambda one: -one["area"]), start=1):
            try:
                labels[_mask(one["segmentation"], size) > 0] = label
            except (ValueError, TypeError, KeyError, OverflowError, RegionError) as error:
                raise DatasetError(
                    f"{self._file}: an object of {path.name} is malformed ({str(error)[:_SHOWN]})"
                ) from None
        return LabelledImage(image, labels)


def _read(path: Path) -> tuple[dict[int, Mapping[str, Any]], dict[int, list[Mapping[str, Any]]]]:
    """Images by number, and by the same number the objects of those that have some.

    Raises:
        DatasetError: not such a file.
    """
    try:
        content = json.loads(read_text(path))
        infos = {one["id"]: one for one in content["images"]}
        objects: dict[int, list[Mapping[str, Any]]] = {}
        for one in content["annotations"]:
            if not one["iscrowd"]:
                objects.setdefault(infos[one["image_id"]]["id"], []).append(one)
        faults = [f"image {number!r}" for number in objects if not _is_image(infos[number])]
        faults += [
            f"the area {one['area']!r}" for found in objects.values() for one in found if not _finite(one["area"])
        ]
        faults += [f"{len(found)} objects in an image" for found in objects.values() if len(found) > _MOST_OBJECTS]
        if faults:
            raise ValueError(f"impossible is {faults[0][:_SHOWN]}")
        return infos, objects
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(f"{path} is not a COCO annotation file: {repr(error)[:_SHOWN]}") from None


def _is_image(info: Mapping[str, Any]) -> bool:
    sides = (info["height"], info["width"])
    return type(info["id"]) is int and isinstance(info["file_name"], str) and all(type(one) is int for one in sides)


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _mask(shape: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) of 0 and 1, of polygons or of run lengths down the columns.

    Raises:
        ValueError, TypeError, KeyError, OverflowError, RegionError: neither.
    """
    height, width = size
    if isinstance(shape, list):
        return _polygons(shape, height, width)
    if list(shape["size"]) != [height, width]:
        raise ValueError(f"its mask is {shape['size']}, its image {height} x {width}")
    counts = shape["counts"]
    runs = _run_lengths(counts) if isinstance(counts, str) else counts
    if not all(type(one) is int for one in runs):
        raise ValueError("run lengths are whole numbers")
    return rle_decode(runs, (width, height)).T


def _polygons(parts: list[Any], height: int, width: int) -> NDArray[np.uint8]:
    """Parts outside of twice the image on every side are refused: what draws them would take memory without end."""
    from pycocotools import mask

    for part in parts:
        numbers = np.asarray(part, dtype=np.float64)
        if numbers.ndim != 1 or len(numbers) < 6 or len(numbers) % 2 or not _is_near(numbers, height, width):
            raise ValueError("a polygon is a list of at least three x, y in the image")
    if not parts:
        raise ValueError("no polygon")
    return np.asarray(mask.decode(mask.merge(mask.frPyObjects(parts, height, width))), dtype=np.uint8)


def _is_near(corners: NDArray[np.float64], height: int, width: int) -> bool:
    return bool((np.abs(corners[::2]) <= 2 * width).all() and (np.abs(corners[1::2]) <= 2 * height).all())


def _run_lengths(text: str) -> list[int]:
    """COCO's text of run lengths: six bits a letter, five of them of the number, which is a difference from the third.

    Raises:
        ValueError: not such a text.
    """
    runs: list[int] = []
    number = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise ValueError("run lengths are broken off, or of other letters")
        number |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            signed = number - (1 << shift) if bits & 16 else number
            runs.append(signed + (runs[-2] if len(runs) > 2 else 0))
            number = shift = 0
    if shift:
        raise ValueError("run lengths are broken off")
    return runs
