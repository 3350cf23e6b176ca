"""Where the next frame is searched: by hand, and on a spatial memory that has slipped."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.core.config import SegmentationConfig
from samn_tracker.core.following import is_steady, mask_leads, middle_of, next_size
from samn_tracker.core.state import TrackState
from samn_tracker.loading import load_tracker
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.spatial import Localisation, SpatialMemory
from samn_tracker.prediction import Prediction
from samn_tracker.synthetic import make_sequence

SHAPE = (100, 200)
CONFIG = SegmentationConfig(follow="peak", follow_limit=0.5, area_jump=2.0, scale_jump=0.75)


def _answer(x: int, y: int, w: int, h: int) -> Prediction:
    mask = np.zeros(SHAPE, np.uint8)
    mask[y : y + h, x : x + w] = 1
    box = np.array([x, y, w, h], np.float64)
    return Prediction(box, np.zeros((4, 2)), mask, 1.0)


def _state(centre: tuple[float, float], usual_pixels: int, scale_step: float = 0.1) -> TrackState:
    """A target of 20 x 20 pixels whose peak is at `centre`."""
    return TrackState(
        shape=SHAPE,
        centre=np.array(centre),
        size=np.array([20.0, 20.0]),
        extent=np.zeros((2, 2)),
        patch_size=96,
        threshold=0.5,
        scale_step=scale_step,
        bank=cast(AppearanceBank, None),
        spatial=None,
        last=_answer(0, 0, 1, 1),
        areas=deque([usual_pixels]),
    )


def test_the_middle_of_a_box() -> None:
    assert middle_of(np.array([10.0, 20.0, 30.0, 5.0])).tolist() == [25.0, 22.5]


# The mask's middle is (60, 50); half a target size is 10 pixels.
@pytest.mark.parametrize(
    ("peak", "usual_pixels", "follow", "leads"),
    [
        ((50.5, 50.0), 400, "peak", False),
        ((49.5, 50.0), 400, "peak", True),
        ((60.0, 61.0), 400, "peak", True),
        ((49.5, 50.0), 900, "peak", False),
        ((49.5, 50.0), 150, "peak", False),
        ((60.0, 50.0), 900, "mask", True),
    ],
)
def test_the_mask_leads_where_it_lies_apart_and_is_as_large_as_usual(
    peak: tuple[float, float], usual_pixels: int, follow: str, leads: bool
) -> None:
    config = replace(CONFIG, follow=follow)
    assert mask_leads(_state(peak, usual_pixels), _answer(50, 40, 20, 20), config) is leads


@pytest.mark.parametrize(("usual", "steady"), [(201, True), (199, False), (799, True), (801, False)])
def test_a_mask_is_steady_within_a_factor_of_the_usual_pixels(usual: int, steady: bool) -> None:
    assert is_steady(_state((60, 50), usual), _answer(50, 40, 20, 20), CONFIG) is steady


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((50, 40, 21, 21), (21.0, 21.0)),
        ((50, 40, 24, 24), (22.0, 22.0)),
        ((50, 40, 40, 10), (40.0, 10.0)),
        ((50, 40, 16, 16), (18.0, 18.0)),
        ((50, 40, 36, 36), (20.0, 20.0)),
    ],
)
def test_the_size_takes_at_most_a_step_in_scale(box: tuple[int, int, int, int], expected: tuple[float, float]) -> None:
    size = next_size(_state((60, 50), 450), _answer(*box), CONFIG)
    assert size == pytest.approx(np.array(expected))


class _Slipped:
    """A spatial memory that answers 0.6 target sizes to the right of its peak, and keeps what it is taught."""

    def __init__(self, memory: SpatialMemory) -> None:
        self._memory = memory
        self.taught: list[NDArray[np.float64] | None] = []

    def localise(self, f16: Tensor, size_crop: NDArray[np.float64], lost: bool = False) -> Localisation:
        found = self._memory.localise(f16, size_crop, lost=lost)
        return replace(found, centre_crop=found.centre_crop + np.array([0.6 * np.sqrt(size_crop.prod()), 0]))

    def memorise(
        self, found: Localisation, size_crop: NDArray[np.float64], centre_crop: NDArray[np.float64] | None = None
    ) -> None:
        self.taught.append(centre_crop)
        self._memory.memorise(found, size_crop, centre_crop=centre_crop)


@pytest.mark.parametrize(("limit", "led"), [(0.4, True), (1000.0, False)])
def test_a_filter_that_has_slipped_is_taught_the_place_of_the_mask(limit: float, led: bool) -> None:
    settings = {"runtime.threads": 1, "segmentation.patch_size_mask_start": 192, "segmentation.follow_limit": limit}
    tracker = load_tracker("samn-lite", "cpu", settings)
    sequence = make_sequence("moving", 0, 5, (240, 180), "procedural")
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    state = tracker.state
    assert state is not None and state.spatial is not None
    slipped = _Slipped(state.spatial)
    state.spatial = cast(SpatialMemory, slipped)
    for index in range(1, 5):
        answer = tracker.track(sequence.frame(index))
        assert (state.centre.tolist() == middle_of(answer.box).tolist()) is led
    assert [centre is not None for centre in slipped.taught] == [led] * 4
