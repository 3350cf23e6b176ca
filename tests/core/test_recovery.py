"""Where a lost target is looked for, and when it is believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE, SAMN_R50, RecoveryConfig, TrackerConfig
from samn_tracker.core.recovery import next_places
from samn_tracker.core.tracker import Tracker
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.synthetic import make_sequence

CONFIG = RecoveryConfig(rings=2, step=0.5, places=1)
CENTRE = np.array([500.0, 400.0])


def places(count: int, shape: tuple[int, int] = (800, 1000), config: RecoveryConfig = CONFIG) -> np.ndarray:
    return np.concatenate([next_places(CENTRE, 100.0, shape, index, config) for index in range(count)])


def test_places_lie_in_growing_rings_half_a_window_apart() -> None:
    steps = (places(24) - CENTRE) / 50
    assert np.array_equal(steps, np.round(steps))
    assert np.array_equal(np.abs(steps).max(axis=1), [1] * 8 + [2] * 16)
    assert len({tuple(step) for step in steps}) == 24


def test_after_the_last_ring_the_first_place_comes_again() -> None:
    visited = places(48)
    assert np.array_equal(visited[:24], visited[24:])


def test_places_outside_of_the_image_are_left_out() -> None:
    visited = places(30, shape=(420, 1000))
    assert (visited[:, 1] < 420).all()
    assert len({tuple(one) for one in visited}) == 14


@pytest.mark.parametrize("each", [5, 24, 100])
def test_several_places_a_frame_come_in_the_same_order_and_none_twice(each: int) -> None:
    config = replace(CONFIG, places=each)
    visited = np.concatenate([places(24), places(24)])
    assert np.array_equal(places(2, config=config), visited[: 2 * min(each, 24)])


@pytest.mark.parametrize("config", [replace(CONFIG, rings=0), replace(CONFIG, step=30.0)])
def test_no_place_but_the_last_one(config: RecoveryConfig) -> None:
    assert next_places(CENTRE, 100.0, (800, 1000), 7, config).shape == (0, 2)


def _small_tracker(recovery: RecoveryConfig) -> Tracker:
    config = replace(
        SAMN_LITE,
        spatial=replace(SAMN_LITE.spatial, patch_size=96),
        segmentation=replace(
            SAMN_LITE.segmentation, patch_size_box_start=96, patch_size_mask_start=96, minimum_pixels=1
        ),
        recovery=recovery,
        runtime=RuntimeConfig(precision="float32"),
    )
    torch.manual_seed(5)
    return Tracker(Engine(Network(config.model), "cpu", config.runtime), config)


@pytest.mark.parametrize(("accept", "area"), [(0.0, 1e9), (2.0, 1e9), (0.0, 1.0)])
def test_a_place_elsewhere_is_believed_only_if_the_mask_is_sure_and_as_large(accept: float, area: float) -> None:
    sequence = make_sequence("moving", 1, 2, textures="procedural")
    image = sequence.frame(0)
    recovery = RecoveryConfig(enabled=True, after_frames=0, accept_confidence=accept, accept_area=area)
    believed = accept == 0.0 and area > 1
    tracker = _small_tracker(recovery)
    spatial = replace(tracker.config.spatial, warmup_frames=0, output_uncertainty=recovery.accept_uncertainty)
    tracker.config = replace(tracker.config, spatial=spatial)
    tracker.initialize(image, sequence.mask(0))
    assert tracker.state is not None
    place = tracker.state.centre.copy()
    corner = np.array([0.0 if place[0] > 160 else 319.0, 0.0])
    tracker.state.centre = corner
    for _ in range(48):
        answer = tracker.track(image)
        trace = tracker.state.trace
        assert trace is not None and trace.search is not None
        if trace.search.elsewhere:
            break
        assert not answer.found
    assert trace.search.elsewhere
    assert np.linalg.norm(trace.search.centre - place) < 15
    assert answer.found == believed
    assert np.array_equal(tracker.state.centre, corner) != believed
    assert (tracker.state.lost_frames > 0) != believed


def test_a_found_target_is_no_longer_lost() -> None:
    sequence = make_sequence("moving", 0, 2, textures="procedural")
    tracker = _small_tracker(RecoveryConfig(enabled=True, accept_confidence=0.0, accept_area=1e9))
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    assert tracker.state is not None
    tracker.state.lost_frames = 3
    assert tracker.track(sequence.frame(1)).found
    assert tracker.state.lost_frames == 0


def test_the_search_leaves_the_last_place_and_finds_the_target_there() -> None:
    """The target jumps from one side to the other while nothing is seen; with the true first frame's features."""
    sequence = make_sequence("moving", 1, 2, textures="procedural")
    image, mask = sequence.frame(0), sequence.mask(0)
    recovery = RecoveryConfig(enabled=True, accept_confidence=0.0, accept_area=1e9, after_frames=1)
    tracker = _small_tracker(recovery)
    tracker.initialize(image, mask)
    assert tracker.state is not None and tracker.state.spatial is not None
    state = tracker.state
    true_centre = state.centre.copy()
    state.lost_frames = 1
    for _ in range(5):
        tracker._look(state.spatial, state, image, true_centre)
    state.centre = np.array([0.0, 0.0]) if true_centre[0] > 160 else np.array([319.0, 0.0])
    reached = False
    for _ in range(48):
        search = tracker._search(state, image)
        reached = search is not None and bool(np.linalg.norm(search.centre - true_centre) < 15)
        if reached:
            break
        state.lost_frames += 1
    assert reached


@pytest.mark.parametrize("config", [SAMN_R50, SAMN_LITE])
def test_both_variants_look_for_a_lost_target_elsewhere(config: TrackerConfig) -> None:
    assert config.recovery.enabled
