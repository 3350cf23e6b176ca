"""The sequences themselves: what a user asks for, and the pictures, masks, polygons and tags that come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ConfigError
from samn_tracker.files import write_atomic
from samn_tracker.synthetic.casts import KINDS, cast_multi_object, cast_single_object
from samn_tracker.synthetic.scene import Scene
from samn_tracker.synthetic.sprites import Sprite
from samn_tracker.synthetic.textures import TextureSource

TAGS = ("camera_motion", "illum_change", "motion_change", "occlusion", "size_change")
_MINIMUM_SIDE = 96


@dataclass(frozen=True, eq=False)
class _Sequence:
    """Frames of a scene, drawn when they are asked for; any frame, in any order."""

    name: str
    length: int
    scene: Scene = field(repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """(W, H) of the frames."""
        return self.scene.size

    @property
    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order."""
        return (self.frame(index) for index in range(self.length))

    def frame(self, index: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB; IndexError outside 0..length-1, as of every method with an index."""
        return self.scene.render(self._checked(index))

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.length:
            raise IndexError(f"{self.name} has frames 0 to {self.length - 1}, not {index}")
        return index


@dataclass(frozen=True, eq=False)
class SyntheticSequence(_Sequence):
    """One target. `polygon` and `box` are of the whole target, hidden parts and parts outside the frame included."""

    kind: str
    target: int
    """Index of the target among the scene's sprites."""

    def mask(self, index: int) -> NDArray[np.uint8]:
        """(H, W) uint8, 1 where the target is seen."""
        return (self.scene.labels(self._checked(index)) == self.target + 1).astype(np.uint8)

    def polygon(self, index: int) -> NDArray[np.float64]:
        """(4, 2) corners of the rectangle that turns with the target, in frame pixels."""
        return self._sprite.rectangle(self._checked(index)) - self.scene.offset(index)

    def box(self, index: int) -> NDArray[np.float64]:
        """(4,) axis-aligned x, y, w, h around the target's outline, in frame pixels."""
        outline = self._sprite.outline(self._checked(index)) - self.scene.offset(index)
        low, high = outline.min(axis=0), outline.max(axis=0)
        return np.concatenate([low, high - low])

    def visibility(self, index: int) -> float:
        """Share of the target that is seen: 0 behind something or outside the frame, 1 in full view."""
        return min(1.0, int(self.mask(index).sum()) / self._sprite.area(index))

    def tags(self, index: int) -> frozenset[str]:
        """The VOT attributes (of `TAGS`) that hold in a frame."""
        previous = max(index - 1, 0)
        box, box_before = self.box(index), self.box(previous)
        step = np.linalg.norm((box[:2] + box[2:] / 2) - (box_before[:2] + box_before[2:] / 2))
        growth = self._sprite.area(index) / self._sprite.area(previous)
        light = self.scene.light.gain
        holds = {
            "camera_motion": self.scene.offset(index) != self.scene.offset(previous),
            "illum_change": abs(light.at(index) - light.mean) > 0.1,
            "motion_change": step > 0.05 * np.linalg.norm(box[2:]),
            "occlusion": self.visibility(index) < 0.95,
            "size_change": abs(np.log(growth)) > 0.03,
        }
        return frozenset(tag for tag in TAGS if holds[tag])

    @property
    def _sprite(self) -> Sprite:
        return self.scene.sprites[self.target]


@dataclass(frozen=True, eq=False)
class MultiObjectSequence(_Sequence):
    """Several targets that hide one another; the higher the number, the nearer."""

    @property
    def objects(self) -> int:
        """How many targets there are."""
        return len(self.scene.sprites)

    def labels(self, index: int) -> NDArray[np.uint8]:
        """(H, W) uint8: 0 for background, 1 to `objects` for the target seen there."""
        return self.scene.labels(self._checked(index))


def make_sequence(
    kind: str,
    seed: int,
    length: int,
    size: tuple[int, int] = (320, 240),
    textures: TextureSource = "auto",
) -> SyntheticSequence:
    """A sequence of one `kind` (of `KINDS`); what makes the kind hard happens within the first 60 frames.

    Args:
        kind: what happens to the target.
        seed: of everything that is drawn by lot.
        length: number of frames.
        size: (W, H) of the frames; objects and speeds scale with it.
        textures: "photographs" of scikit-image, "procedural" noise, or "auto": photographs where it is installed.

    Raises:
        ConfigError: lists every impossible argument.
        EnvironmentProblemError: photographs are asked for without scikit-image.
    """
    faults = _faults(length, size)
    if kind not in KINDS:
        faults.insert(0, f"unknown kind '{kind}' (known: {', '.join(KINDS)})")
    if faults:
        raise ConfigError("; ".join(faults))
    scene, target = cast_single_object(kind, seed, size, textures)
    return SyntheticSequence(f"{kind}_{seed}", length, scene, kind, target)


def make_multi_object(
    seed: int,
    length: int,
    size: tuple[int, int] = (320, 240),
    objects: int = 3,
    textures: TextureSource = "auto",
) -> MultiObjectSequence:
    """A sequence of several `objects` (1 to 8) whose ways cross; arguments and errors as of `make_sequence`."""
    faults = _faults(length, size)
    if not 1 <= objects <= 8:
        faults.append(f"{objects} objects; choose 1 to 8")
    if faults:
        raise ConfigError("; ".join(faults))
    return MultiObjectSequence(f"objects_{seed}", length, cast_multi_object(seed, size, objects, textures))


def _faults(length: int, size: tuple[int, int]) -> list[str]:
    faults = []
    if length < 1:
        faults.append(f"length {length}; a sequence needs at least one frame")
    if min(size) < _MINIMUM_SIDE:
        faults.append(f"size {size[0]} x {size[1]}; frames need at least {_MINIMUM_SIDE} pixels on each side")
    return faults


def write_sequence_images(
    sequence: SyntheticSequence | MultiObjectSequence, folder: str | Path, first: int = 1, quality: int = 95
) -> list[Path]:
    """Write the frames as JPEG files 00000001.jpg, ... into `folder`, which is made if needed; the paths in order.

    Args:
        first: number in the name of the first file (VOT and GOT-10k count from 1, DAVIS from 0).
        quality: of the JPEG code, 1 to 100.

    Raises:
        StorageError: a file cannot be written.
    """
    folder = Path(folder)
    paths = [folder / f"{first + index:08d}.jpg" for index in range(sequence.length)]
    for path, frame in zip(paths, sequence.frames, strict=True):
        picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        write_atomic(path, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return paths
