"""Where the tracker looks: the windows that are cut around a place, and the places where a lost target may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.released_windows import ThinnedWindow, whole_window

RINGS, STEP = 3, 0.75
"""How far the rings of further places reach, and how far apart their places are, in search windows."""


def segmentation_window(
    centre: NDArray[np.float64], size: NDArray[np.float64], patch_size: int, config: TrackerConfig
) -> Window:
    """The square window that is segmented for a target of `size` (2,) w, h around `centre` (2,), in image pixels."""
    side = _side(size, config.segmentation.search_factor)
    if config.segmentation.cut == "whole":
        return whole_window(centre, side, patch_size)
    return Window((float(centre[0]), float(centre[1])), side, patch_size)


def search_window(
    centre: NDArray[np.float64], size: NDArray[np.float64], patch_size: int, config: TrackerConfig
) -> Window:
    """The window in which the spatial memory looks: that of the segmentation, or one of its own."""
    if config.spatial.localisation_pass == "shared":
        return segmentation_window(centre, size, patch_size, config)
    kind = ThinnedWindow if config.spatial.cut == "thinned" else Window
    side = _side(size, config.spatial.search_factor)
    return kind((float(centre[0]), float(centre[1])), side, config.spatial.patch_size)


def ring_places(
    centre: NDArray[np.float64], side: float, shape: tuple[int, int], frames_searched: int, most: int
) -> NDArray[np.float64]:
    """Centres (n, 2) x, y of further windows to search in a frame; n is 0 if the image has no place but the last one.

    Places lie on a grid around `centre`, `STEP` windows apart; those inside the image are visited ring by ring
    and from the first again, so the same arguments give the same places.

    Args:
        centre: (2,) x, y where the target was last, in image pixels.
        side: of the search window, in image pixels.
        shape: (H, W) of the image.
        frames_searched: in how many frames places have been looked at since the target was lost.
        most: places for a frame.
    """
    places = centre + _rings(RINGS) * (STEP * side)
    inside = places[((places >= 0) & (places < np.array(shape[::-1]))).all(axis=1)]
    count = min(most, len(inside))
    return np.roll(inside, -count * frames_searched, axis=0)[:count]


def no_places() -> NDArray[np.float64]:
    """(0, 2): the last place alone."""
    return np.zeros((0, 2))


def inside_image(point: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The point (2,) x, y of an (H, W) image that is nearest to `point`."""
    return np.clip(point, 0, shape[::-1])


def _side(size: NDArray[np.float64], factor: float) -> float:
    """`factor` times the mean side of a target of `size` (2,)."""
    return float(factor * np.sqrt(size.prod()))


def _rings(count: int) -> NDArray[np.float64]:
    """(n, 2) whole steps from the middle, which is left out: nearest ring first, around each from the right."""
    steps = np.array([(x, y) for y in range(-count, count + 1) for x in range(-count, count + 1) if (x, y) != (0, 0)])
    steps = steps.reshape(-1, 2)
    angle = np.arctan2(steps[:, 1], steps[:, 0])
    return steps[np.lexsort((angle, np.abs(steps).max(axis=1, initial=0)))].astype(np.float64)
