"""What is seen in a frame, and that looking changes nothing; where a lost target is looked for, and when believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from frame_cases import some_observation, some_state
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core import decide
from samn_tracker.core.config import SAMN_LITE, SAMN_R50, FirstLookConfig, RecoveryConfig, TrackerConfig
from samn_tracker.core.decide import places_elsewhere
from samn_tracker.core.learn import Learner
from samn_tracker.core.observe import Observation, Observer, search_place
from samn_tracker.core.state import TrackState
from samn_tracker.core.tracker import Tracker
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.synthetic import SyntheticSequence, make_sequence

SEQUENCE: SyntheticSequence = make_sequence("moving", 1, 3, textures="procedural")


def _config(recovery: RecoveryConfig) -> TrackerConfig:
    return replace(
        SAMN_LITE.with_patch_size(96),
        spatial=replace(SAMN_LITE.spatial, patch_size=96),
        segmentation=replace(SAMN_LITE.segmentation, minimum_pixels=1),
        recovery=recovery,
        first_look=FirstLookConfig(enabled=False),  # untrained weights are never sure of what they saw first
        runtime=RuntimeConfig(precision="float32"),
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.manual_seed(5)
    config = _config(RecoveryConfig())
    return Engine(Network(config.model), "cpu", config.runtime)


def _started(engine: Engine, **settings: Any) -> tuple[Observer, TrackState]:
    """Looks at the second frame of the sequence, with the first one learnt."""
    overrides = {key.replace("__", "."): value for key, value in settings.items()}
    config = _config(RecoveryConfig()).with_overrides(overrides)
    return Observer(engine, config), Learner(engine, config).start(SEQUENCE.frame(0), SEQUENCE.mask(0))


def _look(observer: Observer, state: TrackState) -> Observation:
    return observer.observe(SEQUENCE.frame(1), state, meanwhile=lambda _: None)


class _Told:
    """A spatial memory that answers a place `away` (2,) target sizes from the patch's middle, and how sure it is."""

    def __init__(self, memory: SpatialMemory, away: tuple[float, float], uncertainty: float) -> None:
        self._memory, self._away, self._uncertainty = memory, np.array(away), uncertainty

    def localise(self, f16: Tensor, size_crop: NDArray[np.float64], lost: bool = False) -> Localisation:
        found = self._memory.localise(f16, size_crop, lost=lost)
        centre = found.scores.shape[0] / 2 + self._away * np.sqrt(size_crop.prod())
        return replace(found, centre_crop=centre, uncertainty=self._uncertainty)


def _told(state: TrackState, away: tuple[float, float], uncertainty: float) -> None:
    assert state.spatial is not None
    state.spatial = cast(SpatialMemory, _Told(state.spatial, away, uncertainty))


def test_looking_changes_nothing_and_sees_the_same_again(engine: Engine) -> None:
    observer, state = _started(engine)
    kept = {name: np.copy(getattr(state, name)) for name in ("centre", "size", "extent", "elsewhere", "areas")}
    relevance, frames = state.bank._buffers.relevance.clone(), state.bank.frame_indices
    first, second = _look(observer, state), _look(observer, state)
    assert np.array_equal(first.probability, second.probability)
    assert first.search is not None and second.search is not None
    assert np.array_equal(first.search.localisation.scores, second.search.localisation.scores)
    assert all(np.array_equal(value, getattr(state, name)) for name, value in kept.items())
    assert torch.equal(relevance.nan_to_num(-1), state.bank._buffers.relevance.nan_to_num(-1))
    assert state.bank.frame_indices == frames == [0]
    assert (state.frame_index, state.lost_frames, state.pending) == (0, 0, None)
    assert state.spatial is not None and state.spatial._started().frames == 1


def test_what_is_seen_is_of_the_next_frame_with_all_that_was_read(engine: Engine) -> None:
    observer, state = _started(engine)
    state.frame_index = 3
    seen = _look(observer, state)
    assert (seen.frame_index, seen.read_frames, seen.read_weights()) == (4, (0,), [1.0])
    assert seen.probability.shape == (96, 96)
    assert seen.encoded is not None and seen.encoded.patches.shape == (1, 96, 96, 3)


def test_the_memory_of_the_frame_before_is_finished_before_it_is_read(engine: Engine) -> None:
    observer, state = _started(engine, appearance__interval=1)
    encoded = engine.encode(SEQUENCE.frame(0)[None, :96, :96])

    def finish(given: TrackState) -> None:
        given.bank.memorise(*engine.memorise(encoded, np.ones((1, 96, 96), np.float32)), 1)

    state.frame_index = 1
    assert observer.observe(SEQUENCE.frame(1), state, meanwhile=finish).read_frames == (0, 1)


# Re-cropped beyond 0.75 target sizes; the window of a search is 3.5 wide.
@pytest.mark.parametrize(("away", "recropped"), [((0.7, 0.0), False), ((0.0, -0.7), False), ((0.6, 0.6), True)])
def test_the_patch_is_cut_again_where_the_peak_is_far_from_its_middle(
    engine: Engine, away: tuple[float, float], recropped: bool
) -> None:
    observer, state = _started(engine)
    _told(state, away, 1.0)
    seen = _look(observer, state)
    assert seen.search is not None
    np.testing.assert_allclose(seen.place, state.centre + np.array(away) * state.mean_side)
    assert np.allclose(seen.window.centre, seen.place if recropped else state.centre)
    assert (seen.encoded is not seen.search.encoded) is recropped


def test_an_own_pass_looks_into_a_patch_of_its_own_and_always_cuts_another(engine: Engine) -> None:
    observer, state = _started(engine, spatial__localisation_pass="own", spatial__patch_size=128)
    seen = _look(observer, state)
    assert seen.search is not None and seen.search.encoded is None
    assert (seen.search.window.size, seen.window.size) == (128, 96)
    assert seen.search.window.side == pytest.approx(seen.window.side * 4.5 / 3.5)
    assert np.allclose(seen.window.centre, seen.place)


@pytest.mark.parametrize(("uncertainty", "moved"), [(2.9, True), (3.0, False)])
def test_only_a_trusted_peak_moves_the_patch(engine: Engine, uncertainty: float, moved: bool) -> None:
    observer, state = _started(engine)
    _told(state, (0.5, 0.0), uncertainty)
    seen = _look(observer, state)
    assert (seen.trusted, seen.uncertainty) == (moved, uncertainty)
    assert np.array_equal(seen.place, state.centre) is not moved


def test_without_a_spatial_memory_the_last_place_is_looked_at_and_trusted(engine: Engine) -> None:
    observer, state = _started(engine, spatial__enabled=False)
    seen = _look(observer, state)
    assert (seen.search, seen.trusted, seen.elsewhere, seen.uncertainty) == (None, True, False, 0.0)
    assert np.array_equal(seen.place, state.centre)


def test_a_peak_outside_of_the_image_is_looked_for_at_its_border() -> None:
    search = some_observation(place=(140.0, -3.0)).search
    assert search_place(some_state(), search).tolist() == [128, 0]
    assert search_place(some_state(), None).tolist() == [55, 50]
    assert search is not None
    assert search_place(some_state(), search._replace(trusted=False)).tolist() == [55, 50]


@pytest.mark.parametrize(("uncertainty", "places", "looks"), [(1.9, 3, 1), (2.0, 3, 4), (2.0, 0, 1)])
def test_further_places_are_looked_at_only_where_the_last_one_is_unsure(
    engine: Engine, uncertainty: float, places: int, looks: int
) -> None:
    observer, state = _started(engine)
    _told(state, (0.0, 0.0), uncertainty)
    state.elsewhere = np.tile(state.centre, (places, 1))
    found: list[bool] = []
    told = state.spatial
    assert told is not None
    localise = told.localise
    told.localise = lambda *given, lost=False: found.append(lost) or localise(*given, lost=lost)  # type: ignore[method-assign,func-returns-value]
    _look(observer, state)
    again = [False] * (looks > 1 and uncertainty < 5)
    assert found == [False] + [True] * (looks - 1) + again


def test_only_what_is_near_the_target_is_decoded_unless_it_was_lost(engine: Engine) -> None:
    observer, state = _started(engine)
    regions: list[object] = []
    segment = engine.segment
    patch = pytest.MonkeyPatch()
    patch.setattr(
        engine,
        "segment",
        lambda *given, **told: regions.append(given[3] if len(given) > 3 else None) or segment(*given, **told),
    )
    try:
        _look(observer, state)
        narrow = list(regions)
        regions.clear()
        state.lost_frames = 1
        _look(observer, state)
    finally:
        patch.undo()
    assert narrow[0] is not None
    assert regions == [None]


def _small_tracker(recovery: RecoveryConfig, **spatial: float) -> Tracker:
    config = _config(recovery)
    config = replace(config, spatial=replace(config.spatial, **spatial))  # type: ignore[arg-type]
    torch.manual_seed(5)
    return Tracker(Engine(Network(config.model), "cpu", config.runtime), config)


@pytest.mark.parametrize(("accept", "area"), [(0.0, 1e9), (2.0, 1e9), (0.0, 1.0)])
def test_a_place_elsewhere_is_believed_only_if_the_mask_is_sure_and_as_large(
    accept: float, area: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = SEQUENCE.frame(0)
    monkeypatch.setattr(decide, "ACCEPT_CONFIDENCE", accept)
    monkeypatch.setattr(decide, "ACCEPT_AREA", area)
    recovery = RecoveryConfig(after_frames=1)
    believed = accept == 0.0 and area > 1
    tracker = _small_tracker(recovery, warmup_frames=0, output_uncertainty=recovery.accept_uncertainty)
    tracker.keep_observation = True
    tracker.initialize(image, SEQUENCE.mask(0))
    assert tracker.state is not None
    place = tracker.state.centre.copy()
    corner = np.array([0.0 if place[0] > 160 else 319.0, 0.0])
    tracker.state.centre = corner
    for _ in range(48):
        answer = tracker.track(image)
        seen = tracker.observation
        assert seen is not None and seen.search is not None
        if seen.elsewhere:
            break
        assert not answer.found
    assert seen.elsewhere
    assert np.linalg.norm(seen.search.peak - place) < 15
    assert answer.found == believed
    assert np.array_equal(tracker.state.centre, corner) != believed
    assert (tracker.state.lost_frames > 0) != believed


def test_a_found_target_is_no_longer_lost() -> None:
    tracker = _small_tracker(RecoveryConfig())
    tracker.initialize(SEQUENCE.frame(0), SEQUENCE.mask(0))
    assert tracker.state is not None
    tracker.state.lost_frames = 3
    assert tracker.track(SEQUENCE.frame(1)).found
    assert tracker.state.lost_frames == 0


def test_the_search_leaves_the_last_place_and_finds_the_target_there() -> None:
    """The target jumps from one side to the other while nothing is seen; with the true first frame's features."""
    image, recovery = SEQUENCE.frame(0), RecoveryConfig(after_frames=1)
    tracker = _small_tracker(recovery)
    tracker.initialize(image, SEQUENCE.mask(0))
    state, observer = tracker.state, tracker.observer
    assert state is not None and state.spatial is not None
    true_centre = state.centre.copy()
    for _ in range(5):
        state.spatial.count_frame()
    state.centre = np.array([0.0, 0.0]) if true_centre[0] > 160 else np.array([319.0, 0.0])
    reached = False
    for lost in range(1, 49):
        state.elsewhere = places_elsewhere(state.centre, lost, state, tracker.config)
        seen = observer.observe(image, state, meanwhile=lambda _: None)
        assert seen.search is not None
        reached = bool(np.linalg.norm(seen.search.peak - true_centre) < 15)
        if reached:
            break
    assert reached and seen.elsewhere and seen.trusted


@pytest.mark.parametrize("config", [SAMN_R50, SAMN_LITE])
def test_both_variants_look_for_a_lost_target_elsewhere(config: TrackerConfig) -> None:
    assert config.recovery.enabled
