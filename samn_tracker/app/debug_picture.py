"""One picture that shows a frame from the inside: the frame, the patch, the spatial memory's scores, the memories."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.observe import Observation, Search
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.overlay import colour_of, draw_answers, draw_polygon, draw_text

Picture = NDArray[np.uint8]

PANEL = 384
GAP = 8
_BACKGROUND = 32
_WHITE = (240, 240, 240)
_YELLOW = (255, 220, 60)
_BAR_HEIGHT = 40
_CAPTION = 22
_FAINTEST, _STRONGEST = 0.3, 0.85
"""Share of the heat map's colour where it is 0, and at its top; the picture shows through the rest."""


@dataclass(frozen=True, eq=False)
class Memory:
    """A frame of the memory: its weight, its small patch (T, T, 3), and the attention (h, w) that it got, if known."""

    index: int
    weight: float
    thumbnail: Picture
    attention: NDArray[np.float32] | None


def compose(
    image: Picture,
    answer: Prediction,
    seen: Observation | None,
    window: Window,
    memories: list[Memory],
    point: NDArray[np.float64],
) -> Picture:
    """The whole picture, RGB: frame, patch with probability, scores; below, each memory with its weight as a bar.

    Args:
        image: the frame (H, W, 3).
        seen: in the frame; None for the first one, which has no scores and memories.
        window: of the segmented patch.
        point: (2,) x, y in the image whose attention is drawn.
    """
    search = seen.search if seen else None
    panels = [_frame_panel(image, answer, window, search), _patch_panel(image, window, seen, point)]
    if search is not None:
        panels.append(_score_panel(image, search))
    rows = [_beside(panels)]
    width = rows[0].shape[1]
    if memories:
        per_row = max(1, (width + GAP) // (memories[0].thumbnail.shape[1] + GAP))
        largest = max(memory.weight for memory in memories)
        peak = max((float(m.attention.max()) for m in memories if m.attention is not None), default=1.0)
        tiles = [_memory_tile(memory, largest, peak) for memory in memories]
        rows += [_beside(tiles[i : i + per_row]) for i in range(0, len(tiles), per_row)]
    return _below(rows)


def heat_over(patch: Picture, values: NDArray[np.float32], top: float) -> Picture:
    """The patch with a heat map of `values` (any size), 0 to `top`, laid over it."""
    level = np.clip(values / max(top, 1e-6), 0, 1).astype(np.float32)
    level = cv2.resize(level, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(np.round(level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    heat = cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)
    share = (_FAINTEST + (_STRONGEST - _FAINTEST) * level)[..., None]
    return np.round(patch * (1 - share) + heat * share).astype(np.uint8)


def _frame_panel(image: Picture, answer: Prediction, window: Window, search: Search | None) -> Picture:
    canvas = draw_answers(image, {1: answer})
    draw_polygon(canvas, _corners(window), _WHITE)
    searched = search.window if search and search.window != window else None
    if searched:
        draw_polygon(canvas, _corners(searched), _YELLOW)
    scale = PANEL / canvas.shape[0]
    panel = np.asarray(cv2.resize(canvas, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    draw_text(panel, "white: patch, yellow: search" if searched else "white: patch", (4, PANEL), _WHITE)
    return panel


def _patch_panel(image: Picture, window: Window, seen: Observation | None, point: NDArray[np.float64]) -> Picture:
    panel = Window(window.centre, window.side, PANEL).crop(image)
    text = "patch of the first frame"
    if seen is not None:
        panel = heat_over(panel, seen.probability, 1.0)
        text = "probability of the target; +: the attending pixel"
    column, row = np.round((window.to_crop(point)) * PANEL / window.size).astype(int).tolist()
    cv2.drawMarker(panel, (column, row), colour_of(2), cv2.MARKER_CROSS, 15, 2)
    draw_text(panel, text, (4, PANEL), _WHITE)
    return panel


def _score_panel(image: Picture, search: Search) -> Picture:
    found = search.localisation
    panel = Window(search.window.centre, search.window.side, PANEL).crop(image)
    panel = heat_over(panel, found.scores, max(1.0, found.peak))
    column, row = np.round(found.centre_crop * PANEL / search.window.size).astype(int).tolist()
    cv2.drawMarker(panel, (column, row), _WHITE, cv2.MARKER_CROSS, 15, 1)
    words = [f"spatial memory: peak {found.peak:.2f}", f"uncertainty {found.uncertainty:.2f}"]
    words += ["trusted" if search.trusted else "not trusted"] + ["rival"] * bool(found.hard_negative)
    words += ["elsewhere"] * search.elsewhere
    draw_text(panel, ", ".join(words), (4, PANEL), _WHITE)
    return panel


def _memory_tile(memory: Memory, largest: float, peak: float) -> Picture:
    """Patch with attention, the frame's number, its weight as a number and as a bar."""
    patch = memory.thumbnail if memory.attention is None else heat_over(memory.thumbnail, memory.attention, peak)
    side = patch.shape[1]
    foot = np.full((_BAR_HEIGHT + _CAPTION, side, 3), _BACKGROUND, dtype=np.uint8)
    height = round(_BAR_HEIGHT * memory.weight / max(largest, 1e-9))
    foot[_BAR_HEIGHT - height : _BAR_HEIGHT, side // 4 : 3 * side // 4] = colour_of(2)
    draw_text(foot, f"{memory.index}: {memory.weight:.3f}", (side / 4, _BAR_HEIGHT + _CAPTION - 6), _WHITE)
    return np.concatenate([patch, foot])


def _corners(window: Window) -> NDArray[np.float64]:
    unit = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    return np.asarray(window.origin + unit * window.side, dtype=np.float64)


def _beside(pictures: list[Picture]) -> Picture:
    height = pictures[0].shape[0]
    gap = np.full((height, GAP, 3), _BACKGROUND, dtype=np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)


def _below(rows: list[Picture]) -> Picture:
    width = max(row.shape[1] for row in rows)
    parts = []
    for row in rows:
        right = ((0, GAP), (0, width - row.shape[1]), (0, 0))
        parts.append(np.pad(row, right, constant_values=_BACKGROUND))
    return np.concatenate(parts)
