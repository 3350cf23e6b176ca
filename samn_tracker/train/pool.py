"""The pool that samples are drawn from: weighted data sets, and the images and cut-outs picked from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.train.objects import Cutout, cut_out, pick_object
from samn_tracker.train.photometry import draw_look
from samn_tracker.train.sources import LabelledImage, Source

ATTEMPTS = 40


@dataclass(frozen=True)
class WeightedSource:
    """A data set and how often it is used for each purpose, relative to the others; 0 is never."""

    source: Source
    paste: float = 0.0
    still: float = 0.0
    clip: float = 0.0
    background: float = 0.0


class Pool:
    """Draws data sets, images and cut-outs; each purpose has weights of its own."""

    def __init__(self, sources: Sequence[WeightedSource]) -> None:
        self._sources = list(sources)

    def serves(self, purpose: str) -> bool:
        """Whether any data set has a weight for "paste", "still", "clip" or "background"."""
        return any(getattr(one, purpose) > 0 for one in self._sources)

    def choose(self, purpose: str, rng: np.random.Generator) -> WeightedSource:
        """A data set, drawn by its weight for the purpose."""
        weights = np.array([getattr(one, purpose) for one in self._sources], dtype=float)
        return self._sources[int(rng.choice(len(weights), p=weights / weights.sum()))]

    def cutout(self, owner: WeightedSource, pixels: float, rng: np.random.Generator) -> Cutout | None:
        """An object of one data set, cut out at about `pixels` and in a light of its own; None where the image drawn
        has no usable object."""
        item = any_image(owner.source, rng)
        mask = pick_object(item, rng)
        cutout = None if mask is None else cut_out(item.image, mask, 1.3 * pixels)
        return None if cutout is None else recolour(cutout, rng)

    def any_cutout(self, pixels: float, rng: np.random.Generator) -> Cutout:
        """An object of any data set.

        Raises:
            DatasetError: none was found in many tries.
        """
        for _ in range(ATTEMPTS):
            cutout = self.cutout(self.choose("paste", rng), pixels, rng)
            if cutout is not None:
                return cutout
        raise DatasetError(f"no object to paste in {ATTEMPTS} tries; are the masks of the data sets empty or tiny?")


def any_image(source: Source, rng: np.random.Generator) -> LabelledImage:
    """A random labelled image of a data set."""
    return source.read(int(rng.integers(len(source))))


def recolour(cutout: Cutout, rng: np.random.Generator) -> Cutout:
    """The cut-out under another light."""
    colours = draw_look(rng, 0.6)(np.ascontiguousarray(cutout.pixels[..., :3]))
    return replace(cutout, pixels=np.dstack([colours, cutout.pixels[..., 3]]))


def match_resolution(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None, pixels: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, float]:
    """Image and mask shrunk where a patch pixel covers `pixels` > 1.3 of theirs, and by what factor."""
    if pixels <= 1.3:
        return image, mask, 1.0
    height, width = image.shape[:2]
    small = (max(8, round(width / pixels)), max(8, round(height / pixels)))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if mask is not None:
        mask = (cv2.resize(mask * 255, small, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8)
    return image, mask, small[0] / width
