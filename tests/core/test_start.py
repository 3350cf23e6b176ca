"""How the user's box or polygon lies around the first mask, and what answers make of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE, SegmentationConfig, TrackerConfig
from samn_tracker.core.start import box_habit, first_frame_features
from samn_tracker.core.state import BoxHabit
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import RegionError
from samn_tracker.memory.augmentation import MOVED, first_frame_samples
from samn_tracker.memory.config import SpatialConfig
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.geometry import Window


def habit_of(target: list[float] | list[list[float]], limit: float = 1.4) -> BoxHabit:
    """Of a first mask that fills x 30..50, y 20..60 of the image, seen through a window of half the scale."""
    first = np.zeros((50, 50), np.float32)
    first[10:30, 15:25] = 1.0
    config = TrackerConfig(segmentation=SegmentationConfig(box_habit_limit=limit))
    return box_habit(np.array(target), first, Window((50.0, 50.0), 100.0, 50), (100, 100), config)


def test_answered_boxes_lie_around_the_mask_as_the_users_box_did() -> None:
    habit = habit_of([28.0, 18, 24, 44])  # 2 pixels looser on every side of the mask's box (30, 20, 20, 40)
    assert habit.scale == pytest.approx((1.2, 1.1))
    assert habit.shift == pytest.approx((0.0, 0.0))
    assert habit.polygon_scale == 1.0
    assert habit.apply(np.array([100.0, 100, 40, 80])).tolist() == pytest.approx([96, 96, 48, 88])


LOOSE_POLYGON = [[28.0, 16], [52, 16], [52, 64], [28, 64]]  # 24 x 48 around the mask's 20 x 40


@pytest.mark.parametrize(
    ("target", "scale"),
    [
        (LOOSE_POLYGON, 1.2),
        ([[30.0, 20], [50, 24], [50, 60], [30, 56]], (720 / 800) ** 0.5),  # a parallelogram, 20 x 36
        ([[-20.0, 16], [52, 16], [52, 38], [-20, 38]], (52 * 22 / 800) ** 0.5),  # left of x = 0 nothing can be seen
        # Corners cut by 2 pixels: a box fitted to that outline, not its own area, is what answers are compared with.
        ([[30, 16], [50, 16], [52, 18], [52, 62], [50, 64], [30, 64], [28, 62], [28, 18]], 1.2),
    ],
)
def test_answered_rotated_boxes_keep_the_size_of_the_users_polygon(target: list[list[float]], scale: float) -> None:
    habit = habit_of(target)
    assert habit == BoxHabit(polygon_scale=pytest.approx(scale))


def test_a_rotated_box_is_scaled_about_its_centre() -> None:
    diamond = np.array([[100.0, 90], [120, 110], [110, 120], [90, 100]])  # centre (105, 105)
    scaled = BoxHabit(polygon_scale=1.2).apply_to_polygon(diamond)
    assert scaled.tolist() == [pytest.approx(corner) for corner in ([99, 87], [123, 111], [111, 123], [87, 99])]


@pytest.mark.parametrize("target", [[20.0, 0, 60, 90], [[20.0, 0], [80, 0], [80, 90], [20, 90]]])
def test_a_box_far_from_its_first_mask_is_not_kept(target: list[float] | list[list[float]]) -> None:
    assert habit_of(target) == BoxHabit()


@pytest.mark.parametrize("target", [[28.0, 18, 24, 44], LOOSE_POLYGON])
def test_a_limit_of_1_answers_tight_boxes(target: list[float] | list[list[float]]) -> None:
    assert habit_of(target, limit=1.0) == BoxHabit()


def test_a_given_mask_has_no_habit() -> None:
    mask, first = np.ones((100, 100), np.uint8), np.ones((50, 50), np.float32)
    assert box_habit(mask, first, Window((50.0, 50.0), 100.0, 50), (100, 100), TrackerConfig()) == BoxHabit()


IMAGE = np.random.default_rng(5).integers(0, 255, (90, 120, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.manual_seed(0)
    return Engine(Network(SAMN_LITE.model), "cpu", RuntimeConfig(precision="float32"))


@pytest.mark.parametrize(
    ("size", "config"), [(128, SpatialConfig(cut_shifts=False, varied_middle=1)), (112, SpatialConfig(varied_middle=1))]
)
def test_without_shortcuts_every_first_sample_is_encoded(engine: Engine, size: int, config: SpatialConfig) -> None:
    window = Window((60.0, 45.0), 50.0, size)
    patches, centres = first_frame_samples(IMAGE, window)
    features, stated = first_frame_features(engine, config, IMAGE, window)
    torch.testing.assert_close(features.dense(), engine.features(patches))
    np.testing.assert_array_equal(stated, centres)


def test_of_varied_samples_only_the_middle_is_encoded_if_asked_for(engine: Engine) -> None:
    window = Window((60.0, 45.0), 50.0, 128)
    shared, centres = first_frame_features(engine, SpatialConfig(varied_middle=1), IMAGE, window)
    of_middles, stated = first_frame_features(engine, SpatialConfig(varied_middle=0.75), IMAGE, window)
    whole, middle = shared.dense(), of_middles.dense()
    np.testing.assert_array_equal(stated, centres)
    assert torch.equal(middle[:MOVED], whole[:MOVED])
    own = torch.zeros(8, 8, dtype=torch.bool)
    own[2:6, 2:6] = True
    assert torch.equal(middle[MOVED:, :, ~own], whole[:1, :, ~own].expand(18, -1, -1))
    similarity = torch.cosine_similarity(middle[MOVED:, :, own].flatten(1), whole[MOVED:, :, own].flatten(1))
    other = torch.cosine_similarity(whole[:1, :, own].flatten(1), whole[MOVED:, :, own].flatten(1))
    assert (similarity > other).all()


def small_tracker() -> Tracker:
    """With random parameters, in patches of 96 pixels."""
    torch.manual_seed(0)
    runtime, spatial = RuntimeConfig(precision="float32"), replace(SAMN_LITE.spatial, patch_size=96)
    config = replace(SAMN_LITE.with_patch_size(96), spatial=spatial, runtime=runtime)
    return Tracker(Engine(Network(config.model), "cpu", config.runtime), config)


@pytest.mark.parametrize("box", [(127.7, 95.7, 50, 50), (120, 90, 300, 300), (-49.7, -49.7, 50, 50)])
def test_a_box_of_which_only_a_corner_is_inside_can_be_followed(box: tuple[float, ...]) -> None:
    tracker = small_tracker()
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    tracker.initialize(image, np.array(box))
    assert np.isfinite(tracker.track(image).box).all()


def test_a_box_of_which_nothing_is_left_in_the_patch_says_so() -> None:
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    with pytest.raises(RegionError, match="the target shows 1 pixels inside the image, too few"):
        small_tracker().initialize(image, np.array([127.0, 95, 1000, 1000]))
