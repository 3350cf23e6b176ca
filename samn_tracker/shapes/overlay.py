"""Answers drawn over the picture: mask, outline, box and a word about each object."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import box_to_polygon

Colour = tuple[int, int, int]

COLOURS: tuple[Colour, ...] = (
    (255, 99, 71),
    (64, 156, 255),
    (80, 200, 100),
    (255, 191, 0),
    (200, 110, 255),
    (0, 206, 209),
    (255, 120, 180),
    (170, 200, 60),
)
"""RGB of object 1, 2, ...; bright on dark and on light pictures, and starting over after the last."""

_TINT = 0.4
_SUBPIXEL_BITS = 4
_FARTHEST = 1 << 20  # pixels; what lies beyond has no place in the integers that are drawn with

_RULER = (255, 255, 0)
_RULER_STEPS = (10, 20, 50, 100, 200, 500)
_RULER_LINES = 20
_RULER_TIMES = (1, 2, 5, 10, 20)
_PLATE = 3


def colour_of(number: int) -> Colour:
    """The colour of the object with this id."""
    return COLOURS[(number - 1) % len(COLOURS)]


def draw_answers(image: NDArray[np.uint8], answers: Mapping[int, Prediction], words: bool = True) -> NDArray[np.uint8]:
    """A copy of the image (H, W, 3) RGB with the answer of each object id.

    Masks are tinted and outlined; the rotated box is drawn, or the upright one of trackers without. An object that is
    not found has no tint and a grey box where it may be; where nothing was seen of it that is the last one, and the
    word is "lost". `words` are the confidences and ids.
    """
    canvas = image.copy()
    for number, answer in answers.items():
        if answer.found and answer.mask is not None:
            tint_mask(canvas, answer.mask, colour_of(number))
    for number, answer in answers.items():
        corners = corners_of(answer)
        colour = colour_of(number) if answer.found else (150, 150, 150)
        draw_polygon(canvas, corners, colour)
        if words:
            said = [str(number)] * (len(answers) > 1) + [f"{answer.confidence:.2f}" if answer.is_seen else "lost"]
            draw_text(canvas, " ".join(said), (corners[:, 0].min(), corners[:, 1].min() - 4), colour)
    return canvas


def tint_mask(canvas: NDArray[np.uint8], mask: NDArray[np.uint8], colour: Colour) -> None:
    """Tint and outline the mask (H, W) of 0 and 1 on the canvas (H, W, 3), in place."""
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return
    part = (slice(y, y + height), slice(x, x + width))
    inside = mask[part] > 0
    canvas[part][inside] = ((1 - _TINT) * canvas[part][inside] + _TINT * np.array(colour)).astype(np.uint8)
    outline_mask(canvas, mask, colour, line_width(canvas))


def outline_mask(canvas: NDArray[np.uint8], mask: NDArray[np.uint8], colour: Colour, width: int) -> None:
    """Outline the mask (H, W) of 0 and 1 on the canvas (H, W, 3) with a line of `width` pixels, in place."""
    outline, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outline, -1, colour, width, cv2.LINE_AA)


def draw_polygon(
    canvas: NDArray[np.uint8], corners: NDArray[np.float64], colour: Colour, width: int | None = None
) -> None:
    """Outline the (n, 2) corners, in continuous pixel coordinates, in place; default width as `line_width` says."""
    near = np.clip(corners, -_FARTHEST, _FARTHEST)
    fixed = np.round((near - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.polylines(canvas, [fixed], True, colour, width or line_width(canvas), cv2.LINE_AA, _SUBPIXEL_BITS)


def corners_of(answer: Prediction) -> NDArray[np.float64]:
    """(4, 2) corners of the rotated box, or of the upright one where there is none."""
    return box_to_polygon(answer.box) if answer.polygon is None else answer.polygon


def draw_text(canvas: NDArray[np.uint8], text: str, place: tuple[float, float], colour: Colour) -> None:
    """Text on a dark plate, its lower left corner at `place` (x, y), moved into the picture; in place."""
    left, top, right, bottom = text_plate(canvas.shape, text, place)
    (_, height), _ = _text_size(canvas.shape, text)
    plate = canvas[top:bottom, left:right]
    plate[:] = plate // 4
    origin = (left + _PLATE, top + _PLATE + height)
    cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, _font_scale(canvas.shape), colour, 1, cv2.LINE_AA)


def text_plate(shape: tuple[int, ...], text: str, place: tuple[float, float]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the plate that `draw_text` draws in a picture of `shape` (H, W)."""
    (width, height), below = _text_size(shape, text)
    x = int(np.clip(place[0], _PLATE, max(_PLATE, shape[1] - width - _PLATE)))
    y = int(np.clip(place[1], height + _PLATE, shape[0] - below - _PLATE))
    return x - _PLATE, y - height - _PLATE, x + width + _PLATE, y + below + _PLATE


def draw_ruler(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of the image (H, W, 3) RGB with lines at round pixel coordinates and their numbers, to read a box from."""
    canvas = image.copy()
    step = _ruler_step(canvas.shape)
    lines = np.zeros(canvas.shape[:2], dtype=bool)
    lines[:, ::step] = lines[::step] = True
    canvas[lines] = canvas[lines] // 2 + np.array(_RULER, dtype=np.uint8) // 2
    for text, place in ruler_labels(canvas.shape):
        draw_text(canvas, text, place, _RULER)
    return canvas


def ruler_labels(shape: tuple[int, ...]) -> list[tuple[str, tuple[float, float]]]:
    """The numbers of `draw_ruler` and their places, so many that none lies on another: not every line may have one."""
    height, width = shape[:2]
    step = _ruler_step(shape)
    room_x, room_y = _plate_size(shape, str(max(height, width)))
    across = next(step * times for times in _RULER_TIMES if step * times > room_x)
    down = next(step * times for times in _RULER_TIMES if step * times > room_y)
    labels: list[tuple[str, tuple[float, float]]] = [(str(x), (x + 3, 0)) for x in range(0, width - room_x, across)]
    return labels + [(str(y), (0, y - 3)) for y in range(down, height, down) if y >= 2 * room_y + 3]


def _ruler_step(shape: tuple[int, ...]) -> int:
    longest = max(shape[:2])
    return next((one for one in _RULER_STEPS if longest <= _RULER_LINES * one), _RULER_STEPS[-1])


def _plate_size(shape: tuple[int, ...], text: str) -> tuple[int, int]:
    (width, height), below = _text_size(shape, text)
    return width + 2 * _PLATE, height + below + 2 * _PLATE


def _text_size(shape: tuple[int, ...], text: str) -> tuple[tuple[int, int], int]:
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, _font_scale(shape), 1)
    return (width, height), below


def _font_scale(shape: tuple[int, ...]) -> float:
    return max(0.4, min(shape[:2]) / 800)


def line_width(canvas: NDArray[np.uint8]) -> int:
    """Pixels: 1 on small pictures, 2 at 480 lines and more, and so on."""
    return max(1, round(min(canvas.shape[:2]) / 300))
