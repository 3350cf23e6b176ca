"""What is decided on what was seen: a table of cases, each worked out by hand."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from frame_cases import PEAK, SHAPE, TARGET, blobs, some_observation, some_state

from samn_tracker.core.config import StartConfig, TrackerConfig
from samn_tracker.core.decide import (
    HALF_SURE,
    Seen,
    answered_confidence,
    decide,
    is_believable,
    is_large_enough,
    is_near_border,
    is_steady,
    middle_of,
)
from samn_tracker.core.decision import confidence_of
from samn_tracker.core.state import BoxHabit

CONFIG = TrackerConfig().with_overrides({"segmentation.area_jump": "2"})
MIDDLE = [60.0, 50.0]
LAST = [45.0, 40.0, 20.0, 20.0]
BIG = (46, 36, 28, 28)
"""Around the target's middle, 1.4 times as large: 784 pixels, just not twice the usual 400."""


def thing(x: int, y: int, w: int, h: int, probability: float = 0.9) -> dict[str, Any]:
    """One thing alone is seen."""
    return {"probability": blobs(((x, y, w, h), probability))}


def beside(x: int, y: int, w: int, h: int, probability: float = 1.0) -> dict[str, Any]:
    """The target, and another thing."""
    return {"probability": blobs((TARGET, 0.9), ((x, y, w, h), probability))}


NOTHING: dict[str, Any] = {"probability": blobs()}


def config(**settings: Any) -> TrackerConfig:
    return CONFIG.with_overrides({key.replace("__", "."): value for key, value in settings.items()})


# Each row: its name, changes of the observation, of the state and of the settings, and what is decided.
FOUND = [
    ("as always", {}, {}, {}, {"box": TARGET, "confidence": 0.9, "centre": PEAK, "size": [20, 20], "pixels": 400}),
    ("less sure where the filter is", {"uncertainty": 2.0}, {}, {}, {"confidence": 0.45}),
    ("no surer where the filter is", {"uncertainty": 0.0}, {}, {}, {"confidence": 0.9}),
    ("unsure, but not ruled out", {"uncertainty": 9.9}, {}, {}, {"confidence": 0.9 / 9.9}),
    ("lost before", {}, {"lost_frames": 5}, {}, {"lost_frames": 0, "elsewhere": 0}),
    ("a far part is another thing", beside(100, 100, 9, 9), {}, {}, {"pixels": 400, "box": TARGET}),
    (
        "a far part of a large target",
        beside(100, 100, 9, 9),
        {"size": np.array([80.0, 80.0])},
        {},
        {"pixels": 481, "box": (50, 40, 59, 69)},
    ),
    ("a near speck is no box's", beside(72, 45, 3, 3), {}, {}, {"pixels": 409, "box": TARGET}),
    ("a near part is the box's", beside(72, 40, 4, 10), {}, {}, {"pixels": 440, "box": (50, 40, 26, 20)}),
    ("just below the threshold", beside(70, 40, 5, 20, 0.5), {}, {}, {"pixels": 400}),
    ("just above it", beside(70, 40, 5, 20, 0.51), {}, {}, {"pixels": 500}),
    ("a lower threshold", beside(70, 40, 5, 20, 0.3), {"start": StartConfig(threshold=0.2)}, {}, {"pixels": 500}),
    # where the next search is
    ("the mask leads if asked to", {}, {}, {"segmentation__follow": "mask"}, {"centre": MIDDLE}),
    ("the mask leads without a filter", {"searched": False}, {}, {}, {"centre": MIDDLE, "taught": None}),
    ("the mask leads far from the peak", {"place": (51.9, 50.0)}, {}, {}, {"centre": MIDDLE, "taught": [30, 25]}),
    ("the peak leads near the mask", {"place": (52.1, 50.0)}, {}, {}, {"centre": [52.1, 50], "taught": [26.05, 25]}),
    ("the peak leads at the limit itself", {"place": (52.0, 50.0)}, {}, {}, {"centre": [52, 50], "taught": [26, 25]}),
    ("never the mask", {"place": (51.9, 50.0)}, {}, {"segmentation__follow_limit": "none"}, {"centre": [51.9, 50]}),
    ("not an unusually small mask", {"place": (51.9, 50.0)}, {"areas": deque([801])}, {}, {"centre": [51.9, 50]}),
    ("not an unusually large mask", {"place": (51.9, 50.0)}, {"areas": deque([199])}, {}, {"centre": [51.9, 50]}),
    ("far is a matter of size", {"place": (51.9, 50.0)}, {"size": np.array([40.0, 20.0])}, {}, {"centre": [51.9, 50]}),
    # how large
    ("grows a step", thing(*BIG), {}, {}, {"size": [22, 22], "box": BIG}),
    ("grows as far as it did", thing(50, 40, 21, 21), {}, {}, {"size": [21, 21]}),
    ("shrinks a step", thing(50, 40, 16, 16), {}, {}, {"size": [18, 18]}),
    ("another shape of the same size", thing(40, 40, 40, 10), {}, {}, {"size": [40, 10]}),
    ("no jump in pixels", thing(46, 36, 29, 28), {}, {}, {"size": [20, 20]}),
    ("no jump in size", thing(43, 33, 35, 35), {"areas": deque([1225])}, {}, {"size": [20, 20]}),
    (
        "almost a jump",
        thing(43, 33, 35, 34),
        {"areas": deque([1225])},
        {},
        {"size": [22 * (35 / 34) ** 0.5, 22 * (34 / 35) ** 0.5]},
    ),
    ("the filter is sure enough", {**thing(*BIG), "uncertainty": 3.4}, {}, {}, {"size": [22, 22]}),
    ("it is not", {**thing(*BIG), "uncertainty": 3.5}, {}, {}, {"size": [20, 20]}),
    (
        "never under two pixels",
        thing(50, 40, 60, 1),
        {"areas": deque([60]), "size": np.array([60.0, 2.0])},
        {},
        {"size": [60, 2]},
    ),
    (
        "nor after a limited step",
        thing(50, 40, 60, 2),
        {"areas": deque([100]), "size": np.array([20.0, 2.0])},
        {},
        {"size": [66 / 3**0.5, 2]},
    ),
    # what is remembered
    ("the peak is taught", {}, {}, {}, {"appearance": True, "taught": [29, 25]}),
    ("an untrusted frame teaches nothing", {"trusted": False}, {}, {}, {"appearance": False, "taught": None}),
    (
        "without filtering it does",
        {"trusted": False},
        {},
        {"appearance__sample_filtering": False},
        {"appearance": True, "taught": None},
    ),
    ("no filter, no doubt", {"searched": False}, {}, {}, {"appearance": True, "taught": None, "confidence": 0.9}),
    ("the place of the mask is taught", {}, {}, {"segmentation__follow": "mask"}, {"taught": [30, 25]}),
    # elsewhere
    ("elsewhere, and believed", {"elsewhere": True}, {}, {}, {"centre": PEAK, "taught": [29, 25]}),
    (
        "elsewhere, just sure enough",
        {"elsewhere": True, "uncertainty": 2.5, **thing(*TARGET, 1.0)},
        {},
        {},
        {"confidence": 0.4},
    ),
    ("elsewhere, just not too large", {"elsewhere": True}, {"areas": deque([81])}, {}, {"pixels": 400}),
    ("elsewhere, just not too small", {"elsewhere": True}, {"areas": deque([1999])}, {}, {"pixels": 400}),
]
LOST = [
    ("the filter rules it out", {"uncertainty": 10.0}, {}, {}, {"centre": PEAK, "lost_frames": 1, "elsewhere": 0}),
    ("ruled out earlier", {"uncertainty": 4.0}, {}, {"spatial__output_uncertainty": 4}, {}),
    ("nothing is seen", NOTHING, {}, {}, {}),
    ("numbers that are none", {"probability": np.full(SHAPE, np.nan, np.float32)}, {}, {}, {}),
    ("too few pixels", thing(58, 48, 7, 7), {}, {}, {}),
    (
        "unsure where it is",
        {"trusted": False, "uncertainty": 11.0, "place": (55.0, 50.0)},
        {},
        {},
        {"centre": [55, 50]},
    ),
    (
        "elsewhere, not sure enough",
        {"elsewhere": True, "uncertainty": 2.51, **thing(*TARGET, 1.0)},
        {},
        {},
        {"centre": [55, 50]},
    ),
    (
        "elsewhere, a faint one",
        {"elsewhere": True, **thing(*TARGET, 0.39)},
        {"start": StartConfig(threshold=0.2)},
        {},
        {},
    ),
    ("elsewhere, too large", {"elsewhere": True}, {"areas": deque([80])}, {}, {"centre": [55, 50]}),
    ("elsewhere, too small", {"elsewhere": True}, {"areas": deque([2000])}, {}, {"centre": [55, 50]}),
    ("not long enough to look further", NOTHING, {"lost_frames": 1}, {}, {"lost_frames": 2, "elsewhere": 0}),
    ("long enough", NOTHING, {"lost_frames": 2}, {}, {"lost_frames": 3, "elsewhere": 3}),
    ("never further", NOTHING, {"lost_frames": 9}, {"recovery__enabled": False}, {"lost_frames": 10, "elsewhere": 0}),
]


def _row(row: tuple[Any, ...]) -> Any:
    return pytest.param(*row[1:], id=row[0])


@pytest.mark.parametrize(("seen", "before", "settings", "expected"), [_row(row) for row in FOUND])
def test_a_found_target(seen: dict[str, Any], before: dict[str, Any], settings: dict[str, Any], expected: Any) -> None:
    state, observation = some_state(**before), some_observation(**seen)
    decision = decide(state, observation, config(**settings))
    assert decision.answer.found and decision.answer.mask is not None
    remembered, search = decision.remember, observation.search
    got = {
        "box": decision.answer.box,
        "confidence": decision.answer.confidence,
        "centre": decision.centre,
        "size": decision.size,
        "pixels": decision.pixels,
        "lost_frames": decision.lost_frames,
        "elsewhere": len(decision.elsewhere),
        "appearance": remembered.appearance is not None,
        "taught": None if remembered.filter is None else remembered.filter.centre_crop,
    }
    for key, value in expected.items():
        if value is None:
            assert got[key] is None, key
        else:
            np.testing.assert_allclose(got[key], value, rtol=1e-5, atol=1e-9, err_msg=key)
    assert decision.pixels == decision.answer.mask.sum()
    corners = decision.centre + decision.extent
    rows, columns = decision.answer.mask.any(1).nonzero()[0], decision.answer.mask.any(0).nonzero()[0]
    np.testing.assert_allclose(corners, [[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]])
    if remembered.appearance is not None:
        assert remembered.appearance is observation.probability
    if remembered.filter is not None and search is not None:
        np.testing.assert_allclose(remembered.filter.size_crop, state.size / search.window.scale)


@pytest.mark.parametrize(("seen", "before", "settings", "expected"), [_row(row) for row in LOST])
def test_a_lost_target(seen: dict[str, Any], before: dict[str, Any], settings: dict[str, Any], expected: Any) -> None:
    state, observation = some_state(**before), some_observation(**seen)
    decision = decide(state, observation, config(**settings))
    answer = decision.answer
    assert (answer.found, answer.confidence, answer.box.tolist()) == (False, 0.0, LAST)
    assert answer.mask is state.last.mask and answer.polygon is state.last.polygon
    assert decision.remember.appearance is None and decision.remember.filter is None
    assert decision.pixels is None
    assert decision.size is state.size and decision.extent is state.extent
    assert decision.lost_frames == expected.get("lost_frames", 1)
    assert len(decision.elsewhere) == expected.get("elsewhere", 0)
    if "centre" in expected:
        assert decision.centre.tolist() == list(expected["centre"])


def test_confidence_speaks_of_the_object_of_the_mask() -> None:
    """A larger and surer thing in the same patch has nothing to say."""
    decision = decide(some_state(), some_observation(blobs((TARGET, 0.6), ((90, 90, 30, 30), 1.0))), CONFIG)
    assert decision.pixels == 400
    assert decision.answer.confidence == pytest.approx(0.6)


def test_a_target_of_too_few_pixels_is_not_saved_by_another_thing() -> None:
    seen = blobs(((58, 48, 7, 7), 0.9), ((90, 90, 30, 30), 0.9))
    near = replace(some_observation(seen), place=np.array([61.0, 51.0]))
    assert not decide(some_state(size=np.array([4.0, 4.0])), near, CONFIG).answer.found


def test_the_middle_of_a_box() -> None:
    assert middle_of(np.array([10.0, 20.0, 30.0, 5.0])).tolist() == [25.0, 22.5]


@pytest.mark.parametrize(("usual", "steady"), [(201, True), (200, False), (799, True), (800, False)])
def test_a_mask_is_steady_within_a_factor_of_the_usual_pixels(usual: int, steady: bool) -> None:
    assert is_steady(400, deque([usual, usual]), CONFIG.segmentation) is steady


def test_a_mask_is_steady_where_nothing_is_usual_yet() -> None:
    assert is_steady(400, deque(), CONFIG.segmentation)
    assert not is_steady(2, deque([0]), CONFIG.segmentation), "a usual mask has at least one pixel"
    assert is_steady(1, deque([0]), CONFIG.segmentation)


@pytest.mark.parametrize(("pixels", "believed"), [(4, True), (5, False)])
def test_a_usual_mask_of_no_pixels_counts_as_one(pixels: int, believed: bool) -> None:
    """Found elsewhere, a target has less than five times its usual pixels."""
    mask = np.ones((1, pixels), np.uint8)
    assert is_believable(Seen(mask, mask, 1.0), deque([0])) is believed


@pytest.mark.parametrize(
    ("pixels", "scale", "enough"),
    [(50, 1.0, True), (49, 1.0, False), (200, 2.0, True), (199, 2.0, False), (0, 0.0, False)],
)
def test_pixels_are_counted_as_the_patch_has_them(pixels: int, scale: float, enough: bool) -> None:
    mask = np.zeros(400, np.uint8)
    mask[:pixels] = 1
    assert is_large_enough(mask.reshape(20, 20), scale, 50) is enough


def test_one_pixel_is_a_mask_where_no_more_are_asked_for() -> None:
    assert is_large_enough(np.ones((1, 1), np.uint8), 1.0, 1)
    assert not is_large_enough(np.zeros((1, 1), np.uint8), 1.0, 0)


def test_the_patch_is_laid_back_into_the_image_at_its_scale() -> None:
    """A patch pixel is two image pixels wide; the target's 10 x 10 patch pixels are 20 x 20 in the image."""
    seen = some_observation(blobs(((25, 20, 10, 10), 0.9)), scale=2.0)
    answer = decide(some_state(shape=(256, 256)), seen, CONFIG).answer
    np.testing.assert_allclose(answer.box, TARGET, atol=1)
    assert not decide(
        some_state(shape=(256, 256)), some_observation(blobs(((25, 20, 7, 7), 0.9)), scale=2.0), CONFIG
    ).answer.found


def test_confidence_is_the_mean_over_the_mask_alone() -> None:
    probability = np.array([[0.2, 0.8], [0.6, 1.0]], np.float32)
    mask = np.array([[0, 1], [1, 0]], np.uint8)
    assert confidence_of(probability, mask, 0.0) == pytest.approx(0.7)
    assert confidence_of(probability, mask, 3.5) == pytest.approx(0.2)
    assert confidence_of(probability, np.zeros_like(mask), 0.0) == 0


def test_boxes_follow_the_habit_of_the_start_and_the_mask_does_not() -> None:
    state = some_state(habit=BoxHabit(scale=(1.5, 1.0), shift=(0.1, 0.0), polygon_scale=1.2))
    decision = decide(state, some_observation(), config(segmentation__follow="mask"))
    assert decision.answer.box.tolist() == [47, 40, 30, 20]
    assert decision.centre.tolist() == [62, 50]
    tight = np.array([[50.0, 40], [70, 40], [70, 60], [50, 60]])
    np.testing.assert_allclose(decision.answer.polygon, MIDDLE + 1.2 * (tight - MIDDLE))
    assert decision.pixels == 400


def test_places_elsewhere_are_those_of_the_frames_since_the_target_was_lost() -> None:
    """Windows are 70 wide and places 52.5 apart; of the ring around (60, 64) eight lie in the image: three a frame."""
    nothing = {**NOTHING, "place": (60.0, 64.0)}
    visited = [
        decide(some_state(lost_frames=lost), some_observation(**nothing), CONFIG).elsewhere.tolist()
        for lost in (2, 3, 4)
    ]
    ring = [[x, y] for x in (7.5, 60.0, 112.5) for y in (11.5, 64.0, 116.5) if (x, y) != (60.0, 64.0)]
    assert all(len(places) == 3 for places in visited)
    assert sorted(map(tuple, visited[0] + visited[1] + visited[2][:2])) == sorted(map(tuple, ring))


def test_deciding_changes_nothing_and_gives_the_same_again() -> None:
    state, observation = some_state(lost_frames=4, areas=deque([300, 500], maxlen=25)), some_observation()
    before = copy.deepcopy(state)
    first, second = decide(state, observation, CONFIG), decide(state, observation, CONFIG)
    assert state.areas == before.areas and state.lost_frames == before.lost_frames
    assert state.frame_index == before.frame_index and state.pending is None
    for name in ("centre", "size", "extent", "elsewhere"):
        assert np.array_equal(getattr(state, name), getattr(before, name)), name
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert np.array_equal(observation.probability, some_observation().probability)


@pytest.mark.parametrize(
    ("contrast", "peak", "uncertainty", "areas", "expected"),
    [
        (None, 0.5, 2.0, [4], 0.45),  # not asked: the mask's probability, halved by the doubt
        (0.4, 0.5, 1.0, [4], 0.18 / (0.18 + HALF_SURE)),
        (0.4, 0.25, 2.0, [4], 0.09 / (0.09 + HALF_SURE)),  # the peak says what the uncertainty would say again
        (0.0, 0.5, 1.0, [4], 0.01),  # on something that the first frame does not know, but seen
        (-0.2, 0.5, 1.0, [4], 0.01),
        (0.4, 3.0, 1.0, [4], 0.36 / (0.36 + HALF_SURE)),  # a peak above the label's counts as that
        (0.4, -0.5, 1.0, [4], 0.01),
        (0.4, None, 1.0, [4], 0.36 / (0.36 + HALF_SURE)),  # without a spatial memory there is no peak to ask
        (0.4, 0.5, 1.0, [2], 0.18 / (0.18 + HALF_SURE)),  # more pixels than usual say nothing
        (0.4, 0.5, 1.0, [6, 10], 0.09 / (0.09 + HALF_SURE)),  # half of the usual ones are seen
    ],
)
def test_confidence_weighs_what_the_first_frame_knows(
    contrast: float | None, peak: float | None, uncertainty: float, areas: list[int], expected: float
) -> None:
    mask = np.ones((2, 2), np.uint8)
    seen = Seen(mask, mask, 0.9 / max(1.0, uncertainty))
    search = None if peak is None else SimpleNamespace(localisation=SimpleNamespace(peak=peak))
    observation = SimpleNamespace(contrast=contrast, uncertainty=uncertainty, search=search)
    assert answered_confidence(seen, areas, observation) == pytest.approx(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("contrast", "found"), [(None, True), (0.0315, True), (0.0295, False), (0.0, False)])
def test_what_is_seen_too_faintly_is_a_guess(contrast: float | None, found: bool) -> None:
    """Evidence is contrast times 0.9, the mask's probability: 0.0275 is half sure. Tracking goes on as ever."""
    observation = some_observation(contrast=contrast, searched=False)
    decision = decide(some_state(), observation, CONFIG)
    assert decision.answer.found is found and decision.answer.is_seen
    assert decision.lost_frames == 0 and decision.remember.appearance is not None
    np.testing.assert_allclose(decision.answer.box, TARGET)


MEDIAN = StartConfig(patch_size=128, threshold=0.5, size_frames=5)


@pytest.mark.parametrize(
    ("sizes", "frames", "expected"),
    [
        ([[20, 20]] * 2, 5, [20, 20]),  # a start counts as two of five: 20, 20, 24
        ([[20, 20], [30, 10], [22, 22], [40, 40]], 5, [24, 22]),  # widths 20 22 24 30 40, heights 10 20 22 24 40
        ([[90, 90], [24, 24], [24, 24], [10, 10], [10, 10]], 5, [24, 24]),  # the oldest is out
        ([[90, 90], [90, 90], [10, 10]], 3, [24, 24]),
        ([[20, 20]], 2, [22, 22]),
    ],
)
def test_the_size_is_the_median_of_the_latest(sizes: list[list[float]], frames: int, expected: list[float]) -> None:
    start = replace(MEDIAN, size_frames=frames)
    state = some_state(start=start, sizes=deque([np.array(size, float) for size in sizes], maxlen=frames))
    decision = decide(state, some_observation(**thing(48, 38, 24, 24)), CONFIG)
    assert decision.seen_size is not None and decision.seen_size.tolist() == [24, 24]
    assert decision.size.tolist() == expected


@pytest.mark.parametrize(
    ("box", "counts"),
    [
        ((50, 1, 20, 14), False),  # the border, at less than a tenth of 20 pixels, cuts it
        ((109, 50, 18, 18), False),
        ((50, 1, 22, 22), True),  # larger than it was
        ((50, 1, 20, 20), True),  # or as large
        ((50, 1, 14, 20), False),
        ((50, 3, 20, 14), True),
    ],
)
def test_a_target_that_the_border_cuts_keeps_its_size(box: tuple[int, int, int, int], counts: bool) -> None:
    state = some_state(start=replace(MEDIAN, size_frames=3), sizes=deque([np.array([20.0, 20.0])], maxlen=3))
    middle = (box[0] + box[2] / 2, box[1] + box[3] / 2)
    decision = decide(state, some_observation(blobs((box, 0.9)), place=middle), CONFIG)
    assert (decision.seen_size is not None) is counts
    assert counts or decision.size.tolist() == [20, 20]


@pytest.mark.parametrize(
    ("box", "near"),
    [
        ((2, 50, 20, 20), False),
        ((1.9, 50, 20, 20), True),
        ((50, 2, 20, 20), False),
        ((50, 1.9, 20, 20), True),
        ((98, 50, 20, 20), False),  # it ends at 118 of 120
        ((98.1, 50, 20, 20), True),
        ((50, 78, 20, 20), False),
        ((50, 78.1, 20, 20), True),
        ((50, 50, 1, 20), False),
        ((100, 50, 10, 30), False),
    ],
)
def test_a_box_is_near_the_border_of_an_image_of_120_by_100(box: tuple[float, ...], near: bool) -> None:
    assert is_near_border(np.array(box), 2.0, (100, 120)) is near


@pytest.mark.parametrize(("top", "share"), [(0, 1.0), (40, 0.5)])
def test_few_pixels_speak_against_a_target_unless_the_border_cuts_it(top: int, share: float) -> None:
    observation = some_observation(
        blobs(((50, top, 20, 10), 0.9)), place=(60.0, top + 5.0), searched=False, contrast=0.1
    )
    evidence = 0.1 * 0.9 * share
    assert decide(some_state(), observation, CONFIG).answer.confidence == pytest.approx(
        evidence / (evidence + HALF_SURE), rel=1e-5
    )
