"""Clicks: their text and their checks, and what GrabCut cuts out and changes for them on plain pictures."""

from __future__ import annotations

import numpy as np
import pytest

from samn_tracker.errors import RegionError
from samn_tracker.shapes.points import Points, adjust, cut_around, points_from_text, with_points
from samn_tracker.shapes.regions import mask_iou

NONE = np.zeros((0, 2))


def picture(*squares: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Red squares of 20 pixels at x, y on green noise, and their mask."""
    image = np.random.default_rng(1).integers(0, 40, (100, 140, 3), dtype=np.uint8)
    image[..., 1] += 120
    mask = np.zeros((100, 140), dtype=np.uint8)
    for x, y in squares:
        mask[y : y + 20, x : x + 20] = 1
    image[mask > 0] = (210, 30, 30)
    return image, mask


def test_points_from_text() -> None:
    points = points_from_text(["310,120", "5, 6.5,+", "7,8,-"])
    assert points.positive.tolist() == [[310, 120], [5, 6.5]]
    assert points.negative.tolist() == [[7, 8]]
    assert points.count == 3


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "1,2,+,4", "a,b", "1,2,*"])
def test_text_that_is_no_point_is_an_error(text: str) -> None:
    with pytest.raises(RegionError, match=r"is not x,y or x,y,\+"):
        points_from_text([text])


@pytest.mark.parametrize(
    ("positive", "negative", "words"),
    [
        ([], [], "no point is on the target"),
        ([], [[1, 2]], "no point is on the target"),
        ([[1, 2, 3]], [], r"positive points have shape \(1, 3\)"),
        ([[1, np.nan]], [], "finite"),
        ([[1, 2]], [[np.inf, 2]], "negative points"),
        ("ab", [], "not pairs of numbers"),
        ([[1, 2], [3]], [], "not pairs of numbers"),
    ],
)
def test_impossible_points_are_errors(positive: object, negative: object, words: str) -> None:
    with pytest.raises(RegionError, match=words):
        Points(positive, negative)


@pytest.mark.parametrize("point", [(-1, 5), (140, 5), (5, 100)])
def test_points_outside_are_errors(point: tuple[int, int]) -> None:
    with pytest.raises(RegionError, match="lies outside the image of 140 x 100"):
        Points([point]).check_inside((100, 140, 3))
    Points([(0, 0), (139.9, 99.9)]).check_inside((100, 140))


def test_a_click_cuts_out_the_square_it_is_on_and_not_the_other() -> None:
    image, _ = picture((30, 40), (100, 40))
    _, first = picture((30, 40))
    assert mask_iou(cut_around(image, Points([40, 50]), 60), first) > 0.9
    assert cut_around(image, Points([40, 50]), 60)[50, 110] == 0


def test_a_cut_at_the_border_reaches_it_and_does_not_depend_on_what_ran_before() -> None:
    image, mask = picture((0, 80))
    one = cut_around(image, Points([5, 95]), 70)
    cut_around(picture((60, 10))[0], Points([70, 20]), 50)
    assert np.array_equal(one, cut_around(image, Points([5, 95]), 70))
    assert one[99, 0] and mask_iou(one, mask) > 0.85


def test_adjusting_changes_the_part_at_the_point_only() -> None:
    image, both = picture((30, 40), (90, 40))
    _, first = picture((30, 40))
    added = adjust(image, first, np.array([[100.0, 50.0]]), NONE)
    assert mask_iou(added, both) > 0.9
    removed = adjust(image, both, NONE, np.array([[100.0, 50.0]]))
    assert removed[50, 40] and not removed[50, 100]
    assert adjust(image, both, np.array([[40.0, 50.0]]), np.array([[5.0, 5.0]])) is both, "nothing is contradicted"


def test_parts_with_points() -> None:
    _, both = picture((30, 40), (90, 40))
    _, second = picture((90, 40))
    assert np.array_equal(with_points(both, np.array([[95.0, 45.0], [1.0, 1.0]])), second)
    assert not with_points(both, NONE).any()
