"""First-frame samples: where the target ends up, and what is in them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samn_tracker.memory.augmentation import (
    MOVED,
    first_frame_samples,
    is_cut_evenly,
    middle_side,
    moved_features,
    sample_centres,
    shifted_patch,
    varied_patches,
    wide_patch,
    with_middle,
)
from samn_tracker.shapes.geometry import Window

TARGET = (160.0, 120.0)


def image_with_dot(radius: int) -> NDArray[np.uint8]:
    image = np.zeros((240, 320, 3), dtype=np.uint8)
    cv2.circle(image, (int(TARGET[0]), int(TARGET[1])), radius, (255, 255, 255), -1)
    return image


def natural_image() -> NDArray[np.uint8]:
    noise = np.random.default_rng(3).uniform(0, 255, (240, 320, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def mean_colours(patches: NDArray[np.uint8]) -> torch.Tensor:
    """Features that see one cell only."""
    return torch.nn.functional.avg_pool2d(torch.from_numpy(patches).permute(0, 3, 1, 2).double(), 16)


@pytest.mark.parametrize("side", [90.0, 128.0, 300.0])
def test_a_dot_ends_at_the_stated_centre_of_every_sample(side: float) -> None:
    # An odd disc around pixel (160, 120) has its centre at (160.5, 120.5) in continuous coordinates.
    window = Window((TARGET[0] + 0.5, TARGET[1] + 0.5), side, 128)
    patches, centres = first_frame_samples(image_with_dot(5), window)
    assert patches.shape == (27, 128, 128, 3)
    assert patches.dtype == np.uint8
    assert centres.shape == (27, 2)
    rows, columns = np.mgrid[:128, :128] + 0.5
    for patch, centre in zip(patches[..., 0].astype(float), centres, strict=True):
        found = np.array([(patch * columns).sum(), (patch * rows).sum()]) / patch.sum()
        np.testing.assert_allclose(found, centre, atol=0.5)


def test_order_and_shifts() -> None:
    _, centres = first_frame_samples(image_with_dot(3), Window(TARGET, 100.0, 128))
    quarter, three_quarters = 16, 48  # of half the patch
    np.testing.assert_array_equal(centres[0], [64, 64])
    np.testing.assert_array_equal(np.sort(np.abs(centres[1:9] - 64), axis=0)[:4], quarter)
    np.testing.assert_array_equal(np.sort(np.abs(centres[1:9] - 64), axis=0)[4:], three_quarters)
    assert len(np.unique(centres[1:9], axis=0)) == 8
    np.testing.assert_array_equal(centres[9:], 64)
    np.testing.assert_array_equal(centres, sample_centres(128))


def test_first_sample_is_the_patch_and_the_tenth_its_mirror_image() -> None:
    image, window = natural_image(), Window((160.3, 119.8), 111.0, 128)
    patches, _ = first_frame_samples(image, window)
    assert np.abs(patches[0].astype(int) - window.crop(image)).max() <= 1
    np.testing.assert_array_equal(patches[9], patches[0][:, ::-1])


def test_shifts_blurs_and_rotations_show_image_content_up_to_the_border() -> None:
    image = natural_image()
    patches, centres = first_frame_samples(image, Window(TARGET, 64.0, 128))
    for patch, centre in zip(patches[1:9], centres[1:9], strict=True):
        moved = Window((TARGET[0] - (centre[0] - 64) / 2, TARGET[1] - (centre[1] - 64) / 2), 64.0, 128)
        assert np.abs(patch.astype(int) - moved.crop(image)).max() <= 1
    variation = [cv2.Laplacian(patch, cv2.CV_32F).std() for patch in patches]
    assert max(variation[10:15]) < variation[0]
    corners = patches[15:, [0, 0, -1, -1], [0, -1, 0, -1]].astype(int)
    assert (corners.max(axis=(1, 2)) - corners.min(axis=(1, 2)) > 5).all()


def test_rotations_turn_both_ways_by_the_stated_angles() -> None:
    image = np.zeros((240, 320, 3), dtype=np.uint8)
    cv2.circle(image, (190, 120), 3, (255, 255, 255), -1)
    patches, _ = first_frame_samples(image, Window((160.5, 120.5), 128.0, 128))
    rows, columns = np.mgrid[:128, :128] + 0.5 - 64
    angles = [
        np.degrees(np.arctan2((patch[..., 0] * rows).sum(), (patch[..., 0] * columns).sum()))
        for patch in patches[15:].astype(float)
    ]
    expected = [5, 10, 20, 30, 45, 60]
    np.testing.assert_allclose(np.sort(np.abs(angles))[::2], expected, atol=0.5)
    np.testing.assert_allclose(np.sort(angles), np.sort(np.r_[expected, np.negative(expected)]), atol=0.5)


def test_window_that_leaves_the_image() -> None:
    patches, centres = first_frame_samples(natural_image(), Window((0.0, 0.0), 500.0, 64))
    assert patches.shape == (27, 64, 64, 3)
    assert ((centres >= 0) & (centres <= 64)).all()


def test_same_input_same_samples() -> None:
    image, window = natural_image(), Window(TARGET, 77.0, 64)
    first, second = first_frame_samples(image, window), first_frame_samples(image, window)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("size", [96, 128, 288])
def test_cut_features_are_those_of_the_encoded_samples(size: int) -> None:
    """With features that see one cell only, here its mean colour, cutting equals encoding."""
    image, window = natural_image(), Window((160.3, 119.8), 111.0, size)
    patches, centres = first_frame_samples(image, window)

    cut = moved_features(mean_colours(shifted_patch(wide_patch(image, window), size)[None]), centres, size // 16)
    torch.testing.assert_close(cut, mean_colours(patches[:MOVED]))
    assert torch.unique(cut.flatten(1), dim=0).shape[0] == MOVED


@pytest.mark.parametrize(("size", "whole"), [(128, True), (288, True), (384, True), (48, False), (100, False)])
def test_only_an_even_number_of_cells_is_cut(size: int, whole: bool) -> None:
    assert is_cut_evenly(size) is whole


@pytest.mark.parametrize(
    ("size", "share", "cells"),
    [(384, 0.5, 12), (256, 0.5, 8), (288, 0.5, 8), (384, 1.0, 24), (96, 0.01, 4), (32, 0.5, 2)],
)
def test_middles_are_whole_cells_of_the_patch(size: int, share: float, cells: int) -> None:
    image, window = natural_image(), Window((160.3, 119.8), 111.0, size)
    patches, _ = first_frame_samples(image, window)
    side = middle_side(size, share)
    assert side == 16 * cells
    start, stop = (size - side) // 2, (size + side) // 2
    middles = varied_patches(wide_patch(image, window), side).astype(int)
    assert np.abs(middles - patches[MOVED:, start:stop, start:stop]).max() <= 2  # turning rounds to parts of a pixel


def test_only_the_middle_of_a_varied_sample_is_its_own() -> None:
    image, window = natural_image(), Window((160.3, 119.8), 111.0, 192)
    whole = mean_colours(first_frame_samples(image, window)[0])
    features = with_middle(whole[:1], mean_colours(varied_patches(wide_patch(image, window), middle_side(192, 0.5))))
    own = torch.zeros(12, 12, dtype=torch.bool)
    own[4:8, 4:8] = True  # 6 cells were encoded, of which the outermost have seen a border
    torch.testing.assert_close(features[..., own], whole[MOVED:][..., own], atol=0.05, rtol=0)
    assert torch.equal(features[..., ~own], whole[:1, :, ~own].expand(18, -1, -1))
    assert torch.equal(with_middle(whole[:1], whole[MOVED:]), whole[MOVED:])
