"""The windows around a place, and the places where a lost target is looked for."""

from __future__ import annotations

import numpy as np
import pytest

from samn_tracker.core import places as module
from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.places import inside_image, no_places, ring_places, search_window, segmentation_window
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.released_windows import ThinnedWindow, WholeWindow

CENTRE = np.array([500.0, 400.0])


@pytest.fixture(autouse=True)
def _two_rings_half_a_window_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RINGS", 2)
    monkeypatch.setattr(module, "STEP", 0.5)


def places(count: int, shape: tuple[int, int] = (800, 1000), most: int = 1) -> np.ndarray:
    return np.concatenate([ring_places(CENTRE, 100.0, shape, index, most) for index in range(count)])


def test_places_lie_in_growing_rings_half_a_window_apart() -> None:
    steps = (places(24) - CENTRE) / 50
    assert np.array_equal(steps, np.round(steps))
    assert np.array_equal(np.abs(steps).max(axis=1), [1] * 8 + [2] * 16)
    assert len({tuple(step) for step in steps}) == 24


def test_after_the_last_ring_the_first_place_comes_again() -> None:
    visited = places(48)
    assert np.array_equal(visited[:24], visited[24:])


def test_places_outside_of_the_image_are_left_out() -> None:
    visited = places(30, shape=(420, 1000))
    assert (visited[:, 1] < 420).all()
    assert len({tuple(one) for one in visited}) == 14


@pytest.mark.parametrize("each", [5, 24, 100])
def test_several_places_a_frame_come_in_the_same_order_and_none_twice(each: int) -> None:
    visited = np.concatenate([places(24), places(24)])
    assert np.array_equal(places(2, most=each), visited[: 2 * min(each, 24)])


@pytest.mark.parametrize(("name", "value"), [("RINGS", 0), ("STEP", 30.0)])
def test_no_place_but_the_last_one(name: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, name, value)
    assert ring_places(CENTRE, 100.0, (800, 1000), 7, 1).shape == (0, 2)


@pytest.mark.parametrize(("x", "kept"), [(0.0, True), (-0.1, False), (199.9, True), (200.0, False)])
def test_a_place_on_the_first_pixel_counts_and_one_past_the_last_does_not(
    x: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ring of one step of 50 around (x - 50, 40): of the places to the right one lies at (x, 40)."""
    monkeypatch.setattr(module, "RINGS", 1)
    visited = ring_places(np.array([x - 50, 40.0]), 100.0, (80, 200), 0, 8)
    assert any(np.allclose(one, (x, 40)) for one in visited) is kept


def test_rings_begin_at_the_upper_left_and_go_on_by_angle() -> None:
    first = ring_places(CENTRE, 100.0, (800, 1000), 0, 8) - CENTRE
    angles = np.arctan2(first[:, 1], first[:, 0])
    assert (np.diff(angles) > 0).all()
    assert first[0].tolist() == [-50, -50] and first[3].tolist() == [50, 0]


TRACKER = TrackerConfig()
SIZE = np.array([40.0, 10.0])
"""Mean side 20."""


def test_the_segmentation_window_is_three_and_a_half_target_sizes_wide() -> None:
    window = segmentation_window(np.array([50.0, 60.0]), SIZE, 288, TRACKER)
    assert (window.centre, window.side, window.size) == ((50.0, 60.0), 70.0, 288)


@pytest.mark.parametrize(("localisation_pass", "side", "size"), [("shared", 70.0, 288), ("own", 90.0, 256)])
def test_the_spatial_memory_looks_into_the_same_patch_or_one_of_its_own(
    localisation_pass: str, side: float, size: int
) -> None:
    config = TRACKER.with_overrides({"spatial.localisation_pass": localisation_pass})
    window = search_window(np.array([50.0, 60.0]), SIZE, 288, config)
    assert (window.side, window.size) == (side, size)


def test_a_window_of_its_own_is_cut_around_the_same_place() -> None:
    config = TRACKER.with_overrides({"spatial.localisation_pass": "own"})
    assert search_window(np.array([50.0, 60.0]), SIZE, 288, config).centre == (50.0, 60.0)


# As released, corners are whole.
@pytest.mark.parametrize(("cut", "kind", "x"), [("smooth", Window, 50.25), ("whole", WholeWindow, 50)])
def test_the_segmented_patch_is_cut_as_it_is_set(cut: str, kind: type[Window], x: float) -> None:
    window = segmentation_window(np.array([50.25, 60.0]), SIZE, 288, TRACKER.with_overrides({"segmentation.cut": cut}))
    assert (type(window), window.centre, window.side) == (kind, (x, 60.0), 70)


@pytest.mark.parametrize(("cut", "kind"), [("smooth", Window), ("thinned", ThinnedWindow)])
def test_the_patch_of_the_spatial_memory_is_cut_as_it_is_set(cut: str, kind: type[Window]) -> None:
    config = TRACKER.with_overrides({"spatial.localisation_pass": "own", "spatial.cut": cut})
    assert type(search_window(np.array([50.0, 60.0]), SIZE, 288, config)) is kind


def test_a_place_outside_of_the_image_is_brought_to_its_border() -> None:
    assert inside_image(np.array([-5.0, 300.0]), (240, 320)).tolist() == [0, 240]
    assert inside_image(np.array([400.0, 7.0]), (240, 320)).tolist() == [320, 7]


def test_no_places_is_an_empty_list_of_points() -> None:
    assert no_places().shape == (0, 2)
