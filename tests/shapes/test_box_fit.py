"""The rotated-box fit: exact on boxes, tight on natural shapes, and a valid polygon for anything that has a pixel."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from samn_tracker.errors import RegionError
from samn_tracker.shapes import box_fit
from samn_tracker.shapes.box_fit import fit_rotated_box
from samn_tracker.shapes.regions import box_to_mask, polygon_area, polygon_iou, polygon_to_mask

IMAGE = (240, 320)


def rectangle(size: tuple[float, float], degrees: float) -> NDArray[np.float64]:
    return cv2.boxPoints(((160.0, 120.0), size, degrees)).astype(np.float64)


def score(mask: NDArray[np.uint8], polygon: NDArray[np.float64]) -> float:
    """|mask ∩ box| / (alpha · |box without mask| + |mask|), in whole pixels."""
    box = polygon_to_mask(polygon, mask.shape)
    inside, outside = int((mask & box).sum()), int((box & (1 - mask)).sum())
    return inside / (box_fit.OUTSIDE_WEIGHT * outside + int(mask.sum()))


@pytest.mark.parametrize("box", [(10, 20, 30, 12), (0, 0, 320, 240), (319, 239, 1, 1), (5, 5, 1, 60), (5, 5, 40, 40)])
def test_an_upright_box_is_found_exactly(box: tuple[int, ...]) -> None:
    x, y, width, height = box
    fitted = fit_rotated_box(box_to_mask(np.array(box, dtype=float), IMAGE))
    expected = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    np.testing.assert_allclose(fitted, expected, atol=0.01)


@pytest.mark.parametrize("size", [(120, 80), (90, 90), (140, 30)])
@pytest.mark.parametrize("degrees", [0, 3, 20, 45, 70, 89])
def test_a_turned_box_is_found(size: tuple[int, int], degrees: int) -> None:
    truth = rectangle(size, degrees)
    assert polygon_iou(fit_rotated_box(polygon_to_mask(truth, IMAGE)), truth) > 0.96


def test_a_thin_limb_stays_outside() -> None:
    body = rectangle((100, 70), 0)
    mask = polygon_to_mask(body, IMAGE)
    mask[118:121, 210:260] = 1
    fitted = fit_rotated_box(mask)
    assert polygon_iou(fitted, body) > 0.99
    assert score(mask, fitted) > score(mask, np.array([[110.0, 85.0], [260.0, 85.0], [260.0, 155.0], [110.0, 155.0]]))


def test_alpha_decides_whether_a_shoulder_is_worth_the_empty_area_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = polygon_to_mask(rectangle((100, 70), 0), IMAGE)
    mask[107:132, 210:230] = 1  # 25 of 70 rows: more than alpha = 0.25 asks for, less than alpha = 1 does
    assert fit_rotated_box(mask)[:, 0].max() == pytest.approx(230, abs=0.5)
    monkeypatch.setattr(box_fit, "OUTSIDE_WEIGHT", 1.0)
    assert fit_rotated_box(mask)[:, 0].max() == pytest.approx(210, abs=0.5)


def test_the_ellipse_helps_where_stray_pixels_tilt_the_minimum_rectangle() -> None:
    mask = polygon_to_mask(rectangle((120, 50), 0), IMAGE)
    mask[65, 95] = mask[175, 225] = 1
    assert score(mask, fit_rotated_box(mask)) > 0.95  # 0.89 along the minimum rectangle, at 14 degrees


def test_the_share_that_must_be_kept_holds_sides_out(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = polygon_to_mask(rectangle((100, 70), 0), IMAGE)
    mask[115:126, 210:270] = 1
    assert fit_rotated_box(mask)[:, 0].max() < 265
    monkeypatch.setattr(box_fit, "MASK_KEPT", 1.0)
    assert fit_rotated_box(mask)[:, 0].max() == pytest.approx(270, abs=0.5)


def test_an_area_out_of_range_gives_the_minimum_area_rectangle(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros(IMAGE, dtype=np.uint8)
    cv2.ellipse(mask, (160, 120), (70, 40), 30, 0, 360, 1, -1)
    assert polygon_area(fit_rotated_box(mask)) < 0.95 * 142 * 82
    monkeypatch.setattr(box_fit, "AREA_RANGE", (0.999, 2.5))
    fallback = fit_rotated_box(mask)
    contour = cv2.findNonZero(mask).reshape(-1, 2)
    corners = (contour[:, None] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).reshape(-1, 2).astype(np.float32)
    smallest = cv2.boxPoints(cv2.minAreaRect(corners)).astype(np.float64)
    assert polygon_iou(fallback, smallest) > 0.999


@settings(max_examples=40)
@given(arrays(np.uint8, (24, 30), elements=st.sampled_from([0, 0, 0, 1])).filter(lambda mask: mask.any()))
def test_any_mask_gives_a_polygon_that_holds_most_of_it(mask: NDArray[np.uint8]) -> None:
    polygon = fit_rotated_box(mask)
    assert polygon.shape == (4, 2) and np.isfinite(polygon).all()
    assert polygon_area(polygon) >= 0.99
    sides = np.roll(polygon, -1, axis=0) - polygon
    assert abs(np.dot(sides[0], sides[1])) < 1e-3 * np.linalg.norm(sides[0]) * np.linalg.norm(sides[1])
    np.testing.assert_array_equal(fit_rotated_box(mask), polygon)


@settings(max_examples=30)
@given(st.integers(10, 60), st.integers(10, 60), st.integers(0, 179), st.integers(0, 3))
def test_no_single_side_can_be_moved_to_a_better_fit(width: int, height: int, degrees: int, side: int) -> None:
    mask = np.zeros(IMAGE, dtype=np.uint8)
    cv2.ellipse(mask, (160, 120), (width, height), degrees, 0, 360, 1, -1)
    fitted = fit_rotated_box(mask)
    corners = [side, (side + 1) % 4]
    outward = fitted[side] - fitted[side - 1]
    for step in (-4, 4):
        moved = fitted.copy()
        moved[corners] += step * outward / np.linalg.norm(outward)
        if (mask & polygon_to_mask(moved, IMAGE)).sum() >= box_fit.MASK_KEPT * mask.sum():
            assert score(mask, moved) < score(mask, fitted) + 0.01


def test_an_empty_mask_is_an_error() -> None:
    with pytest.raises(RegionError, match="empty"):
        fit_rotated_box(np.zeros(IMAGE, dtype=np.uint8))


def test_five_pixels_that_determine_no_ellipse_have_the_same_box_every_time() -> None:
    mask = np.zeros((24, 30), np.uint8)
    for row, column in ((3, 3), (8, 28), (9, 4), (10, 9), (14, 29)):
        mask[row, column] = 1
    assert len({fit_rotated_box(mask).tobytes() for _ in range(20)}) == 1
