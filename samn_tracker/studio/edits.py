"""From what a person does with the mouse to the mask of an object in one frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import RegionError
from samn_tracker.shapes.points import Points, adjust
from samn_tracker.studio.answers import Answer, Prompt, Thing, pack, unpack

Mask = NDArray[np.uint8]
Edited = tuple[Prompt, Mask]
"""How the object is marked now, and the mask (H, W) that comes of it."""

_SUBPIXEL_BITS = 4


def click(
    tracker: Tracker, image: NDArray[np.uint8], thing: Thing, index: int, point: tuple[float, float], positive: bool
) -> Edited:
    """One more click on frame `index`.

    A click changes the mask that the person marked there. On a mask that was tracked, a positive click beside it says
    that the object is here and not there; any other click changes it.

    Raises:
        RegionError: the point lies outside, nothing stands out there, or the first one is not on the object.
    """
    shape = (image.shape[0], image.shape[1])
    before = thing.prompts.get(index) or _tracked(thing, index)
    points = (*before.positive, point) if positive else before.positive
    prompt = Prompt(points, before.negative if positive else (*before.negative, point), before.base)
    base = None if prompt.base is None else unpack(*prompt.base, shape)
    if base is not None and index not in thing.prompts and positive and not _holds(base, point):
        prompt, base = Prompt(prompt.positive, prompt.negative), None
    if base is None:
        if not prompt.positive:
            raise RegionError("nothing is marked here yet; click on the object first, then beside it")
        return prompt, tracker.propose(image, Points(np.array(prompt.positive), np.array(prompt.negative)))
    clicks = [np.array(one, dtype=np.float64).reshape(-1, 2) for one in (prompt.positive, prompt.negative)]
    return prompt, _not_empty(adjust(image, base, *clicks))


def boxed(tracker: Tracker, image: NDArray[np.uint8], box: Sequence[float]) -> Edited:
    """A box x, y, w, h around the object: what the network segments inside it.

    Raises:
        RegionError: a box without area, or outside.
    """
    mask = tracker.propose(image, np.array(box, dtype=np.float64))
    return Prompt(base=pack(mask)), mask


def painted(
    shape: tuple[int, int], thing: Thing, index: int, stroke: Sequence[Sequence[float]], radius: float, add: bool
) -> Edited:
    """A stroke of the brush, or of the eraser, through points (x, y) of frame `index`.

    Raises:
        RegionError: nothing of the mask is left.
    """
    answer = thing.answers.get(index)
    mask = answer.mask(shape) if answer is not None and answer.found else np.zeros(shape, dtype=np.uint8)
    line = np.round((np.array(stroke, dtype=np.float64) - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.polylines(mask, [line], False, int(add), max(1, round(2 * radius)), cv2.LINE_8, _SUBPIXEL_BITS)
    for x, y in line:
        cv2.circle(mask, (int(x), int(y)), round(radius * (1 << _SUBPIXEL_BITS)), int(add), -1, cv2.LINE_8, 4)
    return Prompt(base=pack(_not_empty(mask))), mask


def _tracked(thing: Thing, index: int) -> Prompt:
    answer: Answer | None = thing.answers.get(index)
    return Prompt(base=(answer.bounds, answer.runs)) if answer is not None and answer.found else Prompt()


def _holds(mask: Mask, point: tuple[float, float]) -> bool:
    x, y = (int(value) for value in point)
    return 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0] and bool(mask[y, x])


def _not_empty(mask: Mask) -> Mask:
    if not mask.any():
        raise RegionError("nothing of the mask would be left; use clear to unmark the object in this frame")
    return mask
