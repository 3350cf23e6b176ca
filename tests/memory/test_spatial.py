"""The spatial memory as a whole, on synthetic feature maps with a target at a known place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from samn_tracker.errors import ConfigError, TrackerStateError, WeightsError
from samn_tracker.memory import spatial
from samn_tracker.memory.config import SpatialConfig
from samn_tracker.memory.shared_features import SharedFeatures
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.memory.spatial_samples import covariance, principal_components, strongest_directions

CELLS, CHANNELS, STRIDE = 16, 24, 16
MIDDLE = np.full(2, CELLS * STRIDE / 2)
SIZE = np.array([57.0, 57.0])
CONFIG = SpatialConfig(projection_channels=8)
START_CENTRES = MIDDLE + np.array([[0, 0], [32, 32], [-32, 32], [32, -32], [-32, -32], [90, 90], [-90, 90], [90, -90]])


def features_of(*targets: tuple[float, float, float], clutter: float = 0.3, seed: int = 5) -> Tensor:
    """(1, C, h, w): a fixed pattern of smooth blobs at each (x, y, strength) in patch pixels, on smooth clutter."""
    random = np.random.default_rng(11)
    offsets, signs = random.uniform(-1.5, 1.5, (CHANNELS, 2)), random.uniform(0.3, 1.0, CHANNELS)
    columns, rows = np.meshgrid(np.arange(CELLS) + 0.5, np.arange(CELLS) + 0.5)
    maps = np.zeros((CHANNELS, CELLS, CELLS))
    for x, y, strength in targets:
        for channel, ((dx, dy), sign) in enumerate(zip(offsets, signs, strict=True)):
            distance = (columns - x / STRIDE - dx) ** 2 + (rows - y / STRIDE - dy) ** 2
            maps[channel] += strength * sign * np.exp(-distance / 2)
    background = np.random.default_rng(seed)
    for _ in range(3):
        phase, direction = (
            background.uniform(0, 6, (CHANNELS, 1, 1)),
            background.uniform(-0.6, 0.6, (2, CHANNELS, 1, 1)),
        )
        maps += clutter / 3 * np.sin(direction[0] * columns + direction[1] * rows + phase)
    return torch.from_numpy(maps).float()[None]


def start_features() -> Tensor:
    return torch.cat([features_of((x, y, 1.0), seed=i) for i, (x, y) in enumerate(START_CENTRES)])


def started(config: SpatialConfig = CONFIG) -> SpatialMemory:
    memory = SpatialMemory(config)
    memory.start(SharedFeatures.of(start_features()), START_CENTRES, SIZE)
    return memory


def next_answer(memory: SpatialMemory, features: Tensor, size: ArrayLike = SIZE) -> Localisation:
    """The answer for the features, as those of the next frame."""
    answer = memory.localise(features, size)
    memory.count_frame()
    return answer


def same(first: Localisation, second: Localisation) -> bool:
    return (
        np.array_equal(first.scores, second.scores)
        and np.array_equal(first.centre_crop, second.centre_crop)
        and (first.peak, first.uncertainty, first.hard_negative)
        == (second.peak, second.uncertainty, second.hard_negative)
    )


@pytest.mark.parametrize("filter_size", [4, 3])
def test_a_known_shift_is_found_to_a_tenth_of_a_cell(filter_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spatial, "FILTER_SIZE", filter_size)
    memory = started()
    random = np.random.default_rng(2)
    errors = []
    for seed in range(20):
        centre = MIDDLE + random.uniform(-70, 70, 2)
        found = memory.localise(features_of((*centre, 1.0), seed=100 + seed), SIZE)
        errors.append(np.abs(found.centre_crop - centre).max() / STRIDE)
        assert found.peak > 0.3
    assert max(errors) < 0.5
    assert np.median(errors) < 0.1


def test_score_of_the_first_frame_is_near_the_label_and_elsewhere_low() -> None:
    found = started().localise(features_of((*MIDDLE, 1.0), seed=0), SIZE)
    assert found.scores.shape == (256, 256)
    assert found.scores.dtype == np.float32
    assert found.peak == pytest.approx(1, abs=0.2)
    away = np.abs(np.mgrid[:256, :256] + 0.5 - 128).max(axis=0) > 60
    assert found.scores[away].max() < 0.3


def test_two_targets_are_a_hard_negative() -> None:
    memory = started()
    assert not memory.localise(features_of((128, 128, 1.0)), SIZE).hard_negative
    both = memory.localise(features_of((128, 128, 1.0), (200, 128, 1.0)), np.array([30.0, 30.0]))
    assert both.hard_negative
    np.testing.assert_allclose(both.centre_crop, MIDDLE, atol=4)


def test_a_lost_target_is_found_at_the_border_of_the_patch() -> None:
    memory = started(replace(CONFIG, warmup_frames=0))
    near_border = features_of((40, 205, 1.0))
    usual = memory.localise(near_border, SIZE)
    lost = memory.localise(near_border, SIZE, lost=True)
    assert usual.uncertainty > 3 > 1.5 > lost.uncertainty > 0
    np.testing.assert_allclose(lost.centre_crop, (40, 205), atol=4)


def test_uncertainty_is_the_mean_of_the_trusted_peaks_over_this_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spatial, "TRUSTED_PEAKS", 2)
    memory = started(replace(CONFIG, warmup_frames=3, update_interval=1000))
    features = features_of((120, 130, 1.0))
    in_warm_up = [next_answer(memory, features) for _ in range(2)]  # frames 2 and 3 of the sequence
    assert [answer.uncertainty for answer in in_warm_up] == [0, 0]
    first = memory.localise(features, SIZE)
    assert first.uncertainty == pytest.approx(1.0 / first.peak)  # nothing trusted yet: the label's height
    memory.memorise(replace(first, peak=0.6), SIZE)
    assert memory.localise(features, SIZE).uncertainty == pytest.approx((1.0 + 0.6) / 2 / first.peak)
    memory.memorise(replace(first, peak=0.2), SIZE)  # two peaks are kept
    assert memory.localise(features, SIZE).uncertainty == pytest.approx((0.6 + 0.2) / 2 / first.peak)


def test_a_second_start_leaves_nothing_of_the_first() -> None:
    reused, fresh = SpatialMemory(CONFIG), started()
    reused.start(SharedFeatures.of(start_features().flip(1)), START_CENTRES[::-1].copy(), SIZE * 0.5)
    for seed in range(15):
        features = features_of((100, 140, 1.0), seed=seed)
        reused.memorise(next_answer(reused, features), SIZE)
    reused.start(SharedFeatures.of(start_features()), START_CENTRES, SIZE)
    for seed in range(15):
        features = features_of((128 + seed, 128, 1.0), seed=seed)
        first, second = next_answer(fresh, features), next_answer(reused, features)
        assert same(first, second)
        fresh.memorise(first, SIZE)
        reused.memorise(second, SIZE)


def test_a_frame_that_is_looked_at_in_many_places_counts_once() -> None:
    memory = started(replace(CONFIG, warmup_frames=2))
    features = features_of((150, 100, 1.0))
    first = memory.localise(features, SIZE)
    memory.localise(features_of((60, 60, 1.0), (190, 190, 1.0)), SIZE)
    assert same(first, memory.localise(features, SIZE))


def scores_after(memory: SpatialMemory, probe: Tensor) -> NDArray[np.float32]:
    return memory.localise(probe, SIZE).scores


def test_the_filter_is_updated_every_interval_and_at_once_for_a_hard_negative() -> None:
    memory = started(replace(CONFIG, update_interval=4))
    probe = features_of((128, 128, 1.0))
    before = scores_after(memory, probe)
    for _ in range(3):  # frames 2, 3 and 4
        answer = next_answer(memory, probe)
        memory.memorise(answer, SIZE)
        assert np.array_equal(scores_after(memory, probe), before)
    answer = next_answer(memory, probe)  # frame 5, four after the first
    memory.memorise(answer, SIZE)
    scheduled = scores_after(memory, probe)
    assert not np.array_equal(scheduled, before)
    memory.memorise(answer, SIZE)
    assert np.array_equal(scores_after(memory, probe), scheduled)
    memory.memorise(replace(answer, hard_negative=True), SIZE)
    assert not np.array_equal(scores_after(memory, probe), scheduled)


def test_a_hard_negative_counts_more_than_another_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    features, probe = features_of((128, 128, 1.0), (200, 128, 0.8)), features_of((128, 128, 1.0))
    scores = []
    for rate in (spatial.LEARNING_RATE, spatial.HARD_NEGATIVE_RATE):
        monkeypatch.setattr(spatial, "HARD_NEGATIVE_RATE", rate)
        memory = started()
        memory.memorise(replace(memory.localise(features, SIZE), hard_negative=True), SIZE)
        scores.append(scores_after(memory, probe))
    assert not np.array_equal(*scores)


def test_learning_a_distractor_lowers_it() -> None:
    memory = started()
    size = np.array([30.0, 30.0])
    features = features_of((128, 128, 1.0), (200, 128, 0.8))
    distractor = np.s_[108:148, 180:220]
    before = memory.localise(features, size)
    assert before.hard_negative
    for _ in range(20):
        memory.memorise(replace(memory.localise(features, size), hard_negative=True), SIZE)
    after = memory.localise(features, size)
    assert after.scores[distractor].max() / after.peak < 0.9 * before.scores[distractor].max() / before.peak
    np.testing.assert_allclose(after.centre_crop, MIDDLE, atol=8)


def test_a_better_known_centre_is_what_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    features = features_of((128, 128, 1.0))
    moved = MIDDLE + np.array([16.0, 0.0])
    monkeypatch.setattr(spatial, "LEARNING_RATE", 0.3)
    memory = started(replace(CONFIG, update_interval=1))
    for _ in range(30):
        memory.memorise(next_answer(memory, features), SIZE, centre_crop=moved)
    assert memory.localise(features, SIZE).centre_crop[0] > MIDDLE[0] + 6


@pytest.mark.parametrize("fill", [0.0, 1.0, -3.0, 1e-30, 1e18])
def test_constant_features_give_no_nan(fill: float) -> None:
    memory = SpatialMemory(CONFIG)
    constant = torch.full((8, CHANNELS, CELLS, CELLS), fill)
    memory.start(SharedFeatures.of(constant), START_CENTRES, SIZE)
    for _ in range(12):
        found = next_answer(memory, constant[:1])
        memory.memorise(found, SIZE)
        assert np.isfinite(found.scores).all()
        assert np.isfinite(found.centre_crop).all()
        assert np.isfinite(found.peak)
        assert found.uncertainty >= 0


@pytest.mark.parametrize("size", [(1.0, 1.0), (256.0, 1.0), (256.0, 256.0), (3000.0, 2000.0)])
def test_tiny_and_huge_targets_give_no_nan(size: tuple[float, float]) -> None:
    memory = SpatialMemory(CONFIG)
    memory.start(SharedFeatures.of(start_features()), START_CENTRES, size)
    for seed in range(12):
        features = features_of((128, 128, 1.0), seed=seed)
        found = next_answer(memory, features, size)
        memory.memorise(found, size)
        assert np.isfinite(found.scores).all()
        assert found.peak > 0


def test_a_tiny_target_between_the_scores_is_still_found() -> None:
    memory = SpatialMemory(CONFIG)
    centres = START_CENTRES + STRIDE / 2
    memory.start(SharedFeatures.of(torch.cat([features_of((x, y, 1.0)) for x, y in centres])), centres, (1.0, 1.0))
    found = memory.localise(features_of((150, 110, 1.0)), (1.0, 1.0))
    np.testing.assert_allclose(found.centre_crop, [150, 110], atol=4)
    assert found.peak > 0.2


def test_nothing_found_is_infinitely_uncertain_even_in_the_warm_up() -> None:
    found = started().localise(torch.zeros(1, CHANNELS, CELLS, CELLS), SIZE)
    assert found.uncertainty == float("inf")
    np.testing.assert_array_equal(found.centre_crop, MIDDLE)


def test_half_precision_features_are_taken() -> None:
    memory, reference = SpatialMemory(CONFIG), started()
    memory.start(SharedFeatures.of(start_features().bfloat16()), START_CENTRES, SIZE)
    features = features_of((140, 120, 1.0))
    found, expected = memory.localise(features.bfloat16(), SIZE), reference.localise(features, SIZE)
    np.testing.assert_allclose(found.scores, expected.scores, atol=0.05)


def test_the_scale_of_the_features_does_not_matter() -> None:
    memory, reference = SpatialMemory(CONFIG), started()
    memory.start(SharedFeatures.of(1000 * start_features()), START_CENTRES, SIZE)
    features = features_of((140, 120, 1.0))
    found, expected = memory.localise(0.01 * features, SIZE), reference.localise(features, SIZE)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-2)


def test_projection_is_orthonormal_and_holds_the_variance() -> None:
    random = torch.Generator().manual_seed(1)
    hidden = torch.randn(4, 2, 100, generator=random)
    mixing = torch.linalg.qr(torch.randn(6, 2, generator=random))[0]
    samples = mixing @ hidden + 5  # a mean that must not count as variance
    projection = principal_components(covariance(samples), 2)
    torch.testing.assert_close(projection @ projection.T, torch.eye(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(projection.T @ projection, mixing @ mixing.T, atol=1e-4, rtol=0)
    assert principal_components(covariance(samples), 64).shape == (6, 6)


def test_no_autograd_at_run_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("autograd was used")

    monkeypatch.setattr(torch.autograd, "grad", forbidden)
    monkeypatch.setattr(torch.Tensor, "backward", forbidden)
    memory = SpatialMemory(replace(CONFIG, update_interval=1))
    features = start_features().requires_grad_()
    memory.start(SharedFeatures.of(features), START_CENTRES, SIZE)
    for _ in range(2):  # numpy() would refuse scores that still carry a graph
        memory.memorise(next_answer(memory, features[:1]), SIZE)


@pytest.mark.gpu
def test_the_gpu_gives_the_answers_of_the_cpu() -> None:
    memory, reference = SpatialMemory(CONFIG), started()
    memory.start(SharedFeatures.of(start_features().cuda()), START_CENTRES, SIZE)
    for seed in range(15):
        features = features_of((128 + 2 * seed, 128, 1.0), seed=seed)
        found, expected = next_answer(memory, features.cuda()), next_answer(reference, features)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-2)
        np.testing.assert_allclose(found.centre_crop, expected.centre_crop, atol=2)
        memory.memorise(found, SIZE)
        reference.memorise(expected, SIZE)


def test_use_before_start_and_features_of_another_shape_are_refused() -> None:
    features = features_of((128, 128, 1.0))
    with pytest.raises(TrackerStateError, match="call start first"):
        SpatialMemory(CONFIG).localise(features, SIZE)
    memory = started()
    with pytest.raises(TrackerStateError, match=r"\(24, 16, 16\).*\(1, 24, 16, 15\)"):
        memory.localise(features[..., :15], SIZE)
    with pytest.raises(TrackerStateError, match=r"\(1, 12, 16, 16\)"):
        memory.localise(features[:, :12], SIZE)
    with pytest.raises(TrackerStateError, match="call start first"):
        SpatialMemory(CONFIG).memorise(memory.localise(features, SIZE), SIZE)


def test_features_that_are_not_finite_are_refused() -> None:
    features = start_features()
    features[3, 2, 1, 0] = torch.nan
    with pytest.raises(WeightsError, match="not finite"):
        SpatialMemory(CONFIG).start(SharedFeatures.of(features), START_CENTRES, SIZE)


def test_a_capacity_below_the_first_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match="set at least 9"):
        started(replace(CONFIG, capacity=8))


def test_the_strongest_directions_are_orthonormal_and_hold_samples_of_low_rank_whole() -> None:
    generator = torch.Generator().manual_seed(5)
    mixture = torch.randn(20, 6, generator=generator)
    samples = mixture @ torch.randn(4, 6, 30, generator=generator)
    cells, sharing = SharedFeatures.of(samples[..., None]).normalised()
    directions = strongest_directions(cells, sharing, 6)
    assert directions is not None
    torch.testing.assert_close(directions @ directions.T, torch.eye(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(directions.T @ (directions @ samples), samples, atol=1e-4, rtol=1e-4)
    assert strongest_directions(cells, sharing, 0) is None
    assert strongest_directions(cells, sharing, 20) is None
