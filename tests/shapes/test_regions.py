"""Regions: checked targets, conversions with answers worked out by hand, and the rules that hold for any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from samn_tracker.errors import RegionError
from samn_tracker.shapes import regions

IMAGE = (40, 60)  # rows, columns
TRIANGLE = np.array([[10.0, 5.0], [30.0, 5.0], [10.0, 25.0]])
masks = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 1))
coordinates = st.floats(-30, 90)


def mask_of(*pixels: tuple[int, int], shape: tuple[int, int] = IMAGE) -> NDArray[np.uint8]:
    mask = np.zeros(shape, dtype=np.uint8)
    for row, column in pixels:
        mask[row, column] = 1
    return mask


@pytest.mark.parametrize(
    ("target", "kind", "shape"),
    [
        ([10, 5, 20, 10], "box", (4,)),
        ([10, 5, 30, 5, 30, 15, 10, 15], "polygon", (4, 2)),
        ([[10, 5], [30, 5], [30, 15], [10, 15]], "polygon", (4, 2)),
        (TRIANGLE, "polygon", (3, 2)),
        (np.ones(IMAGE, dtype=bool), "mask", IMAGE),
        (np.full(IMAGE, 255, dtype=np.int64), "mask", IMAGE),
        ([-10, -5, 20, 10], "box", (4,)),
    ],
)
def test_targets_that_are_accepted(target: Any, kind: str, shape: tuple[int, ...]) -> None:
    result = regions.as_target(target, (*IMAGE, 3))
    assert regions.target_kind(target) == kind
    assert result.shape == shape
    assert result.dtype == (np.uint8 if kind == "mask" else np.float64)
    if kind == "mask":
        assert set(np.unique(result)) == {1}
    else:
        np.testing.assert_array_equal(result.ravel(), np.asarray(target).ravel())


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([10, 5, float("nan"), 10], "not finite"),
        ([10, float("inf"), 5, 10], "not finite"),
        ([[10, 5], [30, float("nan")], [30, 15]], "not finite"),
        (
            [0.0, 9e307, 1.0, 9e307],
            r"beyond 1e\+09",
        ),  # its lower edge would be infinite: an error of the geometry library
        ([[-2e9, 0.0], [30.0, 0.0], [30.0, 15.0]], r"beyond 1e\+09"),
        ([10, 5, 0, 10], "no area"),
        ([10, 5, 20, -3], "no area"),
        ([10, 5, 20, 5, 30, 5, 40, 5], "no area"),
        ([100, 5, 20, 10], r"outside the image of 60 x 40"),
        ([60, 5, 20, 10], "outside the image"),
        ([[-10, 0], [-5, 0], [-5, 10]], "outside the image"),
        (np.zeros(IMAGE, dtype=np.uint8), "empty"),
        (np.ones((41, 60), dtype=np.uint8), r"the mask is \(41, 60\), the image \(40, 60\)"),
        (np.ones(IMAGE, dtype=np.float32), "threshold"),
        ([1, 2, 3], "none of ours"),
        ([1, 2, 3, 4, 5], "none of ours"),
        (np.ones((*IMAGE, 1), dtype=np.uint8), "none of ours"),
        (np.ones((1, *IMAGE), dtype=np.uint8), "none of ours"),
        (None, "array of numbers"),
        ("10,5,20,10", "array of numbers"),
        ([[1, 2], [3]], "regular array"),
    ],
)
def test_targets_that_are_refused(target: Any, message: str) -> None:
    with pytest.raises(RegionError, match=message):
        regions.as_target(target, (*IMAGE, 3))


def test_a_checked_target_is_a_copy() -> None:
    target = np.array([10.0, 5.0, 20.0, 10.0])
    regions.as_target(target, IMAGE)[0] = 0
    assert target[0] == 10


def test_a_bow_tie_is_a_polygon_with_area() -> None:
    bow_tie = [[10, 5], [30, 25], [30, 5], [10, 25]]
    assert regions.as_target(bow_tie, IMAGE).shape == (4, 2)


def test_box_and_polygon() -> None:
    box = np.array([10.0, 5.0, 20.0, 10.0])
    polygon = regions.box_to_polygon(box)
    assert polygon.tolist() == [[10, 5], [30, 5], [30, 15], [10, 15]]
    np.testing.assert_array_equal(regions.polygon_to_box(polygon), box)
    assert regions.polygon_to_box(TRIANGLE).tolist() == [10, 5, 20, 20]
    assert regions.polygon_area(TRIANGLE) == 200


def test_the_same_area_box_of_a_diamond() -> None:
    diamond = np.array([[10.0, 0.0], [20.0, 10.0], [10.0, 20.0], [0.0, 10.0]])
    side = 200**0.5
    np.testing.assert_allclose(regions.polygon_to_box_same_area(diamond), [10 - side / 2, 10 - side / 2, side, side])


@given(st.tuples(coordinates, coordinates), st.floats(1, 50), st.floats(1, 50), st.floats(0, 180))
def test_the_same_area_box_keeps_area_and_centre(
    centre: tuple[float, float], width: float, height: float, degrees: float
) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    polygon = regions.box_to_polygon(np.array([-width / 2, -height / 2, width, height])) @ turn + centre
    box = regions.polygon_to_box_same_area(polygon)
    assert box[2] * box[3] == pytest.approx(width * height)
    np.testing.assert_allclose(box[:2] + box[2:] / 2, centre, atol=1e-9)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([10, 5, 20, 10], [10, 5, 20, 10]),
        ([-10, -5, 20, 10], [0, 0, 10, 5]),
        ([50, 30, 20, 20], [50, 30, 10, 10]),
        ([-30, 10, 20, 5], [0, 10, 0, 5]),
    ],
)
def test_clip_box(box: list[float], expected: list[float]) -> None:
    assert regions.clip_box(np.array(box, dtype=float), IMAGE).tolist() == expected


def test_box_to_mask_covers_pixels_by_their_centres() -> None:
    mask = regions.box_to_mask(np.array([10.5, 5.4, 3.0, 2.0]), IMAGE)
    expected = np.zeros(IMAGE, dtype=np.uint8)
    expected[5:7, 10:13] = 1  # centres 10.5, 11.5, 12.5 from the edge 10.5 on, 13.5 not
    np.testing.assert_array_equal(mask, expected)


def test_mask_to_box() -> None:
    assert regions.mask_to_box(mask_of((7, 12))).tolist() == [12, 7, 1, 1]
    assert regions.mask_to_box(mask_of((7, 12), (9, 20))).tolist() == [12, 7, 9, 3]
    assert regions.mask_to_box(mask_of((0, 0), (39, 59)).astype(bool)).tolist() == [0, 0, 60, 40]
    with pytest.raises(RegionError, match="empty"):
        regions.mask_to_box(np.zeros(IMAGE, dtype=np.uint8))


def test_mask_to_box_undoes_box_to_mask() -> None:
    box = np.array([13.0, 4.0, 22.0, 9.0])
    np.testing.assert_array_equal(regions.mask_to_box(regions.box_to_mask(box, IMAGE)), box)


def test_largest_component_joins_pixels_that_touch_at_a_corner() -> None:
    mask = mask_of((2, 2), (3, 3), (4, 4), (20, 20), (20, 21))
    np.testing.assert_array_equal(regions.largest_component(mask), mask_of((2, 2), (3, 3), (4, 4)))
    np.testing.assert_array_equal(regions.largest_component(mask, 3), mask_of((2, 2), (3, 3), (4, 4)))
    assert not regions.largest_component(mask, 4).any()
    assert not regions.largest_component(np.zeros(IMAGE, dtype=np.uint8)).any()


def test_largest_component_reads_any_layout() -> None:
    mask = np.zeros((40, 60), dtype=bool)
    mask[3:9, 5:8] = True
    mask[30, 40] = True
    expected = mask.copy()
    expected[30, 40] = False
    np.testing.assert_array_equal(regions.largest_component(mask.T), expected.T)


def test_box_iou() -> None:
    first = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 0, 0]], dtype=float)
    second = np.array([[5, 0, 10, 10], [10, 0, 10, 10], [0, 0, 10, 10], [0, 0, 0, 0]], dtype=float)
    np.testing.assert_allclose(regions.box_iou(first, second), [1 / 3, 0, 1, 0])
    np.testing.assert_allclose(regions.box_iou(first[0], second), [1 / 3, 0, 1, 0])
    assert regions.box_iou(first[0], second[0]) == pytest.approx(1 / 3)


def test_polygon_iou() -> None:
    square = regions.box_to_polygon(np.array([0.0, 0.0, 10.0, 10.0]))
    half = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    assert regions.polygon_iou(square, half) == pytest.approx(0.5)
    assert regions.polygon_iou(square, square + 20) == 0
    wide = regions.box_to_polygon(np.array([-10.0, 0.0, 20.0, 10.0]))
    assert regions.polygon_iou(square, wide) == pytest.approx(0.5)
    assert regions.polygon_iou(square, wide, IMAGE) == pytest.approx(1)
    assert regions.polygon_iou(square - 50, square - 50, IMAGE) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=4, max_size=4))
def test_box_iou_agrees_with_polygon_iou(corners: list[tuple[int, int]]) -> None:
    first, second = (
        np.array([*corners[index], *(side + 1 for side in corners[index + 1])], dtype=float) for index in (0, 2)
    )
    by_shape = regions.polygon_iou(regions.box_to_polygon(first), regions.box_to_polygon(second))
    assert regions.box_iou(first, second) == pytest.approx(by_shape)


def test_mask_iou() -> None:
    empty = np.zeros(IMAGE, dtype=np.uint8)
    assert regions.mask_iou(mask_of((1, 1), (1, 2)), 255 * mask_of((1, 2), (1, 3))) == pytest.approx(1 / 3)
    assert regions.mask_iou(empty, empty) == 1
    assert regions.mask_iou(empty, mask_of((1, 1))) == 0
    with pytest.raises(RegionError, match="one image size"):
        regions.mask_iou(empty, empty[:, 1:])


@pytest.mark.parametrize(
    ("mask", "runs"),
    [
        ([[0, 0, 1], [1, 0, 0]], [2, 2, 2]),
        ([[1, 0, 0], [0, 0, 1]], [0, 1, 4, 1]),
        ([[0, 0, 0], [0, 0, 0]], [6]),
        ([[1, 1, 1], [1, 1, 1]], [0, 6]),
    ],
)
def test_run_lengths(mask: list[list[int]], runs: list[int]) -> None:
    array = np.array(mask, dtype=np.uint8)
    assert regions.rle_encode(array).tolist() == runs
    np.testing.assert_array_equal(regions.rle_decode(runs, (2, 3)), array)


@given(masks)
def test_run_lengths_round_trip(mask: NDArray[np.uint8]) -> None:
    runs = regions.rle_encode(mask)
    assert (runs[1:] > 0).all()
    np.testing.assert_array_equal(regions.rle_decode(runs, mask.shape), mask)


@pytest.mark.parametrize("runs", [[2, 2, 1], [2, 2, 3], [3, -1, 4], []])
def test_run_lengths_that_do_not_fill_the_mask(runs: list[int]) -> None:
    with pytest.raises(RegionError, match="fill a mask of 3 x 2 pixels"):
        regions.rle_decode(runs, (2, 3))


def test_the_part_near_the_located_centre_is_preferred_to_a_larger_one_far_away() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[10:20, 10:20] = 1  # the target, middle (15, 15)
    mask[10:14, 24:28] = 1  # a part of it, 11 pixels away
    mask[60:80, 60:80] = 1  # another object, four times as large
    large, kept = regions.parts_around(mask, np.array([15.0, 15.0]), 15.0, 0.2)
    assert np.argwhere(large).min(0).tolist() == [10, 10]
    assert large.sum() == 100
    assert kept.sum() == 100 + 16
    assert regions.parts_around(mask, np.array([15.0, 15.0]), 15.0, 0.16)[0].sum() == 100 + 16
    far, all_of_it = regions.parts_around(mask, np.array([70.0, 70.0]), 15.0, 0.1)
    assert far.sum() == all_of_it.sum() == 400
    assert not regions.parts_around(np.zeros((5, 5), np.uint8), np.zeros(2), 1.0, 0.1)[1].any()


def test_run_lengths_of_more_pixels_than_any_image_has_take_no_memory() -> None:
    with pytest.raises(RegionError, match="a mask of 1000000 x 1000000 pixels is larger than any image"):
        regions.rle_decode([10**12], (10**6, 10**6))
