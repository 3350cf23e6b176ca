"""A target that is lost in mid-video, and one click after it (development data).

    pytest tests/studio/test_one_click.py -m slow -s

prints the mean J of the frames after the click: followed without a fault, lost, and after the click.
"""

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
from samn_tracker.studio.frames import open_store
from samn_tracker.studio.project import Project
from samn_tracker.studio.session import Session


def paint(session: Session, mask: np.ndarray) -> None:
    """Paint the mask on the first frame, in strokes along every second row."""
    for row in range(0, len(mask), 2):
        ends = np.flatnonzero(np.diff(np.pad(mask[row], 1).astype(int)))
        for first, last in zip(ends[::2], ends[1::2], strict=True):
            session.stroke(1, 0, [[first + 0.5, row + 0.5], [last - 0.5, row + 0.5]], 1.0, True)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start", "lost_at", "clicked"),
    [
        # The tree hides most of the dog from frame 34 on; in 38 most of it stands between tree and post.
        pytest.param("libby", "box", 34, 38, id="libby_after_the_tree"),
        pytest.param("libby", "painted", 34, 38, id="painted_libby_after_the_tree"),
        pytest.param("dog", "box", 26, 30, id="dog_in_the_middle"),
        pytest.param("car-shadow", "box", 16, 20, id="car-shadow_in_the_middle"),
    ],
)
def test_one_click_puts_a_lost_target_right(
    shared_data: Path, tmp_path: Path, name: str, start: str, lost_at: int, clicked: int
) -> None:
    """The answers from `lost_at` on are put on something else, as sure as ever, as a tracker that has slipped does.

    The click says where the target is; all else is what the tracker knows of it from the frames before.
    """
    folder = shared_data / "sequences" / "davis16" / name
    images, masks = sorted((folder / "img").iterdir()), sorted((folder / "mask").iterdir())
    truths = [(read_labels(path) > 0).astype(np.uint8) for path in masks]
    store = open_store(str(folder / "img"))
    project = Project(tmp_path, store)
    session = Session(store, project, lambda: load_tracker("samn-lite", "cpu"), tmp_path / "results", lambda _: None)
    session.add_object("target")
    if start == "painted":
        paint(session, truths[0])
    else:
        session.box(1, 0, [float(value) for value in cv2.boundingRect(truths[0])])
    session.track(0, forwards=True)
    session.wait()

    def mean_overlap() -> float:
        answers = project.things[1].answers
        after = range(clicked + 1, len(images))
        return float(
            np.mean([mask_iou(answers[one].mask(store.shape) * answers[one].found, truths[one]) for one in after])
        )

    followed = mean_overlap()
    shift = (60, -150) if name == "libby" else (0, store.shape[1] // 2)  # beside libby lies the ground
    wrong = np.roll(project.things[1].answers[lost_at].mask(store.shape), shift, axis=(0, 1))
    for index in range(lost_at, len(images)):
        project.answer(1, index, Answer.of(Prediction(mask_to_box(wrong), None, wrong, 0.9)))
    lost = mean_overlap()
    inside = cv2.distanceTransform(truths[clicked], cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    session.point(1, clicked, (float(column) + 0.5, float(row) + 0.5), True)
    proposed = mask_iou(project.things[1].answers[clicked].mask(store.shape), truths[clicked])
    session.track(clicked, forwards=True)
    session.wait()
    after = mean_overlap()
    session.close()
    print(f"{name}, {start}: J after frame {clicked}: {followed:.3f} followed, {lost:.3f} lost, {after:.3f} corrected")
    print(f"{name}: the mask that the click proposes: {proposed:.3f}")
    assert lost < 0.2
    assert after > 0.9 * followed
    if start == "painted":
        assert after > 0.83  # 0.853 on a Xeon with AMX; rounding moves what is seen between tree and post
