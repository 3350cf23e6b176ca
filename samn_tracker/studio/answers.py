"""What the studio remembers of an object: its answers, packed, and what the person gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import mask_to_box, rle_decode, rle_encode

Mask = NDArray[np.uint8]
Pairs = tuple[tuple[float, float], ...]

UNSURE = 0.6
"""Confidence below which a frame is worth a look."""
DROP = 0.2
"""Fall of the confidence from one frame to the next from which it is."""
JUMP = 1.6
"""Factor by which the area changes between two frames from which it is."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A `Prediction` that takes little room: the mask as row-major run lengths, zeros first, within its own box.

    Attributes:
        box: x, y, w, h in image pixels.
        polygon: (4, 2) corners of the rotated box as lists, or None.
        bounds: x, y, w, h, whole pixels: the smallest box around the mask; all 0 if it is empty.
        runs: run lengths of the mask inside `bounds`.
        confidence: 0 to 1.
        found: as in `Prediction`.
        given: the person gave the mask, or agreed to it.
    """

    box: tuple[float, ...]
    polygon: list[list[float]] | None
    bounds: tuple[int, ...]
    runs: tuple[int, ...]
    confidence: float
    found: bool
    given: bool = False

    @staticmethod
    def of(prediction: Prediction, given: bool = False) -> Answer:
        """The packed prediction; its mask may be absent, and is empty then."""
        mask = prediction.mask
        bounds, runs = pack(mask) if mask is not None else ((0, 0, 0, 0), ())
        box = tuple(round(float(value), 2) for value in prediction.box)
        polygon = None if prediction.polygon is None else np.round(prediction.polygon, 2).tolist()
        return Answer(box, polygon, bounds, runs, round(float(prediction.confidence), 4), prediction.found, given)

    @staticmethod
    def of_mask(mask: Mask) -> Answer:
        """The answer that a person gave as a mask (H, W), which is not empty."""
        return Answer.of(Prediction(mask_to_box(mask), None, mask), given=True)

    def mask(self, shape: tuple[int, int]) -> Mask:
        """(H, W) of 0 and 1."""
        return unpack(self.bounds, self.runs, shape)

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether box, mask and confidence are such, and the mask lies in an image of `shape` (H, W)."""
        numbers = [*self.bounds, *self.runs]
        if len(self.box) != 4 or len(self.bounds) != 4 or not all(type(one) is int and one >= 0 for one in numbers):
            return False
        x, y, width, height = self.bounds
        corners = np.array([*self.box, self.confidence, *np.ravel(self.polygon or [])], dtype=np.float64)
        whole = sum(self.runs) == width * height and x + width <= shape[1] and y + height <= shape[0]
        return bool(np.isfinite(corners).all()) and whole and (self.polygon is None or len(corners) == 13)

    def prediction(self, shape: tuple[int, int]) -> Prediction:
        """The unpacked prediction, for an image of `shape` (H, W)."""
        polygon = None if self.polygon is None else np.array(self.polygon)
        return Prediction(np.array(self.box), polygon, self.mask(shape), self.confidence, self.found)

    def as_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {**vars(self), "box": list(self.box), "bounds": list(self.bounds), "runs": list(self.runs)}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Answer:
        """What `as_json` made."""
        listed = {key: tuple(record[key]) for key in ("box", "bounds", "runs")}
        return Answer(**{**record, **listed})


@dataclass(frozen=True)
class Prompt:
    """How a person marked an object in one frame; the mask itself is the frame's answer.

    Attributes:
        positive, negative: the clicks, x and y in image pixels.
        base: the mask that the clicks change, packed; None where they say it all.
    """

    positive: Pairs = ()
    negative: Pairs = ()
    base: tuple[tuple[int, ...], tuple[int, ...]] | None = None


@dataclass
class Thing:
    """One object: what the person marked, and the answer of every frame that has one."""

    name: str
    prompts: dict[int, Prompt] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)

    def copy(self) -> Thing:
        """A copy to come back to; what it holds never changes."""
        return Thing(self.name, dict(self.prompts), dict(self.answers))


def worth_a_look(answers: Mapping[int, Answer]) -> list[int]:
    """The frames that a person should look at: lost, unsure, suddenly less sure, or with a mask of another size.

    Frames that the person gave are never among them.
    """
    marked = []
    for index, answer in sorted(answers.items()):
        before = answers.get(index - 1)
        falls = before is not None and before.confidence - answer.confidence > DROP
        jumps = before is not None and before.found and not 1 / JUMP < _pixels(answer) / max(_pixels(before), 1) < JUMP
        if not answer.given and (not answer.found or answer.confidence < UNSURE or falls or jumps):
            marked.append(index)
    return marked


def pack(mask: Mask) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bounds x, y, w, h and the run lengths inside them, of a mask (H, W)."""
    if not mask.any():
        return (0, 0, 0, 0), ()
    x, y, width, height = (int(value) for value in mask_to_box(mask))
    runs = rle_encode(mask[y : y + height, x : x + width])
    return (x, y, width, height), tuple(runs.tolist())


def unpack(bounds: tuple[int, ...], runs: tuple[int, ...], shape: tuple[int, int]) -> Mask:
    """The mask (H, W) that `pack` packed."""
    mask = np.zeros(shape, dtype=np.uint8)
    x, y, width, height = bounds
    if width:
        mask[y : y + height, x : x + width] = rle_decode(runs, (height, width))
    return mask


def _pixels(answer: Answer) -> int:
    return sum(answer.runs[1::2])
