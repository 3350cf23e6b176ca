"""Which patch is cut in a frame, which part of it is decoded with what cues, and what is said of the result.

The target is a square of 40 x 40 pixels around (120, 120). Patches show two image pixels in one of theirs: 192 x 192
pixels in those of 96 x 96, which have 6 x 6 cells, and 384 x 384 in those of 192 x 192.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core import observe
from samn_tracker.core.config import SAMN_LITE, TrackerConfig
from samn_tracker.core.learn import Learner
from samn_tracker.core.observe import Observation, Observer, pixel_scores, segment_all, told_cues
from samn_tracker.core.state import Pending, PreviousMask, TrackState
from samn_tracker.memory.pixels import contrast
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.decoded_region import CellRegion

CONFIG: TrackerConfig = replace(
    SAMN_LITE.with_patch_size(96), runtime=RuntimeConfig(precision="float32")
).with_overrides({"segmentation.search_factor": 4.8, "mask_start.threshold": 0.5})
NO_PLACE = {"spatial.enabled": False}
TWELVE_CELLS = {"mask_start.patch_size": 192, "segmentation.search_factor": 9.6, **NO_PLACE}
MASK = np.zeros((240, 320), np.uint8)
MASK[100:140, 100:140] = 1
IMAGE = np.random.default_rng(0).integers(90, 120, (240, 320, 3), dtype=np.uint8)
IMAGE[MASK > 0] = (30, 60, 230)


def _engine(config: TrackerConfig = CONFIG) -> Engine:
    torch.manual_seed(5)
    return Engine(Network(config.model), "cpu", config.runtime)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return _engine()


def _started(engine: Engine, settings: dict[str, Any]) -> tuple[Observer, TrackState]:
    config = CONFIG.with_overrides(settings)
    return Observer(engine, config), Learner(engine, config).start(IMAGE, MASK)


def _look(observer: Observer, state: TrackState) -> Observation:
    return observer.observe(IMAGE, state, meanwhile=lambda _: None)


class _Told:
    """A spatial memory that sees the target `away` (2,) patch pixels from the middle, ever differently sure."""

    def __init__(self, memory: SpatialMemory, away: tuple[float, float], *uncertainties: float) -> None:
        self._memory, self._away, self.left = memory, np.array(away), list(uncertainties)

    def localise(self, f16: Tensor, size_crop: NDArray[np.float64], lost: bool = False) -> Localisation:
        found = self._memory.localise(f16, size_crop, lost=lost)
        return replace(found, centre_crop=np.full(2, 48.0) + self._away, uncertainty=self.left.pop(0))


def _told(state: TrackState, away: tuple[float, float], *uncertainties: float) -> _Told:
    assert state.spatial is not None
    told = _Told(state.spatial, away, *uncertainties)
    state.spatial = cast(SpatialMemory, told)
    return told


# At the last place 10; at a further one; and there once more. Limits are 5 and 2.
@pytest.mark.parametrize(
    ("uncertainties", "is_believed"),
    [((10, 4.9, 1.9), True), ((10, 4.9, 2.0), False), ((10, 5.0), False), ((10, 5.5), False), ((1.9,), False)],
)
def test_a_further_place_is_looked_at_once_more_and_then_has_to_be_sure(
    engine: Engine, uncertainties: tuple[float, ...], is_believed: bool
) -> None:
    observer, state = _started(engine, {})
    told = _told(state, (0, 0), *uncertainties)
    state.elsewhere = np.array([[200.0, 50.0]])
    seen = _look(observer, state)
    assert told.left == []
    assert seen.elsewhere is is_believed
    assert seen.place.tolist() == ([200, 50] if is_believed else [120, 120])


# Cut again beyond 0.75 target sizes: 30 image pixels, 15 of the patch.
@pytest.mark.parametrize(("away", "middle"), [(15.0, 120), (15.1, 150.2), (-15.0, 120)])
def test_the_patch_is_cut_again_beyond_a_distance_and_not_at_it(engine: Engine, away: float, middle: float) -> None:
    observer, state = _started(engine, {})
    _told(state, (away, 0), 1.0)
    np.testing.assert_allclose(_look(observer, state).window.centre, (middle, 120))


@pytest.mark.parametrize(("loop", "side"), [("own", 24), ("released", 48)])
def test_only_the_released_loop_looks_at_a_small_target_as_if_it_had_ten_pixels(
    engine: Engine, loop: str, side: float
) -> None:
    observer, state = _started(engine, {"segmentation.loop": loop, **NO_PLACE})
    state.size = np.array([5.0, 5.0])
    assert _look(observer, state).window.side == pytest.approx(side)


class _Asked(NamedTuple):
    """What the engine was asked to decode."""

    retrieved: Tensor
    middle: NDArray[np.float64]
    region: CellRegion | None = None
    seen: CellRegion | None = None


Asked = Callable[..., list[_Asked]]


@pytest.fixture
def asked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Notes what the engine is asked to segment; with a `value` it answers that in rows and columns 81 to 110."""
    segment = engine.segment

    def note(value: float | None = None) -> list[_Asked]:
        noted: list[_Asked] = []

        def noting(retrieved: Tensor, encoded: Any, *where: Any, **cues: Any) -> NDArray[np.float32]:
            noted.append(_Asked(retrieved, *where[:3]))
            if value is None:
                return segment(retrieved, encoded, *where, **cues)
            probability = np.zeros((1, 192, 192), np.float32)
            probability[0, 81:111, 81:111] = value
            return probability

        monkeypatch.setattr(engine, "segment", noting)
        return noted

    return note


# Around the middle at 96 the last mask and a margin of a quarter reach (20 + 10) / 2 patch pixels: 81 to 111.
@pytest.mark.parametrize(
    ("extent", "region", "seen"),
    [
        (((-20, -20), (20, 20)), (5, 5, 7, 7), (2, 2, 10, 10)),
        (((-20, -20), (60, 20)), (5, 5, 7, 9), (2, 3, 10, 11)),  # to the right up to 96 + 35 = 131
        (((-20, -20), (900, 900)), (5, 5, 12, 12), (0, 0, 12, 12)),  # 7 cells with a halo of 2 on one side are too many
    ],
)
def test_what_the_last_mask_reaches_is_decoded_and_a_little_more_is_read(
    engine: Engine,
    asked: Asked,
    extent: tuple[tuple[float, float], ...],
    region: tuple[int, ...],
    seen: tuple[int, ...],
) -> None:
    observer, state = _started(engine, TWELVE_CELLS)
    state.extent = np.array(extent, dtype=np.float64)
    noted = asked()
    found = _look(observer, state)
    assert (noted[0].region, noted[0].seen) == (region, seen)
    assert found.encoded is not None and found.read_bias is not None
    whole = state.bank.attend(found.encoded.query.key, found.read_bias)
    torch.testing.assert_close(noted[0].retrieved, CellRegion(*seen).cut(whole, 1))


@pytest.mark.parametrize(("value", "margin", "regions"), [(0.6, 0.25, 1), (0.5, 0.25, 2), (0.4, 0.25, 2), (0.6, 0, 0)])
def test_the_whole_patch_is_decoded_where_nothing_above_the_threshold_is_found_near_the_target(
    engine: Engine, asked: Asked, value: float, margin: float, regions: int
) -> None:
    observer, state = _started(engine, {**TWELVE_CELLS, "segmentation.decode_margin": margin})
    state.extent = np.array([[-60.0, -60], [60, 60]])
    noted = asked(value)
    _look(observer, state)
    assert [one.region is None for one in noted] == [[True], [False], [False, True]][regions]


# The peak lies 10 patch pixels from the middle of the searched patch, too near for another.
@pytest.mark.parametrize(("cut", "x"), [("smooth", 58.0), ("whole", 48.0)])
def test_the_location_map_is_drawn_around_the_place_or_as_released_around_the_middle(
    engine: Engine, asked: Asked, cut: str, x: float
) -> None:
    observer, state = _started(engine, {"segmentation.cut": cut})
    _told(state, (10, 0), 1.0)
    noted = asked()
    assert _look(observer, state).place.tolist() == [140, 120]
    assert noted[0].middle.tolist() == [x, 48]


@pytest.mark.parametrize(
    ("first_look", "pixel_score", "is_asked"), [(True, False, True), (False, True, False), (False, False, False)]
)
def test_the_contrast_of_the_first_frame_is_told_where_the_first_look_asks_it(
    first_look: bool, pixel_score: bool, is_asked: bool
) -> None:
    settings = {"first_look.enabled": first_look, "model.pixel_score": pixel_score, **NO_PLACE}
    engine = _engine(CONFIG.with_overrides(settings))
    observer, state = _started(engine, settings)
    seen = _look(observer, state)
    assert (state.pixels is not None) is (first_look or pixel_score)
    assert (seen.contrast is not None) is is_asked
    if is_asked:
        assert seen.encoded is not None and state.pixels is not None
        mask = torch.from_numpy(seen.probability)[None, None]
        assert seen.contrast == pytest.approx(float(contrast(state.pixels.scores(seen.encoded.query.f16).first, mask)))


@pytest.mark.parametrize(
    ("takes_mask", "takes_score", "is_known", "channels"),
    [
        (False, False, True, None),
        (True, False, True, 16),
        (True, False, False, None),
        (False, True, True, 1),
        (False, True, False, 1),
        (True, True, True, 17),
        (True, True, False, 17),
    ],
)
def test_the_decoder_is_told_what_it_takes_and_what_is_known(
    takes_mask: bool, takes_score: bool, is_known: bool, channels: int | None
) -> None:
    """The previous mask is all that may be unknown; it covers a cell, in a window that lies one cell further right."""
    settings = {"model.previous_mask": takes_mask, "model.pixel_score": takes_score, **NO_PLACE}
    engine = _engine(CONFIG.with_overrides(settings))
    observer, state = _started(engine, settings)
    seen = _look(observer, state)
    assert seen.encoded is not None
    mask = np.zeros((96, 96), np.float32)
    mask[32:48, 32:48] = 1
    previous = PreviousMask(replace(seen.window, centre=(152.0, 120.0)), mask) if is_known else None
    scores = pixel_scores(state, seen.encoded)
    assert scores is not None
    cues = told_cues(engine, seen.window, seen.encoded, previous, scores)
    if channels is None:
        assert cues is None
        return
    assert cues is not None and cues.shape == (1, channels, 6, 6)
    if takes_mask and is_known:
        told = cues[0, :16].mean(0)
        assert (told[2, 3], told.sum()) == (1, 1 - 35)
    elif takes_mask:
        assert not cues[0, :16].any()
    if takes_score:
        torch.testing.assert_close(cues[:, -1:], scores.now)


def test_without_a_pixel_model_the_decoder_is_told_the_mask_alone() -> None:
    settings = {"model.previous_mask": True, "first_look.enabled": False, **NO_PLACE}
    engine = _engine(CONFIG.with_overrides(settings))
    observer, state = _started(engine, settings)
    seen = _look(observer, state)
    assert seen.encoded is not None and pixel_scores(state, seen.encoded) is None
    cues = told_cues(engine, seen.window, seen.encoded, state.previous, None)
    assert cues is not None and cues.shape == (1, 16, 6, 6)


def test_all_of_a_patch_is_segmented_by_all_that_is_remembered(engine: Engine) -> None:
    observer, state = _started(engine, {"segmentation.decode_margin": 0, **NO_PLACE})
    seen = _look(observer, state)
    assert seen.encoded is not None
    everywhere = segment_all(engine, state, seen.window, seen.encoded, None)
    np.testing.assert_allclose(everywhere, seen.probability, atol=1e-6)


@pytest.mark.parametrize(
    ("gains", "is_pending", "at_once"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_the_frame_before_is_learnt_beside_the_search_where_there_is_one_and_the_engine_gains(
    engine: Engine, gains: bool, is_pending: bool, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer, state = _started(engine, NO_PLACE)
    if is_pending:
        state.pending = Pending(engine.encode(IMAGE[None, :96, :96]), np.ones((1, 96, 96), np.float32), 1)
    found: list[bool] = []

    @contextmanager
    def noting(work: Callable[[], object], at_once: bool) -> Iterator[None]:
        found.append(at_once)
        yield

    monkeypatch.setattr(observe, "beside", noting)
    monkeypatch.setattr(Engine, "memorises_beside", gains)
    _look(observer, state)
    assert found == [at_once]
