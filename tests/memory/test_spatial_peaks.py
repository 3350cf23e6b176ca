"""Upsampling and the choice of a peak, on score maps made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samn_tracker.memory.config import SpatialConfig
from samn_tracker.memory.spatial_peaks import find_peak, upsample
from samn_tracker.memory.spatial_solver import ScoreGrid, gaussian_labels

CONFIG = SpatialConfig()
GRID = ScoreGrid(16, 16, 4)
TARGET = np.array([40.0, 40.0])


def bumps(grid: ScoreGrid, *peaks: tuple[float, float, float], sigma: float = 0.9) -> NDArray[np.float32]:
    """Scores with a Gaussian of some height at each (x, y) in patch pixels."""
    maps = [h * gaussian_labels(grid, torch.tensor([[x / 16, y / 16]]), sigma)[0].numpy() for x, y, h in peaks]
    return np.sum(maps, axis=0).astype(np.float32)


@pytest.mark.parametrize("grid", [ScoreGrid(16, 16, 4), ScoreGrid(15, 12, 4), ScoreGrid(16, 24, 3), ScoreGrid(9, 9, 5)])
def test_upsampling_puts_a_peak_where_it_is(grid: ScoreGrid) -> None:
    x, y = grid.width * 8 + 13.5, grid.height * 8 - 22.5
    fine = upsample(bumps(grid, (x, y, 1.0)), grid)
    assert fine.shape == (grid.height * 16, grid.width * 16)
    assert fine.dtype == np.float32
    assert np.unravel_index(fine.argmax(), fine.shape) == (int(y), int(x))
    rows, columns = np.mgrid[: fine.shape[0], : fine.shape[1]] + 0.5
    expected = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (0.9 * 16) ** 2))
    np.testing.assert_allclose(fine, expected, atol=0.02)


@pytest.mark.parametrize("count", [3, 4])
def test_upsampling_reproduces_the_waves_that_the_grid_can_hold(count: int) -> None:
    grid = ScoreGrid(count - 1, count - 1, 4)
    index, position = np.arange(count), (np.arange(16 * (count - 1)) + 0.5) / 16
    wave = lambda t: 2 + np.cos(2 * np.pi * t / count) - 0.5 * np.sin(2 * np.pi * t / count)  # noqa: E731
    scores = np.tile(wave(index), (count, 1)).astype(np.float32)
    np.testing.assert_allclose(upsample(scores, grid), np.tile(wave(position), (16 * (count - 1), 1)), atol=1e-5)


@pytest.mark.parametrize(("offset", "factor"), [(0.5, 1), (0.0, 2)])
def test_the_highest_wave_counts_twice_where_pixels_are_read_at_their_corners_as_released(
    offset: float, factor: float
) -> None:
    grid = ScoreGrid(3, 3, 4)
    scores = np.tile(np.array([1, -1, 1, -1], dtype=np.float32), (4, 1))
    position = (np.arange(48) + offset) / 16 - grid.first
    expected = np.tile(factor * np.cos(np.pi * position), (48, 1))
    np.testing.assert_allclose(upsample(scores, grid, offset), expected, atol=1e-5)


@pytest.mark.parametrize(("peak", "window"), [("plain", np.hanning(513)[1::2]), ("windowed", np.hanning(259)[1:-2])])
def test_the_window_is_0_at_the_border_or_as_released_a_pixel_further(
    peak: Literal["plain", "windowed"], window: NDArray[np.float64]
) -> None:
    config = replace(CONFIG, peak=peak)
    grid = ScoreGrid(16, 16, 4, closed=peak == "plain")
    found = find_peak(np.ones(grid.shape, np.float32), grid, TARGET, config)
    np.testing.assert_allclose(found.scores, np.outer(window, window), atol=1e-5)
    unknown = find_peak(np.ones(grid.shape, np.float32), grid, TARGET, config, windowed=False)
    np.testing.assert_allclose(unknown.scores, 1, atol=1e-5)


def test_as_released_the_peak_is_the_highest_corner_of_a_pixel_and_the_window_pulls_it_to_the_middle() -> None:
    grid = ScoreGrid(16, 16, 4, closed=False)
    config = replace(CONFIG, peak="windowed")
    assert find_peak(bumps(grid, (128, 128, 1.0)), grid, TARGET, config).centre_crop.tolist() == [128, 128]
    x, y = find_peak(bumps(grid, (70, 128, 1.0)), grid, TARGET, config).centre_crop
    assert 71 < x < 80 and y == 128


def test_a_lone_peak() -> None:
    peak = find_peak(bumps(GRID, (140.5, 120.5, 0.8)), GRID, TARGET, CONFIG)
    np.testing.assert_array_equal(peak.centre_crop, [140.5, 120.5])
    assert peak.height == pytest.approx(0.8, abs=0.05)
    assert peak.height == peak.scores.max()
    assert not peak.hard_negative


@pytest.mark.parametrize("x", [40.5, 70.5, 200.5])
def test_the_window_does_not_pull_the_peak_to_the_middle(x: float) -> None:
    peak = find_peak(bumps(GRID, (x, 130.5, 1.0)), GRID, TARGET, CONFIG)
    np.testing.assert_allclose(peak.centre_crop, [x, 130.5], atol=0.5)
    row, column = np.unravel_index(peak.scores.argmax(), peak.scores.shape)
    assert abs(column + 0.5 - 128) < abs(x - 128) - 1
    assert peak.height == peak.scores[row, column] < 0.95


@pytest.mark.parametrize(("height", "expected"), [(0.6, True), (0.2, False)])
def test_a_second_peak_is_a_hard_negative_from_three_tenths_of_the_first(height: float, expected: bool) -> None:
    scores = bumps(GRID, (128.5, 128.5, 1.0), (178.5, 128.5, height))  # the window leaves 67% of the second
    peak = find_peak(scores, GRID, TARGET, CONFIG)
    assert peak.hard_negative is expected
    np.testing.assert_allclose(peak.centre_crop, [128.5, 128.5], atol=2)


def test_a_second_peak_is_a_hard_negative_beside_a_low_first_one_too() -> None:
    scores = bumps(GRID, (128.5, 128.5, 0.5), (178.5, 128.5, 0.3))
    assert find_peak(scores, GRID, TARGET, CONFIG).hard_negative


# The neighbourhood of a target of 40 reaches 44 pixels to each side, that of one of 80 reaches 88.
@pytest.mark.parametrize(("side", "expected"), [(40.0, True), (80.0, False)])
@pytest.mark.parametrize(("x", "y"), [(60, 0), (-60, 0), (0, 60), (0, -60)])
def test_the_neighbourhood_reaches_as_far_on_every_side(x: float, y: float, side: float, expected: bool) -> None:
    scores = bumps(GRID, (128.5, 128.5, 1.0), (128.5 + x, 128.5 + y, 0.8))
    assert find_peak(scores, GRID, np.full(2, side), CONFIG).hard_negative is expected


def test_a_second_peak_in_the_neighbourhood_of_a_larger_target_is_the_target() -> None:
    scores = bumps(GRID, (128.5, 128.5, 1.0), (178.5, 128.5, 0.6))
    assert not find_peak(scores, GRID, np.array([80.0, 35.0]), CONFIG).hard_negative  # 2.2 * 80 / 2 = 88 to each side
    assert find_peak(scores, GRID, np.array([35.0, 80.0]), CONFIG).hard_negative


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_without_a_positive_score_the_target_stays_in_the_middle(value: float) -> None:
    peak = find_peak(np.full(GRID.shape, value, dtype=np.float32), GRID, TARGET, CONFIG)
    np.testing.assert_array_equal(peak.centre_crop, [128, 128])
    assert not peak.height > 0
    assert not peak.hard_negative


@pytest.mark.parametrize("size", [(0.0, 0.0), (1.0, 1.0), (2000.0, 3.0), (5000.0, 5000.0)])
def test_any_target_size_gives_an_answer(size: tuple[float, float]) -> None:
    peak = find_peak(bumps(GRID, (10.5, 250.5, 1.0)), GRID, np.array(size), CONFIG)
    assert np.isfinite(peak.centre_crop).all()
    assert peak.height > 0
