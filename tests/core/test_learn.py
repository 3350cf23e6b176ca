"""What a state is made of, and what a decision changes in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samn_tracker.core.config import SAMN_LITE, TrackerConfig
from samn_tracker.core.decision import Decision, FilterSample, Remember
from samn_tracker.core.learn import AREA_WINDOW, Learner
from samn_tracker.core.observe import Observation, Observer
from samn_tracker.core.state import TrackState
from samn_tracker.memory.spatial import Localisation
from samn_tracker.model.network import Network
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.synthetic import make_sequence

CONFIG: TrackerConfig = replace(SAMN_LITE.with_patch_size(96), runtime=RuntimeConfig(precision="float32"))
SEQUENCE = make_sequence("moving", 1, 2, textures="procedural")
ANSWER = Prediction(np.array([1.0, 2, 3, 4]), np.zeros((4, 2)), np.zeros((240, 320), np.uint8), 0.5)


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.manual_seed(5)
    return Engine(Network(CONFIG.model), "cpu", CONFIG.runtime)


def _seen(engine: Engine, config: TrackerConfig = CONFIG) -> tuple[Learner, TrackState, Observation]:
    learner = Learner(engine, config)
    state = learner.start(SEQUENCE.frame(0), SEQUENCE.mask(0))
    return learner, state, Observer(engine, config).observe(SEQUENCE.frame(1), state, meanwhile=learner.finish)


def _decision(remember: Remember | None = None, **changes: Any) -> Decision:
    decision = Decision(
        answer=ANSWER,
        centre=np.array([7.0, 8.0]),
        size=np.array([9.0, 10.0]),
        extent=np.array([[-1.0, -2.0], [3.0, 4.0]]),
        lost_frames=2,
        pixels=123,
        seen_size=np.array([19.0, 20.0]),
        elsewhere=np.array([[5.0, 6.0]]),
        remember=remember or Remember(),
    )
    return replace(decision, **changes)


def test_a_start_from_a_mask(engine: Engine) -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[100:120, 50:90] = 1
    state = Learner(engine, CONFIG).start(SEQUENCE.frame(0), mask)
    assert state.start is CONFIG.mask_start
    assert (state.centre.tolist(), state.size.tolist()) == ([70, 110], [40, 20])
    assert state.extent.tolist() == [[-20, -10], [20, 10]]
    assert list(state.areas) == [pytest.approx(800, rel=0.02)] and state.areas.maxlen == AREA_WINDOW
    assert (state.frame_index, state.lost_frames, len(state.elsewhere)) == (0, 0, 0)
    assert state.bank.frame_indices == [0] and state.spatial is not None and state.spatial.started


def test_a_start_from_a_box_has_settings_of_its_own_and_stays_in_the_image(engine: Engine) -> None:
    state = Learner(engine, CONFIG).start(SEQUENCE.frame(0), np.array([-30.0, 10, 40, 1]))
    assert state.start is CONFIG.box_start
    assert state.centre.tolist() == [0, 10.5]
    assert state.size.tolist() == [40, 2]


def test_without_a_spatial_memory_there_is_none(engine: Engine) -> None:
    config = CONFIG.with_overrides({"spatial.enabled": False})
    learner, state, seen = _seen(engine, config)
    learner.learn(state, seen, _decision())
    assert state.spatial is None


def test_the_state_becomes_what_was_decided(engine: Engine) -> None:
    learner, state, seen = _seen(engine)
    usual = list(state.areas)
    learner.learn(state, seen, _decision())
    assert state.last is ANSWER
    assert (state.centre.tolist(), state.size.tolist()) == ([7, 8], [9, 10])
    assert state.extent.tolist() == [[-1, -2], [3, 4]]
    assert (state.frame_index, state.lost_frames, state.elsewhere.tolist()) == (1, 2, [[5, 6]])
    assert list(state.areas) == [*usual, 123]
    assert [size.tolist() for size in state.sizes] == [[19, 20]]


def test_a_lost_target_has_no_usual_pixels(engine: Engine) -> None:
    learner, state, seen = _seen(engine)
    usual = list(state.areas)
    learner.learn(state, seen, _decision(pixels=None))
    assert list(state.areas) == usual


def test_the_bank_learns_the_decided_mask_later_and_once(engine: Engine) -> None:
    learner, state, seen = _seen(engine, CONFIG.with_overrides({"appearance.interval": 1}))
    mask = np.zeros((96, 96), np.float32)
    mask[40:60, 40:60] = 1
    learner.learn(state, seen, _decision(Remember(appearance=mask)))
    assert state.bank.frame_indices == [0]
    assert state.pending is not None and state.pending.masks.shape == (1, 96, 96)
    learner.finish(state)
    assert (state.bank.frame_indices, state.pending) == ([0, 1], None)
    assert seen.encoded is not None
    expected = engine.memorise(seen.encoded, mask[None])
    torch.testing.assert_close(state.bank._buffers.values[0, 1], expected.value[0].flatten(1).T)
    learner.finish(state)
    assert state.bank.frame_indices == [0, 1]


def test_a_frame_that_the_bank_would_not_hold_costs_no_pass_of_the_network(engine: Engine) -> None:
    learner, state, seen = _seen(engine, CONFIG.with_overrides({"appearance.interval": 2}))
    learner.learn(state, seen, _decision(Remember(appearance=np.ones((96, 96), np.float32))))
    assert state.pending is None
    learner.learn(state, replace(seen, frame_index=2), _decision(Remember(appearance=np.ones((96, 96), np.float32))))
    assert state.pending is not None and state.pending.frame_index == 2


def test_the_bank_learns_nothing_that_is_not_to_be_remembered(engine: Engine) -> None:
    learner, state, seen = _seen(engine)
    learner.learn(state, seen, _decision())
    assert state.pending is None
    learner.finish(state)
    assert state.bank.frame_indices == [0]


def test_every_read_counts_for_the_relevance_of_frames(engine: Engine) -> None:
    learner, state, seen = _seen(engine)
    assert state.bank._buffers.relevance[0].isnan()
    learner.learn(state, seen, _decision())
    assert state.bank._buffers.relevance[0] == 1
    assert state.bank.weights.tolist() == [[1.0]]


def test_the_spatial_memory_counts_every_frame_and_learns_the_decided_place(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, state, seen = _seen(engine)
    assert state.spatial is not None and seen.search is not None
    taught: list[tuple[Localisation, list[float], list[float]]] = []

    def memorise(found: Localisation, size: NDArray[np.float64], *, centre_crop: NDArray[np.float64]) -> None:
        taught.append((found, size.tolist(), centre_crop.tolist()))

    monkeypatch.setattr(state.spatial, "memorise", memorise)
    learner.learn(state, seen, _decision())
    assert taught == [] and state.spatial._started().frames == 2
    sample = FilterSample(np.array([11.0, 12.0]), np.array([13.0, 14.0]))
    learner.learn(state, seen, _decision(Remember(filter=sample)))
    assert taught == [(seen.search.localisation, [13, 14], [11, 12])]
    assert state.spatial._started().frames == 3
