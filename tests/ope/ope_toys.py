"""Deterministic box trackers for the runs of one-pass evaluation."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from samn_tracker.prediction import Prediction


class Still:
    """Answers its first box, moved by half a pixel a frame."""

    def initialize(self, image: np.ndarray, target: np.ndarray) -> Prediction:
        self.box = np.asarray(target, dtype=np.float64)
        return Prediction(box=self.box)

    def track(self, image: np.ndarray) -> Prediction:
        self.box = self.box + np.array([0.5, -0.25, 0, 0])
        return Prediction(box=self.box)


class _Once(Still):
    """Does something in the middle of its third sequence, once: the file `flag` remembers."""

    def __init__(self, flag: str) -> None:
        self.flag, self.sequences, self.frames = Path(flag), 0, 0

    def initialize(self, image: np.ndarray, target: np.ndarray) -> Prediction:
        self.sequences, self.frames = self.sequences + 1, 0
        return super().initialize(image, target)

    def track(self, image: np.ndarray) -> Prediction:
        self.frames += 1
        if (self.sequences, self.frames) == (3, 4) and not self.flag.exists():
            self.flag.touch()
            self.happen()
        return super().track(image)

    def happen(self) -> None:
        raise KeyboardInterrupt


class StopsOnce(_Once):
    """Is interrupted there."""


class WaitsOnce(_Once):
    """Waits there for ever."""

    def happen(self) -> None:
        time.sleep(3600)
