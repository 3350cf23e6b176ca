"""What a state is made of, and what a decision changes in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samn_tracker.core.config import SAMN_LITE, StartConfig, TrackerConfig
from samn_tracker.core.decision import Decision, FilterSample, Remember
from samn_tracker.core.learn import AREA_WINDOW, Learner, started_sizes
from samn_tracker.core.observe import Observation, Observer
from samn_tracker.core.state import TrackState
from samn_tracker.memory.spatial import Localisation
from samn_tracker.model.network import Network
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.synthetic import make_sequence

CONFIG: TrackerConfig = replace(SAMN_LITE.with_patch_size(96), runtime=RuntimeConfig(precision="float32"))
NO_PLACE = {"spatial.enabled": False}
"""Most of the time of a start goes into the first samples of the spatial memory."""
SEQUENCE = make_sequence("moving", 1, 2, textures="procedural")
ANSWER = Prediction(np.array([1.0, 2, 3, 4]), np.zeros((4, 2)), np.zeros((240, 320), np.uint8), 0.5)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return _engine(CONFIG)


def _engine(config: TrackerConfig) -> Engine:
    torch.manual_seed(5)
    return Engine(Network(config.model), "cpu", config.runtime)


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
    assert (state.shape, state.frame_index, state.lost_frames, len(state.elsewhere)) == ((240, 320), 0, 0, 0)
    assert state.bank.frame_indices == [0] and state.spatial is not None and state.spatial.started


@pytest.mark.parametrize(("frames", "given"), [(1, 1), (2, 1), (3, 1), (4, 2), (11, 5)])
def test_the_given_size_is_half_of_those_that_the_next_are_weighed_against(frames: int, given: int) -> None:
    sizes = started_sizes(np.array([40.0, 20.0]), StartConfig(size_frames=frames))
    assert [size.tolist() for size in sizes] == [[40, 20]] * given
    assert sizes.maxlen == frames


# Each pixel of the patch is two of the image wide: the target has 400 there and 1600 in the image.
@pytest.mark.parametrize(("loop", "pixels"), [("own", 1600), ("released", 400)])
def test_the_first_mask_is_counted_in_the_image_or_as_released_in_the_patch(
    engine: Engine, loop: str, pixels: int
) -> None:
    config = CONFIG.with_overrides(
        {"segmentation.loop": loop, "segmentation.search_factor": 4.8, "mask_start.threshold": 0, **NO_PLACE}
    )
    mask = np.zeros((240, 320), np.uint8)
    mask[100:140, 100:140] = 1
    assert list(Learner(engine, config).start(SEQUENCE.frame(0), mask).areas) == [pixels]


@pytest.mark.parametrize(
    ("first_look", "pixel_score", "is_made"),
    [(True, False, True), (False, True, True), (True, True, True), (False, False, False)],
)
def test_a_pixel_model_is_made_where_the_first_look_or_the_decoder_asks_it(
    first_look: bool, pixel_score: bool, is_made: bool
) -> None:
    config = CONFIG.with_overrides({"first_look.enabled": first_look, "model.pixel_score": pixel_score, **NO_PLACE})
    state = Learner(_engine(config), config).start(SEQUENCE.frame(0), SEQUENCE.mask(0))
    assert (state.pixels is not None) is is_made


@pytest.mark.parametrize("thinned", [True, False])
def test_of_the_first_frame_part_of_the_background_is_read_or_all(engine: Engine, thinned: bool) -> None:
    config = CONFIG.with_overrides({"mask_start.thin_background": thinned, "mask_start.patch_size": 192, **NO_PLACE})
    state = Learner(engine, config).start(SEQUENCE.frame(0), SEQUENCE.mask(0))
    assert bool(state.bank.cell_weights.isneginf().any()) is thinned


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


@pytest.mark.parametrize(("lost_frames", "is_told"), [(0, True), (1, False), (5, False)])
def test_the_next_frame_is_told_what_was_segmented_unless_that_was_no_target(
    engine: Engine, lost_frames: int, is_told: bool
) -> None:
    learner, state, seen = _seen(engine, CONFIG.with_overrides(NO_PLACE))
    learner.learn(state, seen, _decision(lost_frames=lost_frames))
    assert (state.previous is not None) is is_told
    if state.previous is not None:
        assert state.previous.window is seen.window and state.previous.probability is seen.probability


@pytest.mark.parametrize(("pixel_score", "learnt"), [(True, [3, 6]), (False, [])])
def test_the_pixel_model_learns_every_third_frame_where_the_decoder_asks_it(
    pixel_score: bool, learnt: list[int]
) -> None:
    config = CONFIG.with_overrides({"model.pixel_score": pixel_score, **NO_PLACE})
    learner, state, seen = _seen(_engine(config), config)
    assert state.pixels is not None
    changed = []
    for index in range(1, 8):
        before = state.pixels._later
        decision = _decision(Remember(appearance=np.ones((96, 96), np.float32)))
        learner.learn(state, replace(seen, frame_index=index), decision)
        changed += [index] * (state.pixels._later is not before)
    assert changed == learnt


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
