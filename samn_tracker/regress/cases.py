"""What is run again: short generated sequences, and the development sequences where they are present."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.images import read_image
from samn_tracker.shapes.regions import mask_to_box
from samn_tracker.synthetic import SyntheticSequence, make_sequence

Mask = NDArray[np.uint8]
DEVELOPMENT_PREFIX = "development-"
_DEVELOPMENT_MASK_STEP = 10
# kind, start, every how many frames of the sequence
_GENERATED = (
    ("moving", "mask", 1),
    ("deforming", "box", 1),
    ("scaling", "polygon", 1),
    ("distractors", "mask", 1),
    ("full_occlusion", "box", 2),
    ("out_of_view", "mask", 2),
)
_LENGTH = 25
_SEED = 8


@dataclass(frozen=True, eq=False)
class Case:
    """A sequence with its truth.

    Attributes:
        name: unique; the cache's file is named after it.
        length: number of frames.
        image: (H, W, 3) uint8 RGB of a frame.
        first: box, polygon or mask that starts the tracker.
        boxes: (N, 4) x, y, w, h around the visible target; NaN where it is absent or not annotated.
        absent: (N,) whether the target is known to be out of sight.
        mask: (H, W) truth of a frame; None without mask truth.
        polygons: (N, 4, 2) rotated boxes of the whole target; None without.
        mask_step: every how many frames the tracker's mask is kept in the cache.
    """

    name: str
    length: int
    image: Callable[[int], NDArray[np.uint8]]
    first: NDArray[Any]
    boxes: NDArray[np.float64]
    absent: NDArray[np.bool_]
    mask: Callable[[int], Mask] | None = field(default=None, repr=False)
    polygons: NDArray[np.float64] | None = None
    mask_step: int = 1

    def shortened(self, count: int) -> Case:
        """The first `count` frames alone."""
        return replace(
            self,
            length=min(self.length, count),
            boxes=self.boxes[:count],
            absent=self.absent[:count],
            polygons=None if self.polygons is None else self.polygons[:count],
        )


def generated_cases() -> list[Case]:
    """Six short sequences; the textures are procedural, so that nothing but NumPy and OpenCV decides the pictures."""
    return [_generated(*one) for one in _GENERATED]


def _generated(kind: str, start: str, step: int) -> Case:
    sequence = make_sequence(kind, _SEED, _LENGTH * step, textures="procedural")
    indices = range(0, sequence.length, step)
    masks = [sequence.mask(index) for index in indices]
    polygons = np.array([sequence.polygon(index) for index in indices])
    first = {"mask": masks[0], "box": mask_to_box(masks[0]), "polygon": polygons[0]}[start]
    return Case(
        name=f"{kind}-{start}",
        length=_LENGTH,
        image=partial(_frame, sequence, step),
        first=first,
        boxes=np.array([_box_or_nan(mask) for mask in masks]),
        absent=np.array([not mask.any() for mask in masks]),
        mask=masks.__getitem__,
        polygons=polygons,
    )


def _frame(sequence: SyntheticSequence, step: int, index: int) -> NDArray[np.uint8]:
    return sequence.frame(index * step)


def development_cases(root: Path) -> list[Case]:
    """Every development sequence below `root`, as `samn_tracker.bench.accuracy` reads them.

    Raises:
        DatasetError: the folder holds none.
    """
    from samn_tracker.bench.development import first_target, read_sequences

    cases = []
    for one in read_sequences(root):
        truth = None if one.masks is None else partial(_read_mask, one.masks)
        absent: NDArray[np.bool_] = np.zeros(len(one.frames), dtype=np.bool_)
        if truth is not None:
            absent |= np.isnan(one.boxes).any(axis=1)
        cases.append(
            Case(
                name=f"{DEVELOPMENT_PREFIX}{one.name}",
                length=len(one.frames),
                image=partial(_read_frame, one.frames),
                first=first_target(one),
                boxes=one.boxes,
                absent=absent,
                mask=truth,
                mask_step=_DEVELOPMENT_MASK_STEP,
            )
        )
    return cases


def _read_frame(paths: list[Path], index: int) -> NDArray[np.uint8]:
    return read_image(paths[index])


def _read_mask(paths: list[Path], index: int) -> Mask:
    return (read_image(paths[index])[..., 0] > 127).astype(np.uint8)


def _box_or_nan(mask: Mask) -> NDArray[np.float64]:
    return mask_to_box(mask) if mask.any() else np.full(4, np.nan)
