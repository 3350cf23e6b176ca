"""What a state becomes where somebody shows the target: in a correction, and in a frame to be remembered.

The target is a square of 40 x 40 pixels, cut in patches of 96 x 96 that show 192 x 192: two pixels for one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core.config import SAMN_LITE, TrackerConfig
from samn_tracker.core.learn import Learner
from samn_tracker.core.state import Pending, TrackState
from samn_tracker.memory.shared_features import SharedFeatures
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine

SHAPE = (240, 320)
CONFIG: TrackerConfig = replace(
    SAMN_LITE.with_patch_size(96), runtime=RuntimeConfig(precision="float32")
).with_overrides(
    {
        "segmentation.search_factor": 4.8,
        "spatial.search_factor": 4.8,
        "spatial.patch_size": 96,
        "mask_start.threshold": 0.5,
        "appearance.last_frame": True,
    }
)


def _mask(x: int, y: int, width: int = 40, height: int = 40) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    mask[y : y + height, x : x + width] = 1
    return mask


def _image(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The target is blue on grey noise."""
    image = np.random.default_rng(0).integers(90, 120, (*SHAPE, 3), dtype=np.uint8)
    image[mask > 0] = (30, 60, 230)
    return image


FIRST = _mask(100, 100)
IMAGE = _image(FIRST)


@pytest.fixture(scope="module")
def engine() -> Engine:
    torch.manual_seed(5)
    return Engine(Network(CONFIG.model), "cpu", CONFIG.runtime)


def _started(engine: Engine, **settings: Any) -> tuple[Learner, TrackState]:
    learner = Learner(engine, CONFIG.with_overrides({key.replace("__", "."): one for key, one in settings.items()}))
    return learner, learner.start(IMAGE, FIRST)


def _correct(learner: Learner, state: TrackState, mask: NDArray[np.uint8] = FIRST, **how: bool) -> None:
    learner.correct(state, _image(mask), mask, **{"is_new": True, "permanent": True, **how})


class _Told:
    """A spatial memory that answers a place `away` (2,) patch pixels from the middle, and notes what it is taught."""

    def __init__(self, memory: SpatialMemory, away: tuple[float, float] = (0, 0), peak: float = 0.5) -> None:
        self._memory, self._away, self._peak = memory, np.array(away), peak
        self.asked: list[list[float]] = []
        self.taught: list[tuple[list[float], list[float]]] = []
        self.began: list[tuple[list[float], list[float]]] = []

    def localise(self, f16: Tensor, size_crop: NDArray[np.float64]) -> Localisation:
        self.asked.append(size_crop.tolist())
        found = self._memory.localise(f16, size_crop)
        return replace(found, centre_crop=np.full(2, 48.0) + self._away, peak=self._peak)

    def memorise(self, found: Localisation, size: NDArray[np.float64], *, centre_crop: NDArray[np.float64]) -> None:
        assert found.peak == self._peak
        self.taught.append((size.tolist(), centre_crop.tolist()))

    def start(
        self, features: SharedFeatures, centres_crop: NDArray[np.float64], size_crop: NDArray[np.float64]
    ) -> None:
        assert len(features.index) == len(centres_crop)
        self.began.append((centres_crop[0].tolist(), size_crop.tolist()))


def _told(state: TrackState, away: tuple[float, float] = (0, 0), peak: float = 0.5) -> _Told:
    assert state.spatial is not None
    told = _Told(state.spatial, away, peak)
    state.spatial = cast(SpatialMemory, told)
    return told


@pytest.mark.parametrize("size_frames", [1, 11])
def test_the_target_is_where_the_correction_shows_it_and_no_longer_lost(engine: Engine, size_frames: int) -> None:
    learner, state = _started(engine, spatial__enabled=False, mask_start__size_frames=size_frames)
    state.lost_frames, state.elsewhere = 4, np.ones((3, 2))
    mask = _mask(10, 20, 40, 30)
    _correct(learner, state, mask)
    assert (state.centre.tolist(), state.size.tolist()) == ([30, 35], [40, 30])
    assert state.extent.tolist() == [[-20, -15], [20, 15]]
    assert (state.lost_frames, state.elsewhere.shape) == (0, (0, 2))
    assert list(state.areas) == [40 * 30]
    assert [one.tolist() for one in state.sizes] == [[40, 30]] * max(1, size_frames // 2)
    assert state.last.box.tolist() == [10, 20, 40, 30] and state.last.mask is mask


def test_a_correction_of_a_single_row_has_a_size_to_search_with(engine: Engine) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    _correct(learner, state, _mask(10, 20, 40, 1))
    assert (state.centre.tolist(), state.size.tolist()) == ([30, 20.5], [40, 2])
    assert state.extent.tolist() == [[-20, -0.5], [20, 0.5]]


def test_the_next_frame_is_told_the_shown_mask(engine: Engine) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    state.previous = None
    _correct(learner, state, _mask(120, 100))
    assert state.previous is not None
    assert (state.previous.window.centre, state.previous.window.side) == ((140, 120), 192)
    assert state.previous.probability.sum() == 20 * 20


@pytest.mark.parametrize(("is_new", "learnt"), [(True, [0, 1, 2]), (False, [0, 1])])
def test_a_new_frame_is_one_further_and_the_one_before_is_learnt_first(
    engine: Engine, is_new: bool, learnt: list[int]
) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    state.frame_index = 1
    state.pending = Pending(engine.encode(IMAGE[None, :96, :96]), np.ones((1, 96, 96), np.float32), 1)
    _correct(learner, state, is_new=is_new)
    assert (state.frame_index, state.pending) == (1 + is_new, None)
    assert sorted(set(state.bank.frame_indices)) == learnt


@pytest.mark.parametrize(("present", "remembered", "becomes"), [(5, (), 5), (7, (6, 7), 8), (9, (6, 7), 9)])
def test_a_passing_correction_is_of_a_frame_that_the_memory_does_not_hold_yet(
    engine: Engine, present: int, remembered: tuple[int, ...], becomes: int
) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    for index in remembered:
        shown = engine.encode(IMAGE[None, :96, :96])
        state.bank.memorise(*engine.memorise(shown, np.ones((1, 96, 96), np.float32)), index)
    state.frame_index = present
    _correct(learner, state, is_new=False, permanent=False)
    assert state.frame_index == max(state.bank.frame_indices) == becomes


@pytest.mark.parametrize("permanent", [True, False])
def test_a_correction_between_two_frames_that_are_due_is_not_forgotten(engine: Engine, permanent: bool) -> None:
    learner, state = _started(engine, spatial__enabled=False, appearance__interval=3, appearance__last_frame=False)
    _correct(learner, state, permanent=permanent)
    assert state.bank.frame_indices == [0, 1]


@pytest.mark.parametrize(("permanent", "shown", "later"), [(True, 2, False), (False, 1, True)])
def test_only_a_permanent_correction_counts_as_much_as_the_first_frame(
    engine: Engine, permanent: bool, shown: int, later: bool
) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    _correct(learner, state, permanent=permanent)
    assert state.pixels is not None
    assert (state.pixels._shown, state.pixels._later is not None) == (shown, later)


@pytest.mark.parametrize("permanent", [True, False])
def test_without_a_pixel_model_a_correction_makes_none(engine: Engine, permanent: bool) -> None:
    learner, state = _started(engine, spatial__enabled=False, first_look__enabled=False)
    _correct(learner, state, permanent=permanent)
    assert learner.remember(state, IMAGE, FIRST)
    assert state.pixels is None


# 16 image pixels, 8 of the patch, are 0.4 of the target: there the filter has slipped.
@pytest.mark.parametrize(
    ("away", "peak", "believed"),
    [
        ((0, 0), 0.5, True),
        ((7.9, 0), 0.5, True),
        ((0, -7.9), 0.5, True),
        ((8, 0), 0.5, False),
        ((6, 6), 0.5, False),
        ((20, 0), 0.5, False),
        ((0, 0), 0.0, False),
        ((0, 0), 0.01, True),
    ],
)
def test_a_filter_that_sees_the_target_elsewhere_or_nowhere_begins_anew(
    engine: Engine, away: tuple[float, float], peak: float, believed: bool
) -> None:
    learner, state = _started(engine)
    told = _told(state, away, peak)
    _correct(learner, state, _mask(120, 100))
    assert told.asked == [[20, 20]]
    assert told.taught == ([([20, 20], [48, 48])] if believed else [])
    assert told.began == ([] if believed else [([48, 48], [20, 20])])


# The middle lies at 120.5, 120; the released cut's patch has its own at 120, half a pixel before it.
@pytest.mark.parametrize(("cut", "behind"), [("smooth", 0.0), ("thinned", 0.5)])
def test_the_filter_begins_at_the_middle_of_the_target_also_where_the_patch_is_cut_at_whole_pixels(
    engine: Engine, cut: str, behind: float
) -> None:
    learner, state = _started(engine, spatial__localisation_pass="own", spatial__cut=cut)
    told = _told(state, away=(30, 0))
    _correct(learner, state, _mask(100, 100, 41, 40))
    scale = 4.8 * np.sqrt(41 * 40) / 96
    ((centre, size),) = told.began
    np.testing.assert_allclose(centre, [48 + behind / scale, 48])
    np.testing.assert_allclose(size, [41 / scale, 40 / scale])


@pytest.mark.parametrize("last_frame", [True, False])
@pytest.mark.parametrize("interval", [1, 3, 50])
def test_a_remembered_frame_is_due_for_storing(engine: Engine, interval: int, last_frame: bool) -> None:
    learner, state = _started(
        engine, spatial__enabled=False, appearance__interval=interval, appearance__last_frame=last_frame
    )
    state.frame_index = 2
    assert learner.remember(state, IMAGE, FIRST)
    assert (state.frame_index, state.bank.frame_indices) == (3, [0, 3])
    assert state.pixels is not None
    assert (state.pixels._shown, state.pixels._later is not None) == (1, True)


def test_a_frame_is_remembered_unasked_whatever_the_memory_sees_in_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    monkeypatch.setattr(engine, "segment", lambda *_, **__: np.zeros((1, 96, 96), np.float32))
    assert learner.remember(state, IMAGE, FIRST)
    assert not learner.remember(state, IMAGE, FIRST, 0.1)


# The mask is 400 patch pixels; the memory sees half of them, and the rest not above the threshold of 0.5.
@pytest.mark.parametrize(("least", "is_learnt"), [(0.49, True), (0.5, True), (0.51, False), (1.0, False)])
def test_a_frame_is_remembered_where_what_is_seen_overlaps_enough_with_the_mask(
    engine: Engine, least: float, is_learnt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, state = _started(engine, spatial__enabled=False)
    seen = np.full((1, 96, 96), 0.5, np.float32)
    seen[0, 38:58, 38:48] = 0.6
    monkeypatch.setattr(engine, "segment", lambda *_, **__: seen)
    assert learner.remember(state, IMAGE, FIRST, least) is is_learnt
    assert len(state.bank.frame_indices) == 1 + is_learnt
    assert state.pixels is not None and (state.pixels._later is not None) is is_learnt
