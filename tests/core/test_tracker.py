"""The tracker's contract on generated images: state isolation, bad input, switches, growth. Weights are random here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.core import multi_tracker
from samn_tracker.core.config import SAMN_LITE, FirstLookConfig, TrackerConfig
from samn_tracker.core.multi_tracker import MultiTracker, object_confidences, objects_window
from samn_tracker.core.state import BoxHabit
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import ConfigError, ImageError, RegionError, TrackerStateError
from samn_tracker.memory.config import DynamicConfig
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.network import Network
from samn_tracker.prediction import Prediction, TrackerProtocol
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.devices import resolve_device
from samn_tracker.runtime.engine import Engine

SMALL = replace(
    SAMN_LITE.with_patch_size(96),
    first_look=FirstLookConfig(enabled=False),  # the first frame of a random network knows nothing
    spatial=replace(SAMN_LITE.spatial, patch_size=96),
    segmentation=replace(SAMN_LITE.segmentation, multi_patch_size=128),
    runtime=RuntimeConfig(precision="float32"),
)


def engine_of(config: TrackerConfig) -> Engine:
    torch.manual_seed(5)
    return Engine(Network(config.model), "cpu", config.runtime)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engine_of(SMALL)


def frame(index: int, shape: tuple[int, int] = (90, 120)) -> np.ndarray:
    """A bright textured square that moves 3 pixels a frame over a dark texture."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 80, (*shape, 3), dtype=np.uint8)
    patch = rng.integers(150, 255, (24, 24, 3), dtype=np.uint8)
    image[30:54, 20 + 3 * index : 44 + 3 * index] = patch
    return image


def run(tracker: Tracker, frames: int = 4, target: object = (20, 30, 24, 24)) -> list[Prediction]:
    answers = [tracker.initialize(frame(0), np.asarray(target))]
    return answers + [tracker.track(frame(i)) for i in range(1, frames)]


def same(first: Prediction, second: Prediction) -> bool:
    return (
        np.array_equal(first.box, second.box)
        and np.array_equal(first.polygon, second.polygon)
        and np.array_equal(first.mask, second.mask)
        and first.confidence == second.confidence
        and first.found == second.found
    )


def test_the_tracker_honours_the_contract(engine: Engine) -> None:
    tracker = Tracker(engine, SMALL)
    assert isinstance(tracker, TrackerProtocol)
    for answer in run(tracker):
        assert answer.box.shape == (4,)
        assert answer.polygon.shape == (4, 2)
        assert answer.mask.shape == (90, 120)
        assert answer.mask.dtype == np.uint8
        assert set(np.unique(answer.mask)) <= {0, 1}
        assert 0 <= answer.confidence <= 1
        assert np.isfinite(answer.box).all()


def test_ten_initialisations_give_identical_answers(engine: Engine) -> None:
    tracker = Tracker(engine, SMALL)
    reference = run(tracker)
    for _ in range(9):
        assert all(same(a, b) for a, b in zip(reference, run(tracker), strict=True))


def test_a_second_initialise_leaves_nothing_of_the_first(engine: Engine) -> None:
    used = Tracker(engine, SMALL)
    used.initialize(frame(7), np.array([[60, 10], [90, 20], [80, 50], [55, 40]]))
    used.track(frame(6))
    assert all(same(a, b) for a, b in zip(run(used), run(Tracker(engine, SMALL)), strict=True))


def test_two_trackers_share_an_engine_without_touching_each_other(engine: Engine) -> None:
    first, second = Tracker(engine, SMALL), Tracker(engine, SMALL)
    first.initialize(frame(0), np.array([20, 30, 24, 24]))
    second.initialize(frame(5), np.array([5, 5, 30, 30]))
    interleaved = []
    for index in range(1, 4):
        interleaved.append(first.track(frame(index)))
        second.track(frame(5 + index))
    assert all(same(a, b) for a, b in zip(interleaved, run(Tracker(engine, SMALL))[1:], strict=True))


def test_the_first_answer_is_the_given_target(engine: Engine) -> None:
    tracker = Tracker(engine, SMALL)
    assert tracker.initialize(frame(0), np.array([20, 30, 24, 24])).box.tolist() == [20, 30, 24, 24]
    corners = np.array([[20.0, 30], [44, 30], [44, 54], [20, 54]])
    assert np.array_equal(tracker.initialize(frame(0), corners).polygon, corners)
    mask = np.zeros((90, 120), bool)
    mask[30:54, 20:44] = True
    assert np.array_equal(tracker.initialize(frame(0), mask).mask, mask)


def test_mask_and_box_starts_use_their_own_threshold_and_scale_step(engine: Engine) -> None:
    tracker = Tracker(engine, SMALL)
    tracker.initialize(frame(0), np.array([20, 30, 24, 24]))
    assert (tracker.state.start.threshold, tracker.state.start.scale_step) == (0.5, 0.005)
    mask = np.zeros((90, 120), np.uint8)
    mask[30:54, 20:44] = 255
    tracker.initialize(frame(0), mask)
    assert (tracker.state.start.threshold, tracker.state.start.scale_step) == (0.4, 0.1)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (np.array([10, 10, 0, 5]), "no area"),
        (np.array([500, 500, 10, 10]), "outside"),
        (np.array([10, np.nan, 5, 5]), "finite"),
        (np.zeros((90, 120), np.uint8), "empty"),
        (np.ones((50, 60), np.uint8), "90"),
        (np.array([1, 2, 3]), "shape"),
    ],
)
def test_bad_regions_are_clear_errors(engine: Engine, target: np.ndarray, error: str) -> None:
    with pytest.raises(RegionError, match=error):
        Tracker(engine, SMALL).initialize(frame(0), target)


def test_a_failed_initialise_does_not_leave_the_earlier_target_running(engine: Engine) -> None:
    tracker = Tracker(engine, SMALL)
    tracker.initialize(frame(0), np.array([20, 30, 24, 24]))
    with pytest.raises(RegionError):
        tracker.initialize(frame(0), np.array([10, 10, 0, 5]))
    with pytest.raises(TrackerStateError, match="initialize"):
        tracker.track(frame(1))


def test_track_before_initialise_says_what_to_call(engine: Engine) -> None:
    with pytest.raises(TrackerStateError, match=r"call initialize\(image, target\) first"):
        Tracker(engine, SMALL).track(frame(0))


def test_a_frame_of_another_size_is_named_with_both_sizes(engine: Engine) -> None:
    tracker = Tracker(engine, SMALL)
    tracker.initialize(frame(0), np.array([20, 30, 24, 24]))
    tracker.track(frame(1))
    with pytest.raises(ImageError, match="frame 2 is 64x48, expected 120x90"):
        tracker.track(np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize(
    "convert", [lambda i: i[..., 0], lambda i: np.dstack([i, i[..., :1]]), lambda i: i * np.uint16(257)]
)
def test_grey_alpha_and_16_bit_images_are_converted(engine: Engine, convert: object) -> None:
    tracker = Tracker(engine, SMALL)
    tracker.initialize(convert(frame(0)), np.array([20, 30, 24, 24]))
    assert tracker.track(convert(frame(1))).mask.shape == (90, 120)


@pytest.mark.parametrize("target", [(0, 0, 120, 90), (60, 40, 1, 1), (-10, -10, 20, 20), (110, 80, 30, 30)])
def test_extreme_targets_track_without_failing(engine: Engine, target: tuple[int, ...]) -> None:
    for answer in run(Tracker(engine, SMALL), target=target):
        assert np.isfinite(answer.box).all()


def test_the_memory_does_not_grow_with_the_video(engine: Engine) -> None:
    config = SMALL.with_overrides({"appearance.capacity": 4, "appearance.interval": 1})
    tracker = Tracker(engine, config)
    tracker.initialize(frame(0), np.array([20, 30, 24, 24]))
    before = tracker.state.bank.nbytes
    for index in range(1, 12):
        tracker.track(frame(index % 4))
        assert len(tracker.state.bank) <= 4
    assert tracker.state.bank.nbytes == before


def test_weights_that_are_not_numbers_never_reach_the_answer(engine: Engine) -> None:
    """An engine whose network answers NaN reports the target as lost instead of passing NaN on."""
    broken = engine_of(SMALL)
    torch.nn.init.constant_(broken.backend.network.decoder.predict.bias, float("nan"))
    answers = run(Tracker(broken, SMALL.with_overrides({"spatial.enabled": False})))
    assert [answer.found for answer in answers] == [True, False, False, False]
    assert all(np.isfinite(answer.box).all() for answer in answers)


def test_unknown_devices_are_clear_errors() -> None:
    with pytest.raises(ConfigError, match="none of ours"):
        resolve_device("gpu3")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no CUDA device"):
            resolve_device("cuda")


def labels_of(index: int) -> np.ndarray:
    labels = np.zeros((90, 120), np.uint8)
    labels[30:54, 20 + 3 * index : 44 + 3 * index] = 3
    labels[60:80, 80:110] = 9
    return labels


def test_several_objects_keep_their_ids_and_new_ones_join(engine: Engine) -> None:
    tracker = MultiTracker(engine, SMALL)
    first = labels_of(0)
    first[first == 9] = 0
    assert np.array_equal(tracker.initialize_objects(frame(0), first), first)
    assert tracker.confidences == {3: 1.0}
    assert set(np.unique(tracker.track_objects(frame(1)))) <= {0, 3}
    joined = np.where(labels_of(2) == 9, 9, 0).astype(np.uint8)
    assert (tracker.track_objects(frame(2), joined)[joined > 0] == 9).all()
    assert tracker.state.ids == [3, 9]
    assert tracker.confidences.keys() == {3, 9}
    assert set(np.unique(tracker.track_objects(frame(3)))) <= {0, 3, 9}
    with pytest.raises(RegionError, match=r"\[9\] are tracked already"):
        tracker.track_objects(frame(4), joined)


def test_the_confidence_of_an_object_is_the_mean_probability_of_its_pixels() -> None:
    probability = np.array([[[0.2, 0.1], [0.9, 0.5]], [[0.8, 0.6], [0.1, 0.5]], [[0.0, 0.3], [0.0, 0.0]]], np.float32)
    assert object_confidences(probability) == pytest.approx([0.7, 0.0])


@pytest.mark.parametrize(("bad", "error"), [(np.zeros((90, 120)), "no object"), (np.ones((9, 9)), "label map is")])
def test_bad_label_maps_are_clear_errors(engine: Engine, bad: np.ndarray, error: str) -> None:
    with pytest.raises(RegionError, match=error):
        MultiTracker(engine, SMALL).initialize_objects(frame(0), bad)


def test_the_window_of_several_objects_shows_all_of_them() -> None:
    boxes = np.array([[10.0, 20, 10, 10], [200, 100, 20, 20]])
    window = objects_window(boxes, (240, 320), SMALL)
    corners = np.array([[10.0, 20], [220, 120]])
    assert (window.to_crop(corners) >= 0).all()
    assert (window.to_crop(corners) <= window.size).all()
    assert objects_window(np.array([[0.0, 0, 320, 240]]), (240, 320), SMALL).side == 320


def test_dynamic_and_model_configs_are_frozen() -> None:
    with pytest.raises(AttributeError):
        DynamicConfig().grid = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        ModelConfig().trunk = "resnet18"  # type: ignore[misc]


def test_the_tracker_answers_rotated_boxes_by_the_habit_of_its_start(engine: Engine) -> None:
    """The habit changes the answered polygon alone, not what is tracked."""
    plain, loose = Tracker(engine, SMALL), Tracker(engine, SMALL)
    corners = np.array([[20.0, 30], [44, 30], [44, 54], [20, 54]])
    for tracker, habit in [(plain, BoxHabit()), (loose, BoxHabit(polygon_scale=1.2))]:
        tracker.initialize(frame(0), corners)
        tracker.state.habit = habit
    for index in range(1, 4):
        tight, answer = plain.track(frame(index)), loose.track(frame(index))
        assert answer.found
        centre = tight.polygon.mean(axis=0)
        np.testing.assert_allclose(answer.polygon - centre, 1.2 * (tight.polygon - centre), atol=1e-9)
        assert np.array_equal(answer.mask, tight.mask) and np.array_equal(answer.box, tight.box)


def test_the_memory_of_254_objects_is_told_before_it_is_taken(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They take 4 GB with samn-lite as shipped; here the sentence comes from two bytes on."""
    shipped = MultiTracker(Engine(Network(SAMN_LITE.model), "cpu", SMALL.runtime), SAMN_LITE)
    assert 3e9 < shipped.bytes_needed(254) < 6e9
    assert shipped.bytes_needed(254) == 254 * shipped.bytes_needed(1)
    labels = np.zeros((90, 120), np.uint8)
    labels[30:54, 20:44], labels[60:80, 80:100] = 1, 7
    tracker = MultiTracker(engine, SMALL)
    tracker.initialize_objects(frame(0), labels)
    assert not caplog.records
    monkeypatch.setattr(multi_tracker, "_TOLD_BYTES", 2)
    tracker.initialize_objects(frame(0), labels)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"2 objects take about {tracker.bytes_needed(2) / 1e9:.1f} GB of memory")
