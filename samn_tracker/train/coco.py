"""COCO instances through pycocotools (the `train` extra)."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, EnvironmentProblemError
from samn_tracker.train.readers import existing, load_image, require
from samn_tracker.train.sources import LabelledImage


class CocoSource:
    """COCO images with at least one object; crowds are left out, and smaller objects lie over larger ones.

    Raises:
        DatasetError: the annotation file or an image is missing or broken.
        EnvironmentProblemError: pycocotools is not installed.
    """

    clips: Sequence[Sequence[int]] = ()

    def __init__(self, name: str, images: Path, annotations: Path) -> None:
        try:
            from pycocotools.coco import COCO
        except ImportError:
            raise EnvironmentProblemError(
                'COCO needs pycocotools: pip install "samn-tracker[train]", or pip install pycocotools'
            ) from None
        self.name = name
        try:
            with contextlib.redirect_stdout(sys.stderr):
                self._coco = COCO(str(existing(annotations)))
        except (json.JSONDecodeError, KeyError, AssertionError) as error:
            raise DatasetError(f"{annotations} is not a COCO annotation file: {error!r}") from None
        ids = sorted({one["image_id"] for one in self._coco.dataset.get("annotations", []) if not one["iscrowd"]})
        self._images = [(number, images / self._coco.imgs[number]["file_name"]) for number in ids]
        if not ids:
            raise DatasetError(f"data set '{name}' is empty: {annotations} holds no object")
        require([path for _, path in self._images])

    def __len__(self) -> int:
        return len(self._images)

    def read(self, index: int) -> LabelledImage:
        """The labelled image at `index`.

        Raises:
            DatasetError: the image is broken, or its size is not the annotated one.
        """
        number, path = self._images[index]
        image, labels = load_image(path), self._labels(number)
        if labels.shape != image.shape[:2]:
            raise DatasetError(
                f"{path} is {image.shape[1]}x{image.shape[0]}, annotated as {labels.shape[1]}x{labels.shape[0]}"
            )
        return LabelledImage(image, labels)

    def _labels(self, number: int) -> NDArray[np.uint16]:
        info = self._coco.imgs[number]
        labels = np.zeros((info["height"], info["width"]), np.uint16)
        objects = self._coco.loadAnns(self._coco.getAnnIds(imgIds=number, iscrowd=False))
        for label, one in enumerate(sorted(objects, key=lambda one: -one["area"]), start=1):
            labels[self._coco.annToMask(one) > 0] = label
        return labels
