"""What a tracker answers for one frame, and the two-method contract that every runner drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """The target's state in one frame. Coordinates are 0-based float image pixels, xy order.

    A pixel in column c and row r covers [c, c+1) x [r, r+1): the box of that single pixel is (c, r, 1, 1).

    Attributes:
        box: (4,) float64, axis-aligned x, y, w, h.
        polygon: (4, 2) float64, corners of the rotated box in drawing order, or None for trackers without one.
        mask: (H, W) uint8 with values 0 and 1, at the image's size, or None for box-only trackers.
        confidence: 0 (lost) to 1 (certain).
        found: whether the target is believed to be visible. If not, box, polygon and mask are the best guess there is:
            what was seen too faintly (`is_seen`), or the last answer (confidence 0).
    """

    box: NDArray[np.float64]
    polygon: NDArray[np.float64] | None = None
    mask: NDArray[np.uint8] | None = None
    confidence: float = 1.0
    found: bool = True

    @property
    def is_seen(self) -> bool:
        """Whether this was seen in the frame, surely or faintly; False where the last answer stands."""
        return self.found or self.confidence > 0


@runtime_checkable
class TrackerProtocol(Protocol):
    """The contract of every runner. Images are (H, W, 3) uint8 RGB."""

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        """Start on `target`: (4,) x, y, w, h, or (4, 2) polygon, or (H, W) mask. Forgets any earlier target."""

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        """Find the target in the next frame."""
