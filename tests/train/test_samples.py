"""Samples: reproducible, well formed, and of the kinds that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from training_pictures import picture

from samn_tracker.errors import DatasetError
from samn_tracker.train.pool import WeightedSource
from samn_tracker.train.sample import Sample, SamplingConfig, finish, plain_sample, start_from_box
from samn_tracker.train.samples import SampleMaker
from samn_tracker.train.sources import LabelledImage

STILLS = SamplingConfig(paste=0, clip=0, still=1, box_start=0, absent=0, occluder=0)


class Memory:
    """A source held in memory."""

    name = "memory"

    def __init__(self, items: Sequence[LabelledImage], clips: Sequence[Sequence[int]] = ()) -> None:
        self.items = items
        self.clips = clips

    def __len__(self) -> int:
        return len(self.items)

    def read(self, index: int) -> LabelledImage:
        return self.items[index]


def stills(count: int = 4) -> Memory:
    return Memory([LabelledImage(image, labels.astype(np.uint16)) for image, labels in map(picture, range(count))])


def clip() -> Memory:
    pictures = [picture(5, x=20 + 4 * frame) for frame in range(20)]
    return Memory([LabelledImage(i, m.astype(np.uint16)) for i, m in pictures], [range(20)])


def maker(config: SamplingConfig) -> SampleMaker:
    return SampleMaker(
        [WeightedSource(stills(), paste=1, still=1, background=1), WeightedSource(clip(), clip=1)], config
    )


def samples(config: SamplingConfig, count: int = 30) -> list[Sample]:
    making = maker(config)
    return [making.make(number, 64) for number in range(count)]


@pytest.mark.parametrize("frames", [3, 5])
@pytest.mark.parametrize("kind", ["paste", "clip", "still"])
def test_each_kind_gives_all_frames_with_the_target(kind: str, frames: int) -> None:
    shares = {"paste": 0.0, "clip": 0.0, "still": 0.0, kind: 1.0, "absent": 0.0}
    config = SamplingConfig(**shares, frames=frames, longest_gap=4)
    for sample in samples(config, 20):
        assert sample.frames.shape == (frames, 64, 64, 3)
        assert sample.frames.dtype == np.uint8
        assert sample.masks.shape == (frames, 64, 64)
        assert set(np.unique(sample.masks)) <= {0, 1}
        assert sample.masks[0].sum() >= 32
        assert sample.first.shape == (64, 64)


class Watched(Memory):
    """A source that notes which images are read."""

    seen: list[int]

    def read(self, index: int) -> LabelledImage:
        self.seen.append(index)
        return super().read(index)


def test_clip_frames_follow_each_other_in_time_or_backwards() -> None:
    config = SamplingConfig(paste=0, clip=1, still=0, occluder=0, frames=5, longest_gap=4, reversed=0.5)
    source = Watched(clip().items, clip().clips)
    drawn = SampleMaker([WeightedSource(source, clip=1)], config)
    directions = set()
    for number in range(20):
        source.seen = []
        drawn.make(number, 64)
        steps = np.diff(source.seen[-5:])
        assert len(set(np.sign(steps))) == 1
        assert np.abs(steps).max() <= 4
        directions.add(np.sign(steps[0]))
    assert directions == {-1, 1}


def test_a_number_always_gives_the_same_sample_and_another_number_another() -> None:
    one, again = maker(SamplingConfig()), maker(SamplingConfig())
    again.make(3, 64)
    first, second = one.make(7, 64), again.make(7, 64)
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.masks, second.masks)
    assert not np.array_equal(first.frames, one.make(8, 64).frames)


def test_the_seed_changes_every_sample() -> None:
    first = maker(SamplingConfig(seed=1)).make(0, 64)
    assert not np.array_equal(first.frames, maker(SamplingConfig(seed=2)).make(0, 64).frames)


def test_the_truth_covers_the_bright_target() -> None:
    for sample in samples(replace(STILLS, jitter=0.1, far_share=0), 10):
        for frame, mask in zip(sample.frames, sample.masks, strict=True):
            brightness = frame.sum(axis=2, dtype=int)
            assert brightness[mask > 0].mean() > brightness[mask == 0].mean()


def test_without_jitter_the_target_stays_in_the_middle() -> None:
    for sample in samples(replace(STILLS, jitter=0, far_share=0, scale_jitter=0), 10):
        for mask in sample.masks:
            ys, xs = np.nonzero(mask)
            assert abs(xs.mean() - 31.5) < 5
            assert abs(ys.mean() - 31.5) < 5


def test_the_search_factor_decides_how_large_the_target_appears() -> None:
    areas = [
        np.mean([s.masks[0].mean() for s in samples(replace(STILLS, search_factor=(factor, factor)), 10)])
        for factor in (2.5, 5.0)
    ]
    assert areas[0] / areas[1] == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize("kind", ["paste", "clip", "still"])
def test_an_absent_target_is_missing_in_the_last_frame_only(kind: str) -> None:
    config = SamplingConfig(**{"paste": 0.0, "clip": 0.0, "still": 0.0, kind: 1.0}, absent=1.0, occluder=0.0)
    for sample in samples(config, 15):
        assert sample.masks[0].any()
        assert not sample.masks[-1].any()


def test_the_share_of_box_starts_is_kept() -> None:
    share = np.mean([sample.box_start for sample in samples(replace(STILLS, box_start=0.5), 200)])
    assert 0.4 < share < 0.6


def test_a_box_start_gives_a_filled_box_around_the_target_and_repeats_the_frame() -> None:
    for sample in samples(replace(STILLS, box_start=1.0), 20):
        assert sample.box_start
        np.testing.assert_array_equal(sample.frames[0], sample.frames[1])
        np.testing.assert_array_equal(sample.masks[0], sample.masks[1])
        inside = (sample.first & sample.masks[0]).sum() / sample.masks[0].sum()
        assert inside > 0.8
        assert sample.first.sum() > sample.masks[0].sum()


def plain(masks: NDArray[np.uint8]) -> Sample:
    """Black frames with these masks, drawn from one window."""
    still = np.repeat(np.eye(3, dtype=np.float32)[None], len(masks), axis=0)
    return plain_sample(np.zeros((*masks.shape, 3), np.uint8), masks, np.zeros_like(masks), still)


def test_a_box_start_uses_upright_and_rotated_boxes() -> None:
    mask = np.zeros((64, 64), np.uint8)
    for offset in range(12):
        mask[10 + 3 * offset : 18 + 3 * offset, 10 + 3 * offset : 18 + 3 * offset] = 1
    sample = plain(np.stack([mask] * 3))
    areas = [start_from_box(sample, np.random.default_rng(seed)).first.sum() for seed in range(20)]
    assert min(areas) < 0.6 * max(areas)


def test_samples_without_a_usable_object_say_so() -> None:
    image, labels = picture(0)
    empty = Memory([LabelledImage(image, np.zeros_like(labels, dtype=np.uint16))])
    with pytest.raises(DatasetError, match="masks of the data sets empty"):
        SampleMaker([WeightedSource(empty, still=1)], STILLS).make(0, 64)


def test_a_kind_without_a_data_set_is_refused() -> None:
    with pytest.raises(DatasetError, match="'clip'"):
        SampleMaker([WeightedSource(stills(), still=1)], replace(STILLS, clip=0.5))
    with pytest.raises(DatasetError, match="'background'"):
        SampleMaker([WeightedSource(stills(), paste=1, still=1)], replace(STILLS, paste=0.5))


def test_most_frames_are_located_near_the_target_and_the_rest_in_the_middle() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[10:20, 40:50] = 1  # centre (45, 15), size 10
    empty = np.zeros_like(mask)
    sample = plain(np.stack([mask, mask, empty]))
    config = SamplingConfig(box_start=0.0, located=0.75, located_noise=0.2)
    finished = [finish(sample, config, np.random.default_rng(seed)) for seed in range(300)]
    points = np.stack([one.located for one in finished])
    centres = np.array([one.masks[0].nonzero()[1].mean() + 0.5 for one in finished])  # 45, or 19 where mirrored
    assert (points[:, 2] == 32).all()
    located = (points[:, 1] != 32).any(axis=1)
    assert 0.65 < located.mean() < 0.85
    error = points[located, 1] - np.stack([centres[located], np.full(located.sum(), 15.0)], axis=1)
    assert np.abs(error.mean(0)).max() < 0.5
    assert 1.6 < error.std() < 2.4


def test_moves_carry_the_target_from_each_frame_to_the_one_before() -> None:
    """Clips and stills move only by their windows and poses, so the moved mask of a still photograph fits."""
    maker = SampleMaker([WeightedSource(stills(), still=1)], replace(STILLS, box_start=0.0, previous_jitter=0.0))
    overlaps = []
    for number in range(12):
        sample = maker.make(number, 96)
        for now in range(1, len(sample.masks)):
            before = cv2.warpPerspective(
                sample.masks[now - 1], sample.moves[now].astype(float), (96, 96), flags=cv2.WARP_INVERSE_MAP
            )
            if before.any() and sample.masks[now].any():
                overlaps.append((before & sample.masks[now]).sum() / (before | sample.masks[now]).sum())
    assert np.mean(overlaps) > 0.3  # it moves from frame to frame, and is where it was but for that


def test_a_mirrored_sample_moves_as_in_a_mirror() -> None:
    shifted = np.repeat(np.eye(3, dtype=np.float32)[None], 3, axis=0)
    shifted[1:, 0, 2] = 5  # each frame's pixels lie 5 to the left of where they were in the one before
    mask = np.zeros((3, 64, 64), np.uint8)
    mask[:, 20:40, 20:30] = 1
    sample = replace(plain(mask), moves=shifted)
    config = SamplingConfig(box_start=0.0, previous_jitter=0.0)
    steps = {finish(sample, config, np.random.default_rng(seed)).moves[1, 0, 2] for seed in range(20)}
    assert steps == {5.0, -5.0}


@pytest.mark.parametrize("box_start", [0.0, 1.0])
def test_wrong_writes_spare_the_first_memory_and_the_last_frame(box_start: float) -> None:
    mask = np.zeros((5, 64, 64), np.uint8)
    mask[:, 20:40, 20:40] = 1
    config = SamplingConfig(box_start=box_start, corrupted=1.0)
    sample = finish(plain(mask), config, np.random.default_rng(0))
    assert sample.corrupted.tolist() == [False, box_start == 0, True, True, False]
    assert (sample.writes.reshape(5, -1).max(axis=1) > 0).tolist() == sample.corrupted.tolist()
