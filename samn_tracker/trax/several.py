"""Several objects over TraX, as VOTS has them: all begin in one image, and every answer is a mask of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError, TrackerStateError
from samn_tracker.runner.objects import Labels, MultiObjectTracker, create_object_tracker, told_confidences
from samn_tracker.shapes import regions
from samn_tracker.trax.convert import from_trax_region, mask_to_trax
from samn_tracker.trax.options import Options

MOST = 254


class SeveralSession:
    """The state between two requests: a tracker of label maps, in which the n-th given object has the id n.

    An object that is not found is an empty mask.
    """

    def __init__(self, options: Options) -> None:
        self._options = self._loaded = options
        self._tracker = _load(options)
        self._count = 0

    def initialize(
        self, image: NDArray[np.uint8], targets: Sequence[Any], properties: Mapping[str, str]
    ) -> list[tuple[Any, float]]:
        """Start on TraX regions; the TraX mask and confidence of each, in their order."""
        options = self._options.updated(properties, prefix="samn_")
        if replace(options, reply=self._loaded.reply) != self._loaded:
            self._tracker, self._loaded = _load(options), options
        self._count = 0
        labels = self._labels(targets, image.shape)
        return self._answer(self._tracker.initialize_objects(image, labels))

    def track(self, image: NDArray[np.uint8], targets: Sequence[Any] = ()) -> list[tuple[Any, float]]:
        """Go to the next frame, in which the `targets` begin; as `initialize`, of all objects so far."""
        if not self._count:
            raise TrackerStateError("a frame came before the first initialize; send initialize with regions first")
        new = self._labels(targets, image.shape) if targets else None
        return self._answer(self._tracker.track_objects(image, new))

    def _labels(self, targets: Sequence[Any], image_shape: tuple[int, ...]) -> Labels:
        """A label map of further objects; where two overlap, the later one has the pixel."""
        first, self._count = self._count + 1, self._count + len(targets)
        if self._count > MOST:
            raise RegionError(f"the client sent {self._count} targets; this server follows at most {MOST}")
        labels = np.zeros(image_shape[:2], dtype=np.uint8)
        for one, target in enumerate(targets, start=first):
            labels[_mask(target, image_shape) > 0] = one
        for one in range(first, self._count + 1):
            if not (labels == one).any():
                raise RegionError(
                    f"target {one} shows no pixel in the image, or others cover it; send its visible part"
                )
        return labels

    def _answer(self, labels: Labels) -> list[tuple[Any, float]]:
        confidences = told_confidences(self._tracker)
        return [
            (mask_to_trax(labels == one), float(confidences.get(one, 1.0) if confidences else 1.0))
            for one in range(1, self._count + 1)
        ]


def _load(options: Options) -> MultiObjectTracker:
    return create_object_tracker(options.tracker, device=options.device, overrides=options.overrides)


def _mask(target: Any, image_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    kind, region = from_trax_region(target, image_shape)
    if kind == "mask" or region.shape == image_shape[:2]:
        return region
    return regions.polygon_to_mask(regions.box_to_polygon(region) if kind == "rectangle" else region, image_shape)
