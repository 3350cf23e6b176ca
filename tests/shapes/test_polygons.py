"""Which pixels a polygon covers: by the rule of pixel centres, whatever its shape and place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from samn_tracker.shapes.polygons import polygon_to_mask
from samn_tracker.shapes.regions import box_to_mask

IMAGE = (40, 60)  # rows, columns
coordinates = st.floats(-30, 90)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6))
def test_polygon_to_mask_follows_the_pixel_centre_rule(corners: list[tuple[float, float]]) -> None:
    polygon = np.array(corners)
    mask = polygon_to_mask(polygon, IMAGE)
    rows, columns = np.mgrid[: IMAGE[0], : IMAGE[1]] + 0.5
    inside = np.zeros(IMAGE, dtype=bool)
    near = np.zeros(IMAGE, dtype=bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        spans = (np.minimum(y0, y1) <= rows) & (rows < np.maximum(y0, y1))
        with np.errstate(all="ignore"):
            crossing = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
        inside ^= spans & (crossing <= columns)
        near |= spans & (np.abs(crossing - columns) < 1e-6)
    if inside.any():
        np.testing.assert_array_equal(mask[~near], inside[~near])
    else:
        assert mask.sum() <= 1 or near.any()


@given(st.floats(0, 59.5), st.floats(0, 39.5), st.floats(1e-3, 0.4))
def test_a_tiny_polygon_marks_the_pixel_under_its_middle(x: float, y: float, size: float) -> None:
    mask = box_to_mask(np.array([x, y, size, size]), IMAGE)
    row, column = np.argwhere(mask)[0]
    assert mask.sum() == 1
    assert abs(column + 0.5 - (x + size / 2)) <= 0.5 + 1e-6
    assert abs(row + 0.5 - (y + size / 2)) <= 0.5 + 1e-6


def test_a_polygon_outside_the_image_marks_nothing() -> None:
    assert not box_to_mask(np.array([60.0, 0.0, 5.0, 5.0]), IMAGE).any()
    assert not box_to_mask(np.array([-5.2, 0.0, 5.0, 5.0]), IMAGE).any()


def test_polygons_that_share_an_edge_share_no_pixel() -> None:
    left = np.array([[5.0, 2.0], [30.3, 0.1], [17.7, 38.2], [4.0, 30.0]])
    right = np.array([[30.3, 0.1], [55.0, 10.0], [50.0, 39.0], [17.7, 38.2]])
    one, two = polygon_to_mask(left, IMAGE), polygon_to_mask(right, IMAGE)
    outline = np.array([left[0], left[1], right[1], right[2], left[2], left[3]])
    np.testing.assert_array_equal(one + two, polygon_to_mask(outline, IMAGE))


def test_a_polygon_mask_has_the_polygons_area() -> None:
    corners = cv2.boxPoints(((400.0, 240.0), (200.0, 150.0), 23.0)).astype(np.float64)
    mask = polygon_to_mask(corners, (480, 854))
    assert mask.sum() == pytest.approx(shapely.Polygon(corners).area, rel=1e-3)
