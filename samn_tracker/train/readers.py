"""Pairs of image and label files: decoded on each read, matched by name when a data set is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, ImageError
from samn_tracker.images import read_image
from samn_tracker.runner import frames
from samn_tracker.runner.frames import IMAGE_SUFFIXES, OrderKey, order_key
from samn_tracker.runner.label_png import decode_grey, open_png
from samn_tracker.runner.object_map import LOSSY, grey_values, objects_of
from samn_tracker.train.sources import LabelledImage

DEEP_MODES = ("I", "I;16")
_MIDDLE = 127
_NUMBER_BEHIND = re.compile(r"_[0-9]+$")

Pair = tuple[Path, Path]


class FileSource:
    """Pairs of an image file and a label file.

    `binary` labels are masks of one object: what is above 127, or above 0 where nothing is. Otherwise 8-bit labels mean
    what `samn_tracker.runner.object_map` says of them, `white_is_object` included, and 16-bit ones are object ids.

    Raises:
        DatasetError: there is no pair at all.
    """

    def __init__(
        self,
        name: str,
        pairs: Sequence[Pair],
        clips: Sequence[Sequence[int]] = (),
        binary: bool = False,
        white_is_object: bool = True,
    ) -> None:
        if not pairs:
            raise DatasetError(f"data set '{name}' is empty: no image has a label file")
        self.name = name
        self.clips = clips
        self._pairs = pairs
        self._binary = binary
        self._white_is_object = white_is_object

    def __len__(self) -> int:
        return len(self._pairs)

    def read(self, index: int) -> LabelledImage:
        """The labelled image at `index`.

        Raises:
            DatasetError: a file is broken, or the label map has another size than its image; the message names it.
        """
        image_path, label_path = self._pairs[index]
        image, labels = load_image(image_path), read_labels(label_path, self._binary, self._white_is_object)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{label_path} is {labels.shape[1]}x{labels.shape[0]}, its image {image_path} is "
                f"{image.shape[1]}x{image.shape[0]}; they must be of one size"
            )
        return LabelledImage(image, labels)


def load_image(path: Path) -> NDArray[np.uint8]:
    """An image file as (H, W, 3) uint8 RGB.

    Raises:
        DatasetError: it is missing or broken.
    """
    try:
        return read_image(path)
    except ImageError as error:
        raise DatasetError(str(error)) from None


def read_labels(path: Path, binary: bool = False, white_is_object: bool = True) -> NDArray[np.uint16]:
    """An indexed or greyscale image file, 8 or 16 bit, as (H, W) uint16 object ids, as `FileSource` has them.

    Raises:
        DatasetError: the file is missing, broken, or holds something else than ids or a mask.
    """
    try:
        data = path.read_bytes()
        grey, indexed, lossy = decode_grey(data), False, False
        if grey is None:
            image = open_png(data, str(path))
            if image.mode in DEEP_MODES:
                values = np.array(image).astype(np.uint16)
                return (values > 0).astype(np.uint16) if binary else values
            grey, indexed, lossy = grey_values(image, str(path)), image.mode == "P", image.format in LOSSY
        if binary:
            return (grey > (_MIDDLE if grey.max() > _MIDDLE else 0)).astype(np.uint16)
        return objects_of(grey, indexed, lossy, str(path), white_is_object).astype(np.uint16)
    except (ImageError, OSError) as error:
        raise DatasetError(f"label file {path} cannot be read: {error}") from None


def match_by_stem(images: Sequence[Path], labels: Sequence[Path]) -> list[Pair]:
    """Each label file with its image: the same stem, or the stem with a number behind (`a.jpg`: `a_0.png`, `a_1.png`).

    Leading zeros do not count: `0001.jpg` belongs to `00000001.png`. Images without labels are left out.

    Raises:
        DatasetError: label files without an image.
    """
    by_stem = {file.stem: file for file in images}
    by_name: dict[OrderKey, Path] = {}
    pairs, orphans = [], []
    for label in labels:
        image = by_stem.get(label.stem)
        if image is None:
            by_name = by_name or {order_key(file.name): file for file in images}
            names = (label.name, _NUMBER_BEHIND.sub("", label.stem) + ".")
            image = next((by_name[key] for key in map(order_key, names) if key in by_name), None)
        if image is None:
            orphans.append(label)
        else:
            pairs.append((image, label))
    if orphans:
        raise DatasetError(f"{len(orphans)} label files have no image: {frames.listed(orphans)}")
    return pairs


def match_clips(folders: Sequence[tuple[Path, Path]]) -> tuple[list[Pair], list[list[int]]]:
    """Pairs of all clips in a row, and the indices of each; a clip is a folder of images and one of label files.

    Frames without labels are left out.
    """
    pairs: list[Pair] = []
    clips = []
    for images, labels in folders:
        found = match_by_stem(image_files(images), image_files(labels))
        clips.append(list(range(len(pairs), len(pairs) + len(found))))
        pairs.extend(found)
    return pairs, clips


def image_files(path: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """The image files of a folder, in the order of the numbers in their names.

    Raises:
        DatasetError: the folder is missing or holds none, or two files for one frame.
    """
    files = list(frames.image_files(existing(path), suffixes))
    if not files:
        raise DatasetError(f"{path} holds no image ({', '.join(suffixes)})")
    return files


def existing(path: Path) -> Path:
    """`path`, which must be there.

    Raises:
        DatasetError: it is not.
    """
    if not path.exists():
        raise DatasetError(f"{path} does not exist; check data_root and the data set's path in the configuration")
    return path


def require(paths: Sequence[Path]) -> None:
    """Check that all files are there.

    Raises:
        DatasetError: the missing ones are named.
    """
    missing = [path for path in paths if not frames.is_there(path)]
    if missing:
        raise DatasetError(f"{len(missing)} files are missing: {frames.listed(missing)}")
