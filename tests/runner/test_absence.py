"""What each benchmark is told while the target is out of sight, as docs/reliability.md says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.prediction import Prediction
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.loop import track_boxes, track_labels
from samn_tracker.runner.objects import SeparateTrackers
from samn_tracker.runner.sequences import Sequence
from samn_tracker.shapes.regions import box_to_polygon
from samn_tracker.trax.options import Options
from samn_tracker.trax.server import Session

SHAPE = (6, 8)
MASK = np.zeros(SHAPE, np.uint8)
MASK[1:4, 2:5] = 1
LAST_BOX = np.array([3.0, 1.0, 3.0, 3.0])


class SeenOnce:
    """Follows the target for one frame, in which it moves by a pixel, and loses it."""

    def initialize(self, image: np.ndarray, target: np.ndarray) -> Prediction:
        self._last = Prediction(LAST_BOX, box_to_polygon(LAST_BOX), np.roll(MASK, 1, axis=1), 0.8)
        self._frames = 0
        return self._last

    def track(self, image: np.ndarray) -> Prediction:
        self._frames += 1
        return self._last if self._frames == 1 else replace(self._last, confidence=0.0, found=False)


def seen_once() -> SeenOnce:
    return SeenOnce()


@pytest.fixture
def sequence(tmp_path: Path) -> Sequence:
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for path in paths:
        cv2.imwrite(str(path), np.zeros((*SHAPE, 3), np.uint8))
    (tmp_path / "first.png").write_bytes(encode_labels(MASK))
    return Sequence("one", tuple(paths), (2.0, 1.0, 3.0, 3.0), {0: tmp_path / "first.png"})


@pytest.mark.parametrize("reply", ["rectangle", "polygon", "mask"])
def test_vot_is_told_the_last_region_with_confidence_0(reply: str) -> None:
    trax = pytest.importorskip("trax")
    session = Session(Options(tracker="test_absence:seen_once", reply=reply))
    image = np.zeros((*SHAPE, 3), np.uint8)
    session.initialize(image, [trax.Rectangle.create(2, 1, 3, 3)], {})
    seen, absent, later = (session.track(image)[0] for _ in range(3))
    assert (seen[1], absent[1], later[1]) == (0.8, 0.0, 0.0)
    assert seen[0].type == absent[0].type == reply
    for region in (seen[0], absent[0], later[0]):
        if reply == "mask":
            assert region.array().sum() == 9 and region.offset() == seen[0].offset()
        elif reply == "rectangle":
            assert region.bounds() == pytest.approx(tuple(LAST_BOX))
        else:
            np.testing.assert_allclose(list(region), box_to_polygon(LAST_BOX))


def test_box_benchmarks_are_told_the_last_box(sequence: Sequence) -> None:
    results = list(track_boxes(SeenOnce(), sequence))
    assert [one.found for one in results] == [True, True, False, False]
    assert all(np.array_equal(one.box, LAST_BOX) for one in results[1:])


def test_davis_is_told_an_empty_mask(sequence: Sequence) -> None:
    labels = [one.labels for one in track_labels(SeparateTrackers(seen_once), sequence)]
    assert [int(one.sum()) for one in labels] == [9, 9, 0, 0]
