"""Deterministic trackers that follow a rule instead of an image; small enough to check by hand."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import mask_to_box


class Drift:
    """Moves by an amount read from each image; rolls a mask one pixel to the right a frame; can be slow."""

    def __init__(self, delay: str = "0", boxes_only: str = "") -> None:
        self.delay, self.boxes_only = float(delay), bool(boxes_only)
        self.frame = 0

    def initialize(self, image: np.ndarray, target: np.ndarray) -> Prediction:
        target = np.asarray(target)
        self.frame = 0
        self.mask = target.astype(np.uint8) if target.ndim == 2 and not self.boxes_only else None
        self.box = mask_to_box(target) if target.ndim == 2 else target.astype(np.float64)
        return Prediction(box=self.box, mask=self.mask)

    def track(self, image: np.ndarray) -> Prediction:
        time.sleep(self.delay)
        self.frame += 1
        step = float(image.mean() % 1)
        self.box = self.box + np.array([step, -step / 2, 0, 0])
        mask = None if self.mask is None else np.roll(self.mask, self.frame, axis=1)
        return Prediction(box=self.box, mask=mask, confidence=step)


class Whites:
    """An oracle: answers the white pixels, whatever it was started on."""

    def initialize(self, image: np.ndarray, target: np.ndarray) -> Prediction:
        return self.track(image)

    def track(self, image: np.ndarray) -> Prediction:
        mask = (image.min(axis=2) > 200).astype(np.uint8)
        return Prediction(box=mask_to_box(mask), mask=mask)


class Broken(Drift):
    """Answers a box that is not one in its third frame."""

    def track(self, image: np.ndarray) -> Prediction:
        prediction = super().track(image)
        return Prediction(box=prediction.box * np.nan) if self.frame == 2 else prediction


class DiesOnce(Drift):
    """Kills its own process in mid-sequence, once: the file `flag` remembers."""

    def __init__(self, flag: str) -> None:
        super().__init__()
        self.flag = Path(flag)

    def track(self, image: np.ndarray) -> Prediction:
        if self.frame == 3 and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().track(image)


class AlwaysDies(Drift):
    """Kills its own process in the second frame."""

    def track(self, image: np.ndarray) -> Prediction:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().track(image)


class TellsThreads(Drift):
    """Writes into the folder `place` how many threads its process may use."""

    def __init__(self, place: str, delay: str = "0") -> None:
        super().__init__(delay=delay)
        Path(place).mkdir(exist_ok=True)
        (Path(place) / str(os.getpid())).write_text(os.environ["OMP_NUM_THREADS"])


class OnDevice(Drift):
    """Takes a device, as trackers with a network do."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device


class LabelsOnly:
    """Follows several objects, by leaving every one where it is; has no other methods."""

    def initialize_objects(self, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
        self.labels = labels
        return labels

    def track_objects(self, image: np.ndarray, new_labels: np.ndarray | None = None) -> np.ndarray:
        if new_labels is not None:
            self.labels = np.where(new_labels > 0, new_labels, self.labels)
        return self.labels


class Counted(Drift):
    """Writes an x to the file `count` whenever one is made."""

    def __init__(self, count: str) -> None:
        super().__init__()
        with Path(count).open("a") as stream:
            stream.write("x")
