"""Benchmark a tracker of your own: two methods, and every runner of this project takes it.

    cd examples && python benchmark_my_tracker.py DATA runs/template

DATA is in the layout of OTB: SEQUENCE/img/*.jpg and SEQUENCE/groundtruth_rect.txt. The same text after `--tracker`
works for `samn got10k run`, `samn trackingnet run`, `samn vot create` and `samn track`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ope_runner.runner import main as one_pass
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import as_target, clip_box

SPEC = "benchmark_my_tracker:TemplateTracker"


class TemplateTracker:
    """Finds the first frame's patch again around its last place, by normalised correlation; boxes only.

    Args:
        reach: how far it looks on each side, in target sizes; `--set reach=2` on a command line.
    """

    def __init__(self, reach: float = 1.0) -> None:
        self.reach = float(reach)

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        """Start on a box (4,); forget everything earlier."""
        self.box = clip_box(as_target(target, image.shape), image.shape)
        self.template = _cut(image, self.box)
        return Prediction(self.box.copy())

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        """The place of the best match; its correlation, 0 at least, is the confidence."""
        margin = self.box[2:] * self.reach
        area = clip_box(np.concatenate([self.box[:2] - margin, self.box[2:] + 2 * margin]), image.shape)
        scores = cv2.matchTemplate(_cut(image, area), self.template, cv2.TM_CCOEFF_NORMED)
        _, best, _, place = cv2.minMaxLoc(scores)
        self.box[:2] = np.round(area[:2]) + place
        return Prediction(self.box.copy(), confidence=max(0.0, float(best)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tracker on every sequence that has no result yet, and print its scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path, help="folder of the run; run again, it goes on where it stopped")
    arguments = parser.parse_args(argv)
    data, output, split = str(arguments.data), str(arguments.output), ["--split", "zero-based"]
    code = one_pass(["run", "--data", data, "--tracker", SPEC, "--output", output, *split])
    return code or one_pass(["score", "--truth", data, "--results", output, *split])


def _cut(image: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    (x, y), (width, height) = np.round(box[:2]).astype(int), np.maximum(np.round(box[2:]).astype(int), 1)
    return image[y : y + height, x : x + width]


if __name__ == "__main__":
    raise SystemExit(main())
