"""Pairs of image and label files: decoded on each read, matched by name when a data set is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, ImageError
from samn_tracker.images import read_image
from samn_tracker.runner.label_png import open_png
from samn_tracker.train.sources import LabelledImage

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
GREY_MODES = ("P", "L", "1", "I", "I;16")
SHOWN = 10

Pair = tuple[Path, Path]


class FileSource:
    """Pairs of an image file and a label file.

    `binary` labels are masks (grey above 127 is the object); otherwise values are object ids and `void` is background.

    Raises:
        DatasetError: there is no pair at all.
    """

    def __init__(
        self,
        name: str,
        pairs: Sequence[Pair],
        clips: Sequence[Sequence[int]] = (),
        binary: bool = False,
        void: int | None = None,
    ) -> None:
        if not pairs:
            raise DatasetError(f"data set '{name}' is empty: no image has a label file")
        self.name = name
        self.clips = clips
        self._pairs = pairs
        self._binary = binary
        self._void = void

    def __len__(self) -> int:
        return len(self._pairs)

    def read(self, index: int) -> LabelledImage:
        """The labelled image at `index`.

        Raises:
            DatasetError: a file is broken, or the label map has another size than its image; the message names it.
        """
        image_path, label_path = self._pairs[index]
        image, labels = load_image(image_path), read_labels(label_path)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{label_path} is {labels.shape[1]}x{labels.shape[0]}, its image {image_path} is "
                f"{image.shape[1]}x{image.shape[0]}; they must be of one size"
            )
        if self._binary:
            labels = (labels > 127).astype(np.uint16)
        elif self._void is not None:
            labels[labels == self._void] = 0
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


def read_labels(path: Path) -> NDArray[np.uint16]:
    """An indexed or greyscale image file, 8 or 16 bit, as (H, W) uint16 values.

    Raises:
        DatasetError: the file is missing, broken, or holds colours instead of values.
    """
    try:
        image = open_png(path.read_bytes(), str(path))
    except (ImageError, OSError) as error:
        raise DatasetError(f"label file {path} cannot be read: {error}") from None
    if image.mode not in GREY_MODES:
        raise DatasetError(f"label file {path} is a {image.mode} image: colours instead of object ids")
    return np.array(image.convert("L") if image.mode == "1" else image).astype(np.uint16)


def match_by_stem(images: Sequence[Path], labels: Sequence[Path]) -> list[Pair]:
    """Each label file with its image: the same stem, or the stem with a number behind (`a.jpg`: `a_0.png`, `a_1.png`).

    Images without labels are left out.

    Raises:
        DatasetError: label files without an image.
    """
    by_stem = {file.stem: file for file in images}
    pairs, orphans = [], []
    for label in labels:
        image = by_stem.get(label.stem) or by_stem.get(re.sub(r"_\d+$", "", label.stem))
        if image is None:
            orphans.append(label)
        else:
            pairs.append((image, label))
    if orphans:
        raise DatasetError(f"{len(orphans)} label files have no image: {listed(orphans)}")
    return pairs


def match_clips(folders: Sequence[tuple[Path, Path]]) -> tuple[list[Pair], list[list[int]]]:
    """Pairs of all clips in a row, and the indices of each; a clip is a folder of images and one of label files.

    Frames without labels are left out.
    """
    pairs: list[Pair] = []
    clips = []
    for images, labels in folders:
        frames = match_by_stem(image_files(images), image_files(labels))
        clips.append(list(range(len(pairs), len(pairs) + len(frames))))
        pairs.extend(frames)
    return pairs, clips


def image_files(path: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[Path]:
    """The image files of a folder, sorted by name.

    Raises:
        DatasetError: the folder is missing or holds none.
    """
    files = sorted(file for file in existing(path).iterdir() if file.suffix.lower() in suffixes)
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
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise DatasetError(f"{len(missing)} files are missing: {listed(missing)}")


def listed(paths: Sequence[Path]) -> str:
    """The first few paths and how many more there are."""
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(str, paths[:SHOWN])) + more
