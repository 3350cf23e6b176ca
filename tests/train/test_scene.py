"""Geometry of scenes: what is drawn where."""

from __future__ import annotations

import numpy as np
import pytest

from samn_tracker.train import scene
from samn_tracker.train.objects import Cutout, cut_out, pick_object, usable_labels
from samn_tracker.train.sources import LabelledImage


def square(side: int = 20) -> Cutout:
    pixels = np.zeros((side + 20, side + 20, 4), np.uint8)
    pixels[10:-10, 10:-10] = (200, 100, 50, 255)
    middle = (side + 20) / 2
    return Cutout(pixels, float(side), np.array([middle, middle]))


def draw(layers: list[scene.Layer], frame: int = 0, side: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    view = scene.View(np.zeros(2), side, 80)
    ground = np.full((80, 80, 3), 10, np.uint8)
    empty = np.zeros((80, 80), np.float32)
    return scene.compose(ground, empty, layers, frame, view, 0.3, np.random.default_rng(0))[:2]


def test_a_target_of_unit_size_fills_its_share_of_the_view() -> None:
    picture, mask = draw([scene.Layer(square(), [np.eye(3)], is_target=True)])
    expected = np.zeros((80, 80), np.uint8)
    expected[30:50, 30:50] = 1
    np.testing.assert_array_equal(mask, expected)
    assert picture[40, 40].tolist() == [200, 100, 50]
    assert picture[5, 5].tolist() == [10, 10, 10]


def test_a_pose_moves_and_scales_in_units_of_the_target() -> None:
    pose = scene.shift_by(np.array([1.0, -0.5])) @ scene.similarity(0.5)
    _, mask = draw([scene.Layer(square(), [pose], is_target=True)])
    expected = np.zeros((80, 80), np.uint8)
    expected[25:35, 55:65] = 1
    np.testing.assert_array_equal(mask, expected)


def test_a_layer_above_hides_the_target_and_one_below_does_not() -> None:
    target = scene.Layer(square(), [np.eye(3)], is_target=True)
    half = scene.Layer(square(), [scene.shift_by(np.array([0.5, 0.0]))])
    assert draw([target, half])[1].sum() == 200
    assert draw([half, target])[1].sum() == 400


def test_a_hidden_layer_is_not_drawn() -> None:
    target = scene.Layer(square(), [np.eye(3)] * 2, is_target=True, hidden=(1,))
    assert draw([target], frame=0)[1].any()
    picture, mask = draw([target], frame=1)
    assert not mask.any()
    assert (picture == 10).all()


def test_motion_starts_where_it_is_told_and_is_smooth() -> None:
    poses = scene.draw_poses(np.random.default_rng(3), np.array([1.0, 2.0]), 0.7, 0.1, 20, upright=True)
    places = np.array([scene.position(pose) for pose in poses])
    np.testing.assert_allclose(places[0], [1, 2])
    steps = np.diff(places, axis=0)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.2
    assert scene.scale_of(poses[0]) == pytest.approx(0.7, rel=0.35)


def test_a_cutout_loses_the_outermost_pixel_of_its_mask() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 10:40] = 1
    cutout = cut_out(np.full((60, 60, 3), 9, np.uint8), mask, size=100)
    assert cutout is not None
    assert (cutout.pixels[..., 3] == 255).sum() == 18 * 28
    assert cutout.size == pytest.approx(np.sqrt(18 * 28))


def test_a_large_cutout_is_shrunk() -> None:
    mask = np.zeros((300, 300), np.uint8)
    mask[50:250, 50:250] = 1
    cutout = cut_out(np.zeros((300, 300, 3), np.uint8), mask, size=50)
    assert cutout is not None
    assert cutout.size == pytest.approx(50, rel=0.05)


def test_unusable_objects_are_left_out() -> None:
    labels = np.zeros((100, 100), np.uint16)
    labels[:80] = 1
    labels[85:87, :10] = 2
    labels[90:, :40] = 3
    assert usable_labels(labels).tolist() == [3]
    crowd = np.kron(np.arange(1, 26).reshape(5, 5), np.ones((20, 20))).astype(np.uint16)
    assert pick_object(LabelledImage(np.zeros((100, 100, 3), np.uint8), crowd), np.random.default_rng(0)) is None
