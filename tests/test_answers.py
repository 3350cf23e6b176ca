"""A tracker that answers NaN, None or a bare box: one check, and what each program does with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from samn_tracker.answers import CheckedTracker, checked_answer, checked_labels
from samn_tracker.cli import main
from samn_tracker.errors import ResultError
from samn_tracker.prediction import Prediction

SHAPE = (30, 40, 3)
BOX = np.array([5.0, 6.0, 10.0, 8.0])
NAN_BOX = BOX * np.nan

FAULTS: dict[str, tuple[Any, str]] = {
    "None": (None, "answered nothing \\(None\\); expected a Prediction or a box of four numbers"),
    "a word": ("lost", "answered str 'lost'"),
    "three numbers": ((1, 2, 3), "answered tuple \\(1, 2, 3\\)"),
    "NaN in the bare box": (NAN_BOX, "not finite"),
    "NaN in the box": (Prediction(box=NAN_BOX), "which is not finite; a tracker that has lost its target"),
    "an infinite box": (Prediction(box=np.array([np.inf, 0, 1, 1])), "not finite"),
    "a box beyond all images": (Prediction(box=np.array([1e300, 0, 1, 1])), "not finite"),
    "a box without size": (Prediction(box=np.array([3.0, 3, 0, 5])), "has no size"),
    "no box": (Prediction(box=None), "answered nothing"),  # type: ignore[arg-type]
    "NaN as confidence": (Prediction(BOX, confidence=float("nan")), "a confidence nan, which is not finite"),
    "None as confidence": (Prediction(BOX, confidence=None), "a confidence of shape"),  # type: ignore[arg-type]
    "NaN in the polygon": (Prediction(BOX, polygon=np.full((4, 2), np.nan)), "a polygon .* not finite"),
    "a polygon of 3 corners": (Prediction(BOX, polygon=np.zeros((3, 2))), "a polygon of shape \\(4, 2\\)"),
    "a mask of another size": (Prediction(BOX, mask=np.zeros((3, 4), np.uint8)), "a mask of \\(3, 4\\), the image is"),
    "a mask of probabilities": (Prediction(BOX, mask=np.zeros((30, 40), np.float32)), "threshold it first"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_answer_is_named_with_its_frame(fault: str) -> None:
    answer, sentence = FAULTS[fault]
    tracker = CheckedTracker(SimpleNamespace(initialize=lambda *_: BOX, track=lambda *_: answer), "mine:make")
    tracker.initialize(np.zeros(SHAPE, np.uint8), BOX)
    with pytest.raises(ResultError, match=f"mine:make, 1 frames on, answered.*{sentence.removeprefix('answered')}"):
        tracker.track(np.zeros(SHAPE, np.uint8))


@pytest.mark.parametrize("bare", [BOX, tuple(BOX), [5, 6, 10, 8], BOX.astype(np.float32)], ids=str)
def test_a_bare_box_is_an_answer(bare: Any) -> None:
    answer = checked_answer(bare, SHAPE, "it")
    assert answer.box.tolist() == BOX.tolist()
    assert (answer.box.dtype, answer.mask, answer.polygon, answer.confidence, answer.found) == (
        np.float64, None, None, 1.0, True,
    )  # fmt: skip


def test_none_from_initialize_is_the_given_target() -> None:
    tracker = CheckedTracker(SimpleNamespace(initialize=lambda *_: None), "it")
    image, mask = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE[:2], np.uint8)
    mask[6:14, 5:15] = 1
    assert tracker.initialize(image, BOX).box.tolist() == BOX.tolist()
    assert tracker.initialize(image, mask).box.tolist() == BOX.tolist()
    answer = tracker.initialize(image, mask).mask
    assert answer is not None and np.array_equal(answer, mask)


def test_masks_become_0_and_1() -> None:
    for mask in (np.eye(30, 40, dtype=bool), np.eye(30, 40, dtype=np.uint8) * 255, np.eye(30, 40, dtype=np.int64)):
        answer = checked_answer(Prediction(BOX, mask=mask), SHAPE, "it").mask
        assert answer is not None
        assert (answer.dtype, answer.max(), answer.sum()) == (np.uint8, 1, 30)


def test_labels_are_object_ids_of_the_images_size() -> None:
    assert checked_labels(np.full((30, 40), 3, np.int64), SHAPE, "it").dtype == np.uint8
    for labels, sentence in (
        (None, "nothing"),
        (np.zeros((30, 40, 1), np.uint8), "labels \\(30, 40, 1\\)"),
        (np.full((30, 40), 300), "object ids 300..300"),
        (np.zeros((30, 40)), "float64"),
    ):
        with pytest.raises(ResultError, match=sentence):
            checked_labels(labels, SHAPE, "it")


TRACKERS = """
import numpy as np
from samn_tracker.prediction import Prediction

class Answers:
    def __init__(self, third):
        self.third, self.count = third, 0
    def initialize(self, image, target):
        self.count = 0
        self.box = np.array([5.0, 6.0, 10.0, 8.0])
    def track(self, image):
        self.count += 1
        return self.third(self.box) if self.count == 2 else self.box

def nan(): return Answers(lambda box: box * np.nan)
def none(): return Answers(lambda box: None)
def bare(): return Answers(tuple)

class Labels:
    def initialize_objects(self, image, labels): self.labels = labels
    def track_objects(self, image, new_labels=None): return self.labels[:3] if image.mean() > 2 else self.labels
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: the module `strange_answers`, and four frames as plain images, GOT-10k and DAVIS data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("strange_answers.py").write_text(TRACKERS)
    for folder in ("got/test/a", "davis/JPEGImages/480p/a", "davis/Annotations/480p/a", "davis/ImageSets/2016"):
        Path(folder).mkdir(parents=True)
    for index in range(4):
        picture = np.full(SHAPE, index, np.uint8)
        cv2.imwrite(f"got/test/a/{index + 1:08d}.png", picture)
        cv2.imwrite(f"davis/JPEGImages/480p/a/{index:05d}.png", picture)
    Path("got/test/a/groundtruth.txt").write_text("6,7,10,8\n")
    Path("got/test/list.txt").write_text("a\n")
    for index in range(4):
        labels = np.zeros(SHAPE[:2], np.uint8)
        labels[6:14, 5:15] = 1
        cv2.imwrite(f"davis/Annotations/480p/a/{index:05d}.png", labels)
    Path("davis/ImageSets/2016/val.txt").write_text("a\n")
    return tmp_path


@pytest.mark.parametrize(("name", "sentence"), [("nan", "not finite"), ("none", "nothing (None)")])
def test_track_and_run_name_the_frame_of_a_strange_answer(
    place: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    given = ["--tracker", f"strange_answers:{name}"]
    track = ["track", "got/test/a", "--box", "5,6,10,8", *given, "--save", "txt", "--output", "out"]
    assert main(track) == 1
    said = capsys.readouterr().err
    assert f"strange_answers:{name}, 2 frames on, answered" in said and sentence in said
    assert len(Path("out/boxes.txt").read_text().splitlines()) == 2
    assert main(["got10k", "run", "--data", "got", *given, "--output", "run"]) == 1
    said = capsys.readouterr().err
    assert "failed: a: frame 2 of 4: ResultError" in said and sentence in said
    assert not list(Path("run/results").rglob("*.txt"))


def test_track_and_run_take_bare_boxes(place: Path) -> None:
    given = ["--tracker", "strange_answers:bare"]
    track = ["track", "got/test/a", "--box", "5,6,10,8", *given, "--save", "txt", "--output", "out"]
    assert main(track) == 0
    assert Path("out/boxes.txt").read_text().splitlines() == ["5.00,6.00,10.00,8.00"] * 4
    assert main(["got10k", "run", "--data", "got", *given, "--output", "run"]) == 0


def test_a_label_map_of_another_size_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["davis", "run", "--data", "davis", "--tracker", "strange_answers:Labels", "--output", "run"]) == 1
    assert "strange_answers:Labels answered labels (3, 40) uint8; expected object ids (30, 40)" in (
        capsys.readouterr().err
    )
