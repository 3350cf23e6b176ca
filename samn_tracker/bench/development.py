"""Development sequences on disk, and the runs that the accuracy protocol makes of each.

The folder holds `davis16/<name>/{img,mask}` (masks are the truth), `vot2018/<name>/color` with polygons in
groundtruth.txt, and `box/<name>/img` with groundtruth_rect.txt. They are for development: never trained on, and what a
tracker reaches on them says nothing of a benchmark.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.runner.box_text import separated
from samn_tracker.runner.frames import image_files, read_frames, visible
from samn_tracker.runner.mask_pairs import pair_by_number, require_every_mask
from samn_tracker.runner.object_map import read_objects
from samn_tracker.runner.truth import read_boxes, read_lines
from samn_tracker.shapes.regions import mask_to_box, polygon_to_box

Direction = Literal["forwards", "backwards", "middle"]
Start = Literal["mask", "box", "jittered"]
DIRECTIONS: tuple[Direction, ...] = ("forwards", "backwards", "middle")
STARTS: tuple[Start, ...] = ("mask", "box", "jittered")
JITTER = 0.1
"""Largest shift of a jittered box, in its own sides, and largest relative change of each side."""
GROUPS = {"davis16": "DAVIS", "vot2018": "VOT", "TLP": "TLP", "UAV": "UAV"}
"""Group of a sequence by its folder, or by what its name begins with; the other box sequences are OTB's."""


@dataclass(frozen=True)
class DevelopmentSequence:
    """Frames and truth of one sequence.

    Attributes:
        group: of the data set it comes from.
        frames: image files in order.
        boxes: (N, 4) x, y, w, h of every frame, nan where there is none; of masks and polygons their upright boxes.
        masks: mask files, one a frame; None where boxes or polygons are the truth.
        polygons: (N, 4, 2) where they are the truth.
    """

    name: str
    group: str
    frames: list[Path]
    boxes: NDArray[np.float64]
    masks: list[Path] | None = None
    polygons: NDArray[np.float64] | None = None

    def in_order(self, order: list[int]) -> DevelopmentSequence:
        """The same target over some of the frames, in another order."""
        return replace(
            self,
            frames=[self.frames[index] for index in order],
            boxes=self.boxes[order],
            masks=None if self.masks is None else [self.masks[index] for index in order],
            polygons=None if self.polygons is None else self.polygons[order],
        )


@dataclass(frozen=True)
class Case:
    """One run of the protocol: a sequence, which way and from which target."""

    sequence: DevelopmentSequence
    direction: Direction
    start: Start

    @property
    def name(self) -> str:
        return f"{self.sequence.name}/{self.direction}/{self.start}"

    def frames(self) -> DevelopmentSequence:
        """The frames in the order in which they are tracked; the first has a truth."""
        count = len(self.sequence.frames)
        order = list(range(count))
        if self.direction == "backwards":
            order.reverse()
        elif self.direction == "middle":
            order = order[count // 2 :]
        known = [bool(np.isfinite(box).all()) for box in self.sequence.boxes]
        while order and not known[order[0]]:
            order.pop(0)
        if len(order) < 2:
            raise DatasetError(f"{self.name} has no frame to score behind its first truth")
        return self.sequence.in_order(order)

    def target(self, frames: DevelopmentSequence) -> NDArray[Any]:
        """What the tracker is given in the first of `frames`: mask (H, W), polygon (4, 2) or box (4,)."""
        if self.start == "jittered":
            return jittered(frames.boxes[0], zlib.crc32(self.name.encode()))
        return frames.boxes[0] if self.start == "box" and frames.masks is not None else first_target(frames)


def cases(
    sequences: list[DevelopmentSequence],
    directions: tuple[Direction, ...] = DIRECTIONS,
    starts: tuple[Start, ...] = STARTS,
) -> list[Case]:
    """Every run of the protocol: sequences without masks have no start from one."""
    return [
        Case(sequence, direction, start)
        for sequence in sequences
        for direction in directions
        for start in starts
        if start != "mask" or sequence.masks is not None
    ]


def first_target(sequence: DevelopmentSequence) -> NDArray[Any]:
    """The truth of the first frame as the sequence has it: mask (H, W), polygon (4, 2) or box (4,)."""
    if sequence.masks is not None:
        return read_mask(sequence.masks[0])
    return sequence.boxes[0] if sequence.polygons is None else sequence.polygons[0]


def jittered(box: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The box (4,) with its middle and its sides off by up to `JITTER` of the sides, as a hand would draw it."""
    draws = np.random.default_rng(seed).uniform(-JITTER, JITTER, 4)
    size = box[2:] * (1 + draws[2:])
    middle = box[:2] + box[2:] / 2 + box[2:] * draws[:2]
    return np.concatenate([middle - size / 2, size])


def read_sequences(root: Path) -> list[DevelopmentSequence]:
    """Every sequence below `root`.

    Raises:
        DatasetError: none is there.
    """
    readers: dict[str, Callable[[Path], DevelopmentSequence]] = {
        "davis16": _read_davis,
        "vot2018": _read_vot,
        "box": _read_boxes,
    }
    found = [
        read(folder)
        for group, read in readers.items()
        if (root / group).is_dir()
        for folder in visible((root / group).iterdir())
    ]
    if not found:
        raise DatasetError(f"{root} has none of the folders {', '.join(readers)}; see the module's help")
    return found


def read_mask(path: Path) -> NDArray[np.uint8]:
    """(H, W) 0/1 of a mask file.

    Raises:
        ImageError: the file is no image, or no mask.
    """
    return read_objects(path, single=True)


def _read_davis(folder: Path) -> DevelopmentSequence:
    frames = read_frames(folder / "img")
    pairs = pair_by_number(frames, image_files(folder / "mask"))
    require_every_mask(frames, pairs, folder / "mask")
    masks = [pairs[index] for index in range(len(frames))]
    boxes = [_box_or_nan(read_mask(path)) for path in masks]
    return DevelopmentSequence(folder.name, "DAVIS", list(frames.paths), np.array(boxes), masks)


def _read_vot(folder: Path) -> DevelopmentSequence:
    path = folder / "groundtruth.txt"
    try:
        rows = np.array([separated(line).split(",") for line in read_lines(path)], dtype=np.float64).reshape(-1, 4, 2)
    except ValueError as error:
        raise DatasetError(f"{path} is not rows of 8 numbers ({error})") from None
    boxes = np.array([polygon_to_box(row) for row in rows])
    frames = read_frames(folder / "color")
    frames.require_one_row_each(len(rows))
    return DevelopmentSequence(folder.name, "VOT", list(frames.paths), boxes, polygons=rows)


def _read_boxes(folder: Path) -> DevelopmentSequence:
    boxes = read_boxes(folder / "groundtruth_rect.txt")
    frames = read_frames(folder / "img")
    frames.require_one_row_each(len(boxes))
    group = next((group for start, group in GROUPS.items() if folder.name.startswith(start)), "OTB")
    return DevelopmentSequence(folder.name, group, list(frames.paths), boxes)


def _box_or_nan(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    return mask_to_box(mask) if mask.any() else np.full(4, np.nan)
