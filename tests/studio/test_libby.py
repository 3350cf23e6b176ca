"""A dog that is lost behind a tree, and one click after it (development data)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.loading import load_tracker
from samn_tracker.prediction import Prediction
from samn_tracker.runner.label_png import read_labels
from samn_tracker.shapes.regions import mask_iou, mask_to_box
from samn_tracker.studio.answers import Answer
from samn_tracker.studio.frames import ImageStore
from samn_tracker.studio.project import Project
from samn_tracker.studio.session import Session

LOST = 34
"""The first frame in which the tree hides most of the dog."""
CLICKED = 38
"""The first frame in which most of the dog stands between the tree and the post."""


@pytest.mark.data
@pytest.mark.slow
def test_one_click_after_the_tree_puts_libby_right(shared_data: Path, tmp_path: Path) -> None:
    """The answers from the tree on are put on the ground beside it, as a tracker that loses the dog there leaves them.

    The click says where the dog is; all else is what the tracker knows of it from the frames before.
    """
    folder = shared_data / "sequences" / "davis16" / "libby"
    images, masks = sorted((folder / "img").iterdir()), sorted((folder / "mask").iterdir())
    truths = [(read_labels(path) > 0).astype(np.uint8) for path in masks]
    store = ImageStore("libby", images)
    project = Project(tmp_path, store)
    session = Session(store, project, lambda: load_tracker("samn-lite", "cpu"), tmp_path / "results", lambda _: None)
    session.add_object("dog")
    x, y, width, height = cv2.boundingRect(truths[0])
    session.box(1, 0, [x, y, width, height])
    session.track(0, forwards=True)
    session.wait()

    def mean_overlap() -> float:
        answers = project.things[1].answers
        after = range(CLICKED + 1, len(images))
        return float(
            np.mean([mask_iou(answers[one].mask(store.shape) * answers[one].found, truths[one]) for one in after])
        )

    followed = mean_overlap()
    ground = np.roll(project.things[1].answers[LOST].mask(store.shape), (60, -150), axis=(0, 1))
    for index in range(LOST, len(images)):
        project.answer(1, index, Answer.of(Prediction(mask_to_box(ground), None, ground, 0.9)))
    lost = mean_overlap()
    inside = cv2.distanceTransform(truths[CLICKED], cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    session.point(1, CLICKED, (float(column) + 0.5, float(row) + 0.5), True)
    session.track(CLICKED, forwards=True)
    session.wait()
    after = mean_overlap()
    session.close()
    print(f"J after frame {CLICKED}: {followed:.3f} followed, {lost:.3f} lost, {after:.3f} after one click")
    assert lost < 0.1
    assert after > 0.9 * followed
