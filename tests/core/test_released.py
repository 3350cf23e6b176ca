"""The rules of the released loop, by hand, and the windows and memories that go with it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.core.config import VARIANTS
from samn_tracker.core.released import Contour, fitted_size, has_jumped, main_contour, measured_side, next_scale
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig
from samn_tracker.shapes.released_windows import ThinnedWindow, whole_window

CONFIG = VARIANTS["published"].segmentation


def rectangle(width: float, height: float) -> Contour:
    return Contour(width * height, np.zeros(2), np.array([width, height]), np.array([width, height]))


def test_the_largest_contour_counts_and_its_area_is_that_between_pixel_centres() -> None:
    probability = np.zeros((64, 64), np.float32)
    probability[10:31, 20:51] = 0.6  # 21 x 31 pixels: 20 x 30 between their centres
    probability[50:60, 5:15] = 0.9
    contour = main_contour(probability, 0.5, 50)
    assert contour is not None
    assert contour.area == 600
    np.testing.assert_allclose(contour.centre, [35, 20])
    np.testing.assert_allclose(sorted(contour.sides), [20, 30])
    small = main_contour(probability, 0.7, 50)
    assert small is not None
    assert small.area == 81
    assert main_contour(probability, 0.7, 81) is None
    assert main_contour(probability, 0.95, 0) is None


def test_the_size_is_that_of_the_rotated_rectangle_a_pixel_larger() -> None:
    """A square of 20 patch pixels turned by 45 degrees; its bounds are 28.28 wide, of 2 image pixels each."""
    turned = Contour(400, np.zeros(2), np.array([20.0, 20.0]), np.full(2, 20 * math.sqrt(2)))
    assert measured_side(turned, 2.0) == pytest.approx(41)
    assert measured_side(rectangle(10, 40), 1.0) == pytest.approx(math.sqrt(11 * 41))


@pytest.mark.parametrize(("area", "jumped"), [(1, False), (199, False), (200, True), (900, True)])
def test_only_growth_is_a_jump(area: float, jumped: bool) -> None:
    assert has_jumped(area, [50, 100, 150], CONFIG) is jumped


@pytest.mark.parametrize(
    ("side", "step", "factor"),
    [(99, 0.05, 1.0), (103, 0.05, 1.04), (119, 0.1, 1.1), (59, 0.05, 0.95), (174.5, 0.1, 1.0)],
)
def test_the_size_follows_in_steps_and_not_at_all_beyond_the_limit(side: float, step: float, factor: float) -> None:
    got = next_scale(rectangle(side, side), 1.0, np.full(2, 100.0), step)
    assert got == pytest.approx(factor)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((50, 20), (50, 20)), ((300, 100), (200, 200 / 3)), ((20, 5), (40, 10)), ((90, 180), (50, 100))],
)
def test_a_target_fits_into_the_image_and_is_ten_pixels_at_least(
    size: tuple[float, float], fitted: tuple[float, float]
) -> None:
    np.testing.assert_allclose(fitted_size(np.array(size, dtype=float), (100, 200)), fitted)


def test_a_whole_window_has_whole_corners_and_is_black_outside() -> None:
    window = whole_window(np.array([10.3, 5.2]), 7.4, 8)
    assert window.side == 8
    assert window.origin.tolist() == [6, 1]
    image = np.full((20, 20, 3), 200, np.uint8)
    image[1, 6] = (1, 2, 3)
    assert window.crop(image)[0, 0].tolist() == [1, 2, 3]
    beyond = whole_window(np.array([0.0, 10.0]), 8, 8).crop(image)
    assert (beyond[:, :4] == 0).all()
    assert (beyond[:, 4:] == 200).all()
    assert not whole_window(np.array([-90.0, 10.0]), 8, 8).crop(image).any()


def test_a_thinned_window_takes_every_other_pixel() -> None:
    image = np.tile(np.arange(40, dtype=np.uint8)[None, :, None], (40, 1, 3))
    patch = ThinnedWindow((20.0, 20.0), 16.8, 8).crop(image)  # scale 2.1: every 2nd pixel, 8 of them
    assert patch[0, :, 0].tolist() == [14, 16, 18, 20, 22, 24, 26, 28]
    np.testing.assert_array_equal(ThinnedWindow((4.0, 4.0), 8.0, 8).crop(image)[0, :, 0], np.arange(1, 9))


def features(frame: int) -> torch.Tensor:
    return torch.full((1, 2, 4, 4), float(frame))


def test_the_released_bank_drops_the_first_frame_and_holds_any_number() -> None:
    config = VARIANTS["published"].appearance
    bank = AppearanceBank(replace(config, interval=1), DynamicConfig(weighting="none"), "dot")
    bank.start(features(0), features(0))
    assert bank.read(features(1)).unique().tolist() == [0.0]
    for frame in range(1, 41):
        bank.memorise(features(frame), features(frame), frame)
    assert sorted(bank.frame_indices) == list(range(41))
    assert bank.read(torch.zeros(1, 2, 4, 4)).mean().item() == pytest.approx(20.5)  # of 1 to 40, not of 0


def test_the_paper_keeps_the_first_frame() -> None:
    bank = AppearanceBank(AppearanceConfig(interval=1), DynamicConfig(weighting="none"), "dot")
    bank.start(features(0), features(0))
    bank.memorise(features(2), features(2), 2)
    assert bank.read(torch.zeros(1, 2, 4, 4)).mean().item() == pytest.approx(1)


def test_the_presets_differ_in_what_the_paper_says_otherwise() -> None:
    published, paper = VARIANTS["published"], VARIANTS["paper"]
    assert replace(published, appearance=paper.appearance, dynamic=paper.dynamic) == paper
    assert (paper.appearance.keep_first, paper.appearance.sample_filtering, paper.dynamic.weighting) == (
        True,
        True,
        "emd",
    )
    assert published.model.aggregate_single
