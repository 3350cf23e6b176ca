"""Readers of the data sets' own layouts on disk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.images import read_image
from samn_tracker.train.sources import LabelledImage

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


class FileSource:
    """Pairs of an image file and a label file; decoded on each read.

    `binary` labels are masks (grey above 127 is the object); otherwise values are object ids and `void` is background.
    """

    def __init__(
        self,
        name: str,
        pairs: Sequence[tuple[Path, Path]],
        clips: Sequence[Sequence[int]] = (),
        binary: bool = False,
        void: int | None = None,
    ) -> None:
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
        image, labels = read_image(image_path), read_labels(label_path)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{label_path} is {labels.shape[1]}x{labels.shape[0]}, its image {image_path} is "
                f"{image.shape[1]}x{image.shape[0]}; they must be of one size"
            )
        if self._binary:
            labels = (labels > 127).astype(np.uint16)
        elif self._void is not None:
            labels = np.where(labels == self._void, 0, labels).astype(np.uint16)
        return LabelledImage(image, labels)


def read_labels(path: Path) -> NDArray[np.uint16]:
    """A label file as (H, W) uint16.

    Raises:
        DatasetError: the file is missing, broken or has colours.
    """
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise DatasetError(f"{path} is missing or is not a readable label image; copy it again")
    if labels.ndim == 3:
        labels = labels[..., 0]
    return labels.astype(np.uint16)


def folder(name: str, path: Path, images: str = "img", masks: str = "mask", binary: bool = False) -> FileSource:
    """A plain folder of stills: `path/images/NAME.*` and `path/masks/NAME.png` (or `NAME_0.png`, `NAME_1.png`, ...).

    Raises:
        DatasetError: no pair, or label files without an image; every such file is named.
    """
    by_stem = {file.stem: file for file in image_files(path / images)}
    pairs, orphans = [], []
    for label in image_files(path / masks):
        image = by_stem.get(label.stem) or by_stem.get(re.sub(r"_\d+$", "", label.stem))
        if image is None:
            orphans.append(label)
        else:
            pairs.append((image, label))
    if orphans:
        raise DatasetError(f"label files without an image in {path / images}: {', '.join(map(str, orphans))}")
    return FileSource(name, pairs, binary=binary)


def sequences(name: str, path: Path, images: str = "img", masks: str = "mask", binary: bool = False) -> FileSource:
    """A folder of clips: `path/SEQUENCE/images/*` and `path/SEQUENCE/masks/*.png`, matched by name, in order of name."""
    pairs: list[tuple[Path, Path]] = []
    clips: list[list[int]] = []
    for sequence in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        labels = {file.stem: file for file in image_files(sequence / masks)}
        frames = [(image, labels[image.stem]) for image in image_files(sequence / images) if image.stem in labels]
        clips.append(list(range(len(pairs), len(pairs) + len(frames))))
        pairs.extend(frames)
    return FileSource(name, pairs, clips, binary=binary)


def image_files(path: Path) -> list[Path]:
    """The image files of a folder, sorted by name.

    Raises:
        DatasetError: the folder is missing or holds no image.
    """
    if not path.is_dir():
        raise DatasetError(f"no folder {path}; check the data root in the configuration")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise DatasetError(f"{path} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return files
