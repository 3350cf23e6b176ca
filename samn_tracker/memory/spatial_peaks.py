"""From the filter's scores to a position: upsampling, window, peaks, signs of a distractor (section 3.3; ATOM)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from samn_tracker.memory.config import STRIDE, SpatialConfig
from samn_tracker.memory.spatial_solver import ScoreGrid

HARD_NEGATIVE = 0.3
"""Height of a second peak, relative to the first, from which it is a hard negative."""
NEIGHBOURHOOD = 2.2
"""A second peak lies outside a box of this many target sizes around the first."""


@dataclass(frozen=True, eq=False)
class Peak:
    """Where the scores place the target.

    Attributes:
        centre_crop: (2,) float64 x, y in patch pixels; the patch centre where no score is positive.
        height: the highest score of the peak, times the window; the label's is 1.
        hard_negative: something else in the patch, well off the target, scores almost as high.
        scores: (16 h, 16 w) float32, the score at the centre of each patch pixel, times the window if there is one.
    """

    centre_crop: NDArray[np.float64]
    height: float
    hard_negative: bool
    scores: NDArray[np.float32]


def find_peak(
    scores: NDArray[np.float32],
    grid: ScoreGrid,
    target_size_crop: NDArray[np.float64],
    config: SpatialConfig,
    windowed: bool = True,
) -> Peak:
    """The target among the (H, W) `scores` of a patch.

    The highest windowed score wins; without window, all places of the patch count alike. A second peak outside the
    neighbourhood of the first, at more than `HARD_NEGATIVE` of its height, is a hard negative. The window chooses the
    peak, but does not pull its centre to the middle: that is the highest score without window within a cell; with
    `config.peak` "windowed" it does, as in the released code, which reads the scores at the corners of patch pixels.
    """
    offset = 0.5 if config.peak == "plain" else 0.0
    plain = upsample(scores, grid, offset)
    down, across = (_hann(cells * STRIDE, offset) for cells in (grid.height, grid.width))
    fine = plain * down[:, None] * across if windowed else plain
    middle = np.array([grid.width, grid.height]) * STRIDE / 2
    first, height = _maximum(fine, offset)
    if not height > 0:
        return Peak(middle, height, False, fine)
    rest = _without_neighbourhood(fine, first, NEIGHBOURHOOD * target_size_crop)
    rival = float(rest.max()) > HARD_NEGATIVE * height
    centre = _maximum_around(plain, first) if config.peak == "plain" else first
    return Peak(centre, height, rival, fine)


def upsample(scores: NDArray[np.float32], grid: ScoreGrid, offset: float = 0.5) -> NDArray[np.float32]:
    """The (H, W) scores `offset` into every patch pixel, its centre, (16 h, 16 w), by trigonometric interpolation.

    The products are torch's: numpy's have threads of their own, which keep spinning for milliseconds after each
    call and take the cores from torch's.
    """
    rows, columns = (
        torch.from_numpy(_interpolation(cells, count, grid.first, offset))
        for cells, count in zip((grid.height, grid.width), grid.shape, strict=True)
    )
    return (rows @ torch.from_numpy(scores) @ columns.T).numpy()


@lru_cache(maxsize=8)
def _interpolation(cells: int, count: int, first: float, offset: float) -> NDArray[np.float32]:
    """(16 cells, count) matrix: the periodic band-limited function through `count` samples, read `offset` into pixels.

    At the corners of pixels, where the released code reads, its highest frequency counts twice, as it does there.
    """
    position = (np.arange(cells * STRIDE) + offset) / STRIDE - first
    distance = position[:, None] - np.arange(count)
    frequency = np.arange(count // 2 + 1)
    once = (frequency == 0) | ((2 * frequency == count) & (offset > 0))
    weight = np.where(once, 1.0, 2.0) / count
    waves = np.cos(2 * np.pi / count * distance[..., None] * frequency)
    return (waves @ weight).astype(np.float32)


@lru_cache(maxsize=8)
def _hann(length: int, offset: float) -> NDArray[np.float32]:
    """(length,) raised cosine, read `offset` into pixels: 1 in the middle, 0 at the border or, released, a pixel on."""
    beyond = 0 if offset > 0 else 1
    return np.square(np.sin(np.pi * (np.arange(length) + offset + beyond) / (length + 2 * beyond))).astype(np.float32)


def _maximum(scores: NDArray[np.float32], offset: float = 0.5) -> tuple[NDArray[np.float64], float]:
    """Where the highest pixel (the first in reading order) was read, x and y, and its score."""
    row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return np.array([column, row]) + offset, float(scores[row, column])


def _maximum_around(scores: NDArray[np.float32], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre x, y of the highest pixel within one cell of `centre`."""
    box = _box(centre, np.full(2, 2.0 * STRIDE))
    found, _ = _maximum(scores[box])
    return found + np.array([box[1].start, box[0].start])


def _without_neighbourhood(
    scores: NDArray[np.float32], centre: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.float32]:
    """A copy with 0 in the box of `size` (w, h) around `centre` (x, y)."""
    result = scores.copy()
    result[_box(centre, size)] = 0
    return result


def _box(centre: NDArray[np.float64], size: NDArray[np.float64]) -> tuple[slice, slice]:
    """Rows and columns of the box of `size` (w, h) around `centre` (x, y)."""
    left, top = np.maximum(np.floor(centre - size / 2), 0).astype(int)
    right, bottom = np.ceil(centre + size / 2).astype(int)
    return slice(top, bottom), slice(left, right)
