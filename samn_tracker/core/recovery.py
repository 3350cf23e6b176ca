"""Where to look for a lost target: besides the last place a few more each frame, in rings that grow around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import RecoveryConfig


def next_places(
    centre: NDArray[np.float64], side: float, shape: tuple[int, int], frames_searched: int, config: RecoveryConfig
) -> NDArray[np.float64]:
    """Centres (n, 2) x, y of the windows to search in this frame; n is 0 if the image has no place but the last one.

    Places lie on a grid around `centre`, `config.step` windows apart; those inside the image are visited ring by ring
    and from the first again, so the same arguments give the same places.

    Args:
        centre: (2,) x, y where the target was last, in image pixels.
        side: of the search window, in image pixels.
        shape: (H, W) of the image.
        frames_searched: in how many frames places have been looked at since the target was lost.
    """
    places = centre + _rings(config.rings) * (config.step * side)
    inside = places[((places >= 0) & (places < np.array(shape[::-1]))).all(axis=1)]
    count = min(config.places, len(inside))
    return np.roll(inside, -count * frames_searched, axis=0)[:count]


def is_believable(mask: NDArray[np.uint8], confidence: float, areas: Sequence[int], config: RecoveryConfig) -> bool:
    """Whether a mask (H, W) found elsewhere is as sure and about as large as the target, of pixel counts `areas`."""
    growth = int(mask.sum()) / max(float(np.mean(areas)), 1.0)
    return confidence >= config.accept_confidence and 1 / config.accept_area < growth < config.accept_area


def _rings(count: int) -> NDArray[np.float64]:
    """(n, 2) whole steps from the middle, which is left out: nearest ring first, around each from the right."""
    steps = np.array([(x, y) for y in range(-count, count + 1) for x in range(-count, count + 1) if (x, y) != (0, 0)])
    steps = steps.reshape(-1, 2)
    angle = np.arctan2(steps[:, 1], steps[:, 0])
    return steps[np.lexsort((angle, np.abs(steps).max(axis=1, initial=0)))].astype(np.float64)
