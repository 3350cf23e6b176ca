"""Window: a ramp image has a known value at every point, so that cuts and pastes can be checked by calculation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from samn_tracker.shapes.geometry import Window

SHAPE = (240, 320)
windows = st.builds(
    Window,
    centre=st.tuples(st.floats(-400, 700), st.floats(-400, 700)),
    side=st.floats(1, 1500),
    size=st.integers(8, 96),
)


def ramp(shape: tuple[int, int] = SHAPE) -> NDArray[Any]:
    """Value x/2 + y/4 at every pixel centre."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    return (columns / 2 + rows / 4).astype(np.float32)


def patch_centres(window: Window) -> NDArray[np.float64]:
    """(size, size, 2) centres of the patch's pixels, in image pixels."""
    rows, columns = np.mgrid[: window.size, : window.size] + 0.5
    return window.to_image(np.stack([columns, rows], axis=-1))


def centres_inside(window: Window) -> NDArray[np.bool_]:
    """(H, W) whether the centre of an image's pixel is in the window."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    centres = np.stack([columns, rows], axis=-1)
    return np.asarray(((centres >= window.origin) & (centres < window.origin + window.side)).all(axis=-1))


def test_corners_of_the_window_are_corners_of_the_patch() -> None:
    window = Window((100.0, 60.0), 40.0, 80)
    assert window.scale == 0.5
    assert window.to_crop(np.array([80.0, 40.0])).tolist() == [0, 0]
    assert window.to_crop(np.array([120.0, 80.0])).tolist() == [80, 80]
    assert window.to_image(np.array([40.0, 40.0])).tolist() == [100, 60]


@given(windows, st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)))
def test_to_crop_and_to_image_undo_each_other(window: Window, point: tuple[float, float]) -> None:
    there = window.to_crop(np.array(point))
    np.testing.assert_allclose(window.to_image(there), point, atol=1e-6)


@pytest.mark.parametrize(
    "window",
    [
        Window((160.0, 120.0), 100.0, 100),
        Window((100.0, 100.0), 60.0, 100),
        Window((160.3, 120.7), 150.0, 100),
        Window((160.0, 120.0), 200.0, 64),
        Window((150.5, 100.25), 90.0, 10),
    ],
)
def test_crop_samples_the_image_at_the_patch_pixels_centres(window: Window) -> None:
    """OpenCV before 4.12 reads at 32nds of a pixel: 1/64 off, of pixels that are up to 3 image pixels each."""
    expected = patch_centres(window) @ (0.5, 0.25)
    np.testing.assert_allclose(window.crop(ramp()).astype(float), expected, atol=0.05)


def test_crop_at_scale_one_is_a_slice() -> None:
    image = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Window((100.0, 80.0), 64.0, 64).crop(image), image[48:112, 68:132])


def test_crop_repeats_the_border_outside_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    patch = Window((0.0, 50.0), 40.0, 40).crop(image)
    np.testing.assert_array_equal(patch[:, 20:], image[30:70, :20])
    np.testing.assert_array_equal(patch[:, :20], np.repeat(image[30:70, :1], 20, axis=1))


@given(windows)
def test_any_window_gives_a_patch_and_a_paste(window: Window) -> None:
    patch = window.crop(ramp())
    assert patch.shape == (window.size, window.size)
    assert ramp().min() <= patch.min() and patch.max() <= ramp().max()
    pasted = window.paste(np.ones((window.size, window.size), dtype=np.float32), SHAPE)
    np.testing.assert_array_equal(pasted, centres_inside(window))


def test_a_window_outside_the_image_pastes_nothing() -> None:
    window = Window((-500.0, 50.0), 100.0, 32)
    assert not window.paste(np.ones((32, 32), dtype=np.float32), SHAPE).any()
    np.testing.assert_array_equal(window.crop(np.full(SHAPE, 7, dtype=np.uint8)), 7)


@given(window=windows, seed=st.integers(0, 99), threshold=st.sampled_from([0.0, 0.4, 0.9]))
def test_a_part_of_a_paste_holds_all_values_above_a_threshold(window: Window, seed: int, threshold: float) -> None:
    noise = np.random.default_rng(seed).random((window.size, window.size)).astype(np.float32)
    noise[: window.size // 3] = 0
    whole = window.paste(noise, SHAPE)
    part, (left, top) = window.paste_above(noise, SHAPE, threshold)
    again = np.zeros_like(whole)
    again[top : top + part.shape[0], left : left + part.shape[1]] = part
    missed = (whole > threshold + 0.05) & ~(again > threshold)  # places are rounded to 1/32 of a patch pixel
    assert not missed.any()


def test_a_part_of_a_paste_is_small_where_little_is_above_the_threshold() -> None:
    spot = np.zeros((64, 64), np.float32)
    spot[20:24, 30:40] = 1
    part, (left, top) = Window((150.0, 110.0), 64.0, 64).paste_above(spot, SHAPE, 0.5)
    assert part.shape[0] < 10 and part.shape[1] < 16 and part.sum() == pytest.approx(40)
    rows, columns = np.nonzero(part > 0.5)
    assert (rows.min() + top, columns.min() + left) == (98, 148)  # the window begins at column 118 and row 78


def test_nothing_above_the_threshold_is_a_part_without_pixels() -> None:
    part, _ = Window((150.0, 110.0), 64.0, 64).paste_above(np.full((64, 64), 0.3, np.float32), SHAPE, 0.5)
    assert part.size == 0


def test_paste_brings_each_value_back_to_its_place() -> None:
    window = Window((150.5, 110.25), 120.0, 240)
    pasted = window.paste(window.crop(ramp()).astype(np.float32), SHAPE)
    inside = centres_inside(window)
    np.testing.assert_allclose(pasted[inside], ramp()[inside], atol=0.15)


def test_a_mask_comes_back_from_its_patch() -> None:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[100:140, 140:190] = 1
    window = Window((165.0, 120.0), 80.0, 96)
    coverage = window.crop_mask(mask)
    assert coverage.dtype == np.float32
    assert (coverage.min(), coverage.max()) == (0, 1)
    assert coverage.sum() * window.scale**2 == pytest.approx(mask.sum(), rel=0.01)
    np.testing.assert_array_equal(window.paste(coverage, SHAPE) > 0.5, mask)


def test_shrinking_an_8k_image_averages_instead_of_skipping() -> None:
    image = np.zeros((4320, 7680), dtype=np.uint8)
    image[::2, ::2] = 200
    image[1::2, 1::2] = 200
    patch = Window((3840.0, 2160.0), 4000.0, 64).crop(image)
    assert patch.shape == (64, 64)
    np.testing.assert_allclose(patch, 100, atol=2)


def test_a_window_larger_than_an_8k_image() -> None:
    image = np.full((4320, 7680), 50, dtype=np.uint8)
    np.testing.assert_array_equal(Window((3840.0, 2160.0), 40000.0, 64).crop(image), 50)


def test_a_map_is_taken_over_from_an_earlier_window() -> None:
    earlier, window = Window((50.0, 40.0), 40.0, 80), Window((58.0, 40.0), 40.0, 80)  # 8 image pixels: 16 of the patch
    before = np.zeros((80, 80), np.float32)
    before[30:50, 40:60] = 1
    after = window.take_over(before, earlier)
    assert after[30:50, 24:44].min() == 1 and after.sum() == pytest.approx(before.sum())
    wider = Window((50.0, 40.0), 80.0, 80).take_over(before, earlier)
    assert wider.sum() == pytest.approx(before.sum() / 4, rel=0.05)
    assert Window((500.0, 40.0), 40.0, 80).take_over(before, earlier).sum() == 0
