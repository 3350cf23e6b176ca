"""Two pieces of work at once: each has its threads, errors arrive, and what the memory learns beside is the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.bench.scenario import random_network
from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.core.tracker import Tracker
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.runtime.side_by_side import beside
from samn_tracker.synthetic import make_sequence

FRAMES = 5


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_both_run_at_once_on_their_share_of_the_threads() -> None:
    """Each waits for the other, so one after the other would never end."""
    both, threads = threading.Barrier(2), {}

    def work() -> None:
        both.wait(timeout=30)
        threads["work"] = torch.get_num_threads()

    with beside(work):
        both.wait(timeout=30)
        threads["inside"] = torch.get_num_threads()
    assert threads == {"work": 1, "inside": 2}
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("threads", "at_once"), [(1, True), (3, False)])
def test_otherwise_the_work_is_done_first_and_here(threads: int, at_once: bool) -> None:
    torch.set_num_threads(threads)
    order: list[object] = []
    with beside(lambda: order.append(threading.get_ident()), at_once):
        order.append("inside")
    assert order == [threading.get_ident(), "inside"]


def _raise(text: str) -> None:
    raise ValueError(text)


def test_an_error_of_the_work_arrives_and_the_threads_are_given_back() -> None:
    with pytest.raises(ValueError, match="work"), beside(lambda: _raise("work")):
        pass
    assert torch.get_num_threads() == 3


def test_an_error_inside_comes_before_that_of_the_work() -> None:
    with pytest.raises(ValueError, match="inside"), beside(lambda: _raise("work")):
        _raise("inside")
    assert torch.get_num_threads() == 3


def _config(side_by_side: bool) -> TrackerConfig:
    return replace(SAMN_R50.with_patch_size(128), runtime=RuntimeConfig(precision="float32", side_by_side=side_by_side))


def _followed(network: Network, config: TrackerConfig) -> Tracker:
    """A tracker after some frames, the last of them learned."""
    sequence = make_sequence("moving", 0, FRAMES, (160, 120), "procedural")
    tracker = Tracker(Engine(network, "cpu", config.runtime), config)
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    for index in range(1, FRAMES):
        assert tracker.track(sequence.frame(index)).found
    tracker.finish_frame()
    return tracker


def test_what_is_learned_beside_the_next_search_is_the_same() -> None:
    """Up to sums that are split among another number of threads."""
    network = random_network(SAMN_R50.with_patch_size(128))
    one, other = (_followed(network, _config(side_by_side)).state for side_by_side in (True, False))
    assert one is not None and other is not None
    assert one.bank.frame_indices == other.bank.frame_indices
    assert FRAMES - 1 in one.bank.frame_indices
    torch.testing.assert_close(one.bank.keys, other.bank.keys, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.last.box, other.last.box, atol=0.5)


def test_a_frame_is_learned_once_and_at_the_latest_with_the_next_one() -> None:
    config = SAMN_LITE.with_patch_size(128).with_overrides({"appearance.interval": 1})
    tracker = _followed(random_network(config), config)
    assert tracker.state is not None
    held = tracker.state.bank.frame_indices
    tracker.finish_frame()
    assert tracker.state.bank.frame_indices == held
    image = make_sequence("moving", 0, FRAMES, (160, 120), "procedural").frame(FRAMES - 1)
    tracker.track(image)
    assert tracker.state.bank.frame_indices == held
    tracker.track(image)
    assert FRAMES in tracker.state.bank.frame_indices


@pytest.mark.parametrize(
    ("config", "side_by_side", "expected"), [(SAMN_R50, True, True), (SAMN_R50, False, False), (SAMN_LITE, True, False)]
)
def test_only_a_memory_encoder_with_a_trunk_of_its_own_runs_beside(
    config: TrackerConfig, side_by_side: bool, expected: bool
) -> None:
    torch.manual_seed(0)
    engine = Engine(Network(config.model), "cpu", RuntimeConfig(precision="float32", side_by_side=side_by_side))
    assert engine.memorises_beside is expected
