"""Several objects: how they are merged, which tracker follows them, and objects that begin late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmark_data import DRIFT, label_map, request
from toy_trackers import Drift, LabelsOnly

from davis_runner.runner import Davis
from samn_tracker.images import read_image
from samn_tracker.prediction import Prediction
from samn_tracker.report.runs import read_log
from samn_tracker.runner.execute import execute
from samn_tracker.runner.label_png import read_labels
from samn_tracker.runner.loop import track_labels
from samn_tracker.runner.objects import (
    MultiObjectTracker,
    OneOrSeveral,
    SeparateTrackers,
    create_object_tracker,
    mean_confidence,
    merge_masks,
)
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.synthetic import make_multi_object


def test_masks_that_overlap_go_to_the_more_confident_object() -> None:
    left, right = np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8)
    left[:, :4], right[:, 2:] = 1, 1
    box = np.ones(4)

    def merged(first: float, second: float, found: bool = True) -> list[int]:
        one, two = Prediction(box, mask=left, confidence=first), Prediction(box, None, right, second, found)
        return merge_masks({1: one, 2: two}, (4, 6))[0].tolist()

    assert merged(0.9, 0.5) == [1, 1, 1, 1, 2, 2]
    assert merged(0.5, 0.9) == [1, 1, 2, 2, 2, 2]
    assert merged(0.5, 0.5) == [1, 1, 1, 1, 2, 2]
    assert merged(0.9, 0.1, found=False) == [1, 1, 1, 1, 2, 2]  # a guess, where nothing better is
    assert merged(0.1, 0.0, found=False) == [1, 1, 1, 1, 0, 0]  # where it was last


def test_runs_of_masks_recorded_no_confidence(davis_data: Path, tmp_path: Path) -> None:
    """So that a report had nothing to draw over time for DAVIS."""
    for split, name in (("2016/val", "bear"), ("2017/val", "kids")):
        execute(request(Davis(), davis_data, split, tmp_path / split))
        log = read_log(tmp_path / split / f"frames/{name}.csv")
        frames = sorted((davis_data / "JPEGImages/480p" / name).iterdir())
        told = [read_image(path).mean() % 1 for path in frames[1:]]
        if split == "2017/val":
            told[3] = (2 * told[3] + 1) / 3  # the third object, which begins in frame 4, is given there
        np.testing.assert_allclose(log[:, 2], [1, *told], atol=5e-5)
        assert log[:, 3].all()


def test_an_object_that_is_not_found_counts_as_zero() -> None:
    class Loses(Drift):
        def track(self, image: np.ndarray) -> Prediction:
            return replace(super().track(image), confidence=0.5 if (found := self.box[0] < 10) else 0.0, found=found)

    tracker = SeparateTrackers(Loses)
    tracker.initialize_objects(np.zeros((48, 64, 3), np.uint8), label_map(0, late=False))
    assert (tracker.confidences, mean_confidence(tracker)) == ({1: 1.0, 2: 1.0}, 1.0)
    tracker.track_objects(np.zeros((48, 64, 3), np.uint8))
    assert (tracker.confidences, mean_confidence(tracker)) == ({1: 0.5, 2: 0.0}, 0.25)
    assert mean_confidence(LabelsOnly()) == 1.0


def test_object_trackers_are_used_as_they_are() -> None:
    tracker = create_object_tracker(DRIFT)
    assert isinstance(tracker, SeparateTrackers)
    assert isinstance(tracker, MultiObjectTracker)


def test_a_tracker_of_label_maps_needs_no_other_methods(davis_data: Path, tmp_path: Path) -> None:
    """It was refused for having no initialize(), although the documentation offered it."""
    for split in ("2016/val", "2017/val"):
        wanted = request(Davis(), davis_data, split, tmp_path / split, tracker="toy_trackers:LabelsOnly")
        assert execute(wanted) == []
    kept = read_labels(tmp_path / "2017/val/results/dogs/00006.png")
    np.testing.assert_array_equal(kept, label_map(0, late=False))


def test_a_tracker_is_not_made_twice_for_one_object(davis_data: Path, tmp_path: Path) -> None:
    """Weights of a tracker without several objects were loaded twice."""
    counted = {"count": str(tmp_path / "count")}
    assert (
        execute(
            request(
                Davis(), davis_data, "2016/val", tmp_path / "run", tracker="toy_trackers:Counted", overrides=counted
            )
        )
        == []
    )
    assert (tmp_path / "count").read_text() == "x"


def test_objects_that_begin_late_leave_empty_maps_before(davis_data: Path) -> None:
    sequence = Davis().sequences(davis_data, "2017/val")[1]
    later = {index: path for index, path in sequence.annotations.items() if index >= 2}
    frames = list(track_labels(SeparateTrackers(Drift), Sequence("x", sequence.frames, annotations=later)))
    assert [frame.labels.any() for frame in frames] == [False, False] + [True] * 7


@pytest.mark.slow
def test_ten_objects_in_one_pass() -> None:
    """With the shipped weights; two generated scenes of five objects each, the second one's pasted on the first."""
    scenes = [make_multi_object(seed, 3, (480, 270), 5, "procedural") for seed in (3, 4)]
    tracker = Davis().create_tracker("samn-lite", "cpu", {"runtime.threads": "1"})
    assert isinstance(tracker, OneOrSeveral)
    for index in range(3):
        below, above = (scene.labels(index) for scene in scenes)
        image = np.where(above[..., None] > 0, scenes[1].frame(index), scenes[0].frame(index))
        truth = np.where(above > 0, above + 5, below).astype(np.uint8)
        found = tracker.track_objects(image) if index else tracker.initialize_objects(image, truth)
    assert set(np.unique(found)) <= set(range(11))
    overlaps = [mask_iou((found == one).astype(np.uint8), (truth == one).astype(np.uint8)) for one in range(1, 11)]
    assert np.median(overlaps) > 0.7


def test_one_object_belongs_to_the_tracker_of_one() -> None:
    """The tracker of several has no spatial memory; DAVIS 2016 has one object a sequence."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[20:40, 30:50] = 200
    image[20:40, 60:80] = 120
    one, two = np.zeros((64, 96), np.uint8), np.zeros((64, 96), np.uint8)
    one[20:40, 30:50] = two[20:40, 30:50] = 1
    two[20:40, 60:80] = 2
    both = create_object_tracker("samn-lite", "cpu", {"runtime.precision": "float32"})
    plain = create_tracker("samn-lite", "cpu", {"runtime.precision": "float32"})
    both.initialize_objects(image, one)
    plain.initialize(image, one)
    answer = plain.track(image)
    np.testing.assert_array_equal(both.track_objects(image), answer.mask)
    assert dict(both.confidences) == {1: answer.confidence}  # type: ignore[attr-defined]
    both.initialize_objects(image, two)
    assert set(np.unique(both.track_objects(image))) <= {0, 1, 2}
    assert set(both.confidences) == {1, 2}  # type: ignore[attr-defined]
