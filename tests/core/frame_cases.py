"""States and observations made by hand, for `decide`: a target of 20 x 20 pixels in an image of 128 x 128."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from samn_tracker.core.config import StartConfig
from samn_tracker.core.observe import Observation, Search
from samn_tracker.core.state import TrackState
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.spatial import Localisation
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.geometry import Window

SIDE = 128
SHAPE = (SIDE, SIDE)
TARGET = (50, 40, 20, 20)
"""x, y, w, h of what is seen; its middle is (60, 50)."""
PEAK = (58.0, 50.0)
"""The spatial memory's place, two pixels from that."""


def some_state(**changes: Any) -> TrackState:
    """Tracked for a while around (55, 50), with masks of 400 pixels."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[40:60, 45:65] = 1
    last = Prediction(np.array([45.0, 40, 20, 20]), np.array([[45.0, 40], [65, 40], [65, 60], [45, 60]]), mask, 0.8)
    values: dict[str, Any] = {
        "shape": SHAPE,
        "start": StartConfig(patch_size=SIDE, threshold=0.5, scale_step=0.1),
        "centre": np.array([55.0, 50.0]),
        "size": np.array([20.0, 20.0]),
        "extent": np.array([[-10.0, -10.0], [10.0, 10.0]]),
        "bank": cast(AppearanceBank, None),
        "spatial": None,
        "last": last,
        "areas": deque([400], maxlen=25),
        "frame_index": 7,
    }
    return TrackState(**{**values, **changes})


def blobs(*boxes: tuple[tuple[int, int, int, int], float]) -> NDArray[np.float32]:
    """Probability (128, 128): of each box x, y, w, h its own, 0 elsewhere."""
    probability = np.zeros(SHAPE, np.float32)
    for (x, y, w, h), value in boxes:
        probability[y : y + h, x : x + w] = value
    return probability


def some_observation(
    probability: NDArray[np.float32] | None = None,
    *,
    uncertainty: float = 1.0,
    trusted: bool = True,
    elsewhere: bool = False,
    place: tuple[float, float] = PEAK,
    searched: bool = True,
    scale: float = 1.0,
    contrast: float | None = None,
) -> Observation:
    """The target with a probability of 0.9 in a patch of the whole image, searched in a patch of half its scale."""
    probability = blobs((TARGET, 0.9)) if probability is None else probability
    middle = scale * SIDE / 2
    window = Window((middle, middle), scale * SIDE, SIDE)
    search_window = Window((64.0, 64.0), 128.0, 64)
    peak = search_window.to_crop(np.array(place))
    found = Localisation(peak, 0.7, uncertainty, False, np.zeros((64, 64), np.float32), torch.zeros(1))
    search = Search(search_window, None, found, trusted, elsewhere) if searched else None
    return Observation(8, search, np.array(place), window, probability, contrast=contrast)
