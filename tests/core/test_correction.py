"""A correction in mid-video: where it puts the target, what it changes and what it leaves; and clicks as a target."""

from __future__ import annotations

import numpy as np
import pytest

from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import RegionError, TrackerStateError
from samn_tracker.loading import load_tracker
from samn_tracker.shapes.points import Points
from samn_tracker.shapes.regions import mask_iou, mask_to_box

SIZE = (120, 160)
SMALL = {f"{key}.patch_size": 128 for key in ("box_start", "mask_start", "spatial")}


def truth(x: int, y: int = 50) -> np.ndarray:
    mask = np.zeros(SIZE, dtype=np.uint8)
    mask[y : y + 26, x : x + 26] = 1
    return mask


def frame(x: int, y: int = 50) -> np.ndarray:
    """A blue square at (x, y) on grey noise."""
    image = np.random.default_rng(0).integers(90, 120, (*SIZE, 3), dtype=np.uint8)
    image[truth(x, y) > 0] = (30, 60, 230)
    return image


@pytest.fixture
def tracker() -> Tracker:
    return load_tracker("samn-lite", "cpu", SMALL)


def test_points_start_a_tracker_on_the_object_that_they_show(tracker: Tracker) -> None:
    first = tracker.initialize(frame(40), Points([53, 63]))
    assert mask_iou(first.mask, truth(40)) > 0.85
    assert mask_iou(tracker.track(frame(44)).mask, truth(44)) > 0.8


def test_a_correction_moves_the_target_and_is_never_forgotten(tracker: Tracker) -> None:
    tracker.initialize(frame(10), truth(10))
    for step in range(3):
        tracker.track(frame(10 + step))
    answer = tracker.correct(truth(100, 20), frame(100, 20))
    assert answer.box.tolist() == [100, 20, 26, 26] and answer.found and answer.confidence == 1
    assert np.array_equal(answer.mask, truth(100, 20))
    assert tracker.state is not None and tracker.state.centre.tolist() == [113, 33]
    corrected = tracker.state.frame_index
    for step in range(60):
        answer = tracker.track(frame(100 - step, 20))
    assert mask_iou(answer.mask, truth(41, 20)) > 0.8
    assert {0, corrected} <= set(tracker.state.bank.frame_indices)


def test_a_correction_of_the_present_frame_drops_what_it_was_taken_for(tracker: Tracker) -> None:
    tracker.initialize(frame(40), truth(40))
    tracker.track(frame(44))
    assert tracker.state is not None
    index = tracker.state.frame_index
    tracker.correct(truth(44))
    assert tracker.state.frame_index == index
    assert tracker.state.pending is None
    assert tracker.state.bank.frame_indices == [0, index]


def test_a_click_on_a_known_target_finds_it_where_it_was_not_followed(tracker: Tracker) -> None:
    tracker.initialize(frame(10), truth(10))
    answer = tracker.correct(Points([123, 33]), frame(110, 20))
    assert mask_iou(answer.mask, truth(110, 20)) > 0.85


def test_a_corrected_part_is_searched_in_its_own_size_and_the_whole_target_after_it(tracker: Tracker) -> None:
    """libby between tree and post: cut for the whole dog, the patch showed what was seen of it too coarsely."""
    tracker.initialize(frame(40), truth(40))
    half = truth(40)
    half[:, 53:] = 0
    hidden = frame(40)
    hidden[:, 53:] = 105
    tracker.correct(half, hidden)
    assert tracker.state is not None and tracker.state.size.tolist() == [13, 26]
    assert list(tracker.state.areas) == [13 * 26]
    for step in range(12):
        answer = tracker.track(frame(40 + step))
    assert mask_iou(answer.mask, truth(51)) > 0.8


def test_proposing_and_remembering_change_no_answer(tracker: Tracker) -> None:
    tracker.initialize(frame(40), truth(40))
    tracker.track(frame(42))
    before = tracker.state.bank.frame_indices
    proposed = tracker.propose(frame(44), Points([57, 63], [5, 5]))
    assert mask_iou(proposed, truth(44)) > 0.85
    assert tracker.state.bank.frame_indices == before
    centre = tracker.state.centre.copy()
    tracker.remember(frame(80), truth(80))
    assert np.array_equal(tracker.state.centre, centre)
    assert len(tracker.state.bank.frame_indices) > len(before)
    assert mask_iou(tracker.track(frame(44)).mask, truth(44)) > 0.8


def test_a_box_is_proposed_as_what_is_segmented_in_it(tracker: Tracker) -> None:
    mask = tracker.propose(frame(40), [36, 46, 34, 34])
    assert mask_iou(mask, truth(40)) > 0.8
    low, high = mask_to_box(mask)[:2], mask_to_box(mask)[:2] + mask_to_box(mask)[2:]
    assert (low >= [33, 43]).all() and (high <= [73, 83]).all()


def test_correct_before_initialize_and_impossible_points_are_errors(tracker: Tracker) -> None:
    with pytest.raises(TrackerStateError, match=r"correct\(\) was called before initialize"):
        tracker.correct(truth(40), frame(40))
    with pytest.raises(TrackerStateError, match=r"remember\(\) was called before initialize"):
        tracker.remember(frame(40), truth(40))
    with pytest.raises(RegionError, match="lies outside the image of 160 x 120"):
        tracker.initialize(frame(40), Points([160, 20]))
    tracker.initialize(frame(40), truth(40))
    with pytest.raises(RegionError, match="the mask is empty"):
        tracker.correct(np.zeros(SIZE, dtype=np.uint8))


def test_the_first_mask_after_a_box_start_is_the_trackers_own_and_not_the_filled_box(tracker: Tracker) -> None:
    given = [34, 44, 38, 38]
    first = tracker.initialize(frame(40), given)
    assert first.box.tolist() == given, "the box is as it was given"
    assert first.mask is not None and mask_iou(first.mask, truth(40)) > 0.85
    assert first.mask.sum() < 38 * 38
    assert 0.5 < first.confidence < 1


def test_the_first_polygon_is_kept_and_its_mask_segmented(tracker: Tracker) -> None:
    corners = np.array([[53.0, 36], [80, 63], [53, 90], [26, 63]])
    first = tracker.initialize(frame(40), corners)
    assert np.array_equal(first.polygon, corners)
    assert mask_iou(first.mask, truth(40)) > 0.85


def test_a_box_in_which_nothing_is_seen_is_filled_and_not_certain(tracker: Tracker) -> None:
    """On one flat colour the network finds no object in the box; the mask is the box, and says that it is a guess."""
    plain = np.full((*SIZE, 3), 100, dtype=np.uint8)
    first = tracker.initialize(plain, [60, 40, 20, 20])
    assert first.mask is not None and first.mask.any()
    assert first.confidence < 1


def test_a_mask_of_something_else_is_not_remembered_where_the_memory_is_asked(tracker: Tracker) -> None:
    tracker.initialize(frame(40), truth(40))
    assert tracker.state is not None
    assert not tracker.remember(frame(100), truth(40), 0.5), "the grey noise where the square was"
    assert tracker.state.bank.frame_indices == [0]
    assert tracker.remember(frame(100), truth(100), 0.5)
    assert len(tracker.state.bank.frame_indices) == 2


def test_confidence_stays_low_after_a_correction(tracker: Tracker) -> None:
    """It did: what tells the target from the rest had never seen it as it was shown."""
    green = np.where(truth(100, 20)[..., None] > 0, np.array([40, 170, 60], np.uint8), frame(100, 20))
    tracker.initialize(frame(10), truth(10))
    tracker.correct(truth(100, 20), green)
    untaught = load_tracker("samn-lite", "cpu", SMALL)
    untaught.initialize(frame(10), truth(10))
    untaught.correct(truth(100, 20), green, permanent=False)
    contrasts = []
    for one in (tracker, untaught):
        one.keep_observation = True
        assert mask_iou(one.track(green).mask, truth(100, 20)) > 0.8
        assert one.observation is not None and one.observation.contrast is not None
        contrasts.append(one.observation.contrast)
    assert contrasts[0] > 1.15 * contrasts[1]


def test_the_first_frame_is_known_as_before_after_a_correction(tracker: Tracker) -> None:
    tracker.initialize(frame(10), truth(10))
    tracker.correct(truth(100, 20), frame(100, 20))
    tracker.correct(truth(12), frame(12))
    assert tracker.track(frame(12)).confidence > 0.6
