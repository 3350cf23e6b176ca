"""Trackers of other makes in the runners: behind TraX as in process, and what a run does with those that fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from davis_runner.runner import main as davis
from got10k_runner.runner import main as got10k
from ope_runner.runner import main as ope
from samn_tracker.errors import ConfigError
from samn_tracker.runner.trackers import create_tracker, describe_tracker
from trackingnet_runner.runner import main as trackingnet

TOYS = Path(__file__).parents[1] / "trax" / "trax_toys.py"
SERVER = f"trax:{sys.executable} -m samn_tracker.trax.server --tracker trax_toys:Still"
RUNS = {
    "got10k": (got10k, "val", "trax_toys:Still"),
    "trackingnet": (trackingnet, "TRAIN_0", "trax_toys:Still"),
    "davis": (davis, "2017/val", "filled:trax_toys:Still"),
    "ope": (ope, "zero-based", "trax_toys:Still"),
}
IMAGE = np.zeros((48, 64, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOYS.parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOYS.parents[2]), str(TOYS.parent)]))


def contents(folder: Path) -> dict[str, bytes]:
    """Result files by place; of files of seconds, the place alone."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {place: b"" if "_time" in place else path.read_bytes() for place, path in found.items()}


@pytest.fixture
def ope_data(got10k_data: Path, tmp_path: Path) -> Path:
    root = tmp_path / "ope"
    for folder in (got10k_data / "val").glob("GOT*"):
        (root / folder.name).mkdir(parents=True)
        (root / folder.name / "img").symlink_to(folder)
        (root / folder.name / "groundtruth_rect.txt").symlink_to(folder / "groundtruth.txt")
    return root


@pytest.mark.parametrize("name", RUNS)
def test_the_same_tracker_behind_trax_and_in_process(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("trax")
    main, split, inside = RUNS[name]
    data = request.getfixturevalue(f"{name}_data")
    outside = f"filled:{SERVER}" if inside.startswith("filled:") else SERVER
    for tracker, place in ((inside, "inside"), (outside, "outside")):
        words = ["run", "--data", str(data), "--split", split, "--output", str(tmp_path / place)]
        assert main([*words, "--tracker", tracker]) == 0
    assert contents(tmp_path / "inside/results") == contents(tmp_path / "outside/results")
    assert len(contents(tmp_path / "inside/results")) >= 3


@pytest.mark.parametrize(
    ("vice", "said"),
    [
        ("hang", "has not answered in 8 seconds"),
        ("crash", "ended with exit code 3"),
        ("garbage", "prints what is no TraX message"),
        ("nan", "which is not finite"),
    ],
)
def test_a_tracker_that_fails_at_frame_7_marks_its_sequences_and_the_run_goes_on(
    vice: str, said: str, got10k_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, frames in (("GOT-10k_Val_000001", 5),):  # one sequence ends before the seventh frame
        place = got10k_data / "val" / folder
        for path in sorted(place.glob("*.jpg"))[frames:]:
            path.unlink()
        for label in ("groundtruth.txt", "cover.label", "absence.label", "cut_by_image.label"):
            lines = (place / label).read_text().splitlines(keepends=True)
            (place / label).write_text("".join(lines[:frames]))
    words = ["run", "--data", str(got10k_data), "--split", "val", "--output", str(tmp_path / "run")]
    words += ["--tracker", f"trax:{sys.executable} {TOYS} {vice}", *(["--set", "timeout=8"] if vice == "hang" else [])]
    assert got10k(words) == 1
    printed = capsys.readouterr().err
    assert "failed: GOT-10k_Val_000002: frame 6 of 12:" in printed and said in printed
    assert "failed: GOT-10k_Val_000003: frame 6 of 15:" in printed
    assert "2 sequences failed" in printed
    done = sorted(path.name for path in (tmp_path / "run/results").iterdir())
    assert done == ["GOT-10k_Val_000001"]
    assert said in (tmp_path / "run/failures/GOT-10k_Val_000002.txt").read_text()
    assert got10k(["show", "--results", str(tmp_path / "run")]) == 1
    assert got10k(["score", "--truth", str(got10k_data), "--results", str(tmp_path / "run")]) == 1


def test_a_box_tracker_on_masks_is_refused_unless_its_boxes_are_to_be_filled(
    davis_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--data", str(davis_data), "--split", "2016/val", "--output", str(tmp_path / "run")]
    assert davis([*words, "--tracker", "trax_toys:Still"]) == 1
    assert "fill its boxes: --tracker filled:NAME" in capsys.readouterr().err


class Got10kToy:
    """As the got10k toolkit's Tracker."""

    def init(self, image: Any, box: np.ndarray) -> None:
        assert image.size == (64, 48)
        self.box = box

    def update(self, image: Any) -> np.ndarray:
        return self.box + 1


class PyTrackingToy:
    """As pytracking's BaseTracker."""

    def initialize(self, image: np.ndarray, info: dict[str, Any]) -> dict[str, Any]:
        self.box = info["init_bbox"]
        self.mask = info.get("init_mask")
        return {"time": 0.1}

    def track(self, image: np.ndarray, info: dict[str, Any] | None = None) -> dict[str, Any]:
        self.box = [value + 1 for value in self.box]
        answer = {"target_bbox": self.box, "object_presence_score": 0.25}
        return answer if self.mask is None else answer | {"segmentation": self.mask}


class MaskPyTrackingToy(PyTrackingToy):
    start = "mask"


class Wants:
    """Keeps the target it was given."""

    def __init__(self, start: str) -> None:
        self.start = start

    def initialize(self, image: np.ndarray, target: np.ndarray) -> None:
        self.target = target

    def track(self, image: np.ndarray) -> list[float]:
        return [1, 2, 3, 4]


def test_trackers_of_got10k_and_pytracking(monkeypatch: pytest.MonkeyPatch) -> None:
    box = np.array([10.0, 8, 20, 12])
    for spec in ("got10k:test_process_trackers:Got10kToy", "pytracking:test_process_trackers:PyTrackingToy"):
        tracker = create_tracker(spec)
        np.testing.assert_array_equal(tracker.initialize(IMAGE, box).box, box)
        np.testing.assert_array_equal(tracker.track(IMAGE).box, box + 1)
        assert describe_tracker(spec)["tracker"] == spec
    tracker = create_tracker("pytracking:test_process_trackers:MaskPyTrackingToy")
    tracker.initialize(IMAGE, box)
    answer = tracker.track(IMAGE)
    assert answer.mask is not None and answer.mask.sum() == 240 and answer.confidence == 0.25


POLYGON = np.array([[10.0, 10], [30, 10], [30, 20], [10, 20]])
MASK = np.pad(np.ones((6, 4), np.uint8), ((5, 37), (9, 51)))


@pytest.mark.parametrize(
    ("start", "target", "given"),
    [
        ("box", POLYGON, [10, 10, 20, 10]),
        ("box", MASK, [9, 5, 4, 6]),
        ("polygon", MASK, [[9, 5], [13, 5], [13, 11], [9, 11]]),
        ("polygon", POLYGON, POLYGON),
        ("mask", np.array([9.0, 5, 4, 6]), MASK),
    ],
)
def test_a_tracker_is_given_the_kind_of_target_that_it_starts_on(start: str, target: Any, given: Any) -> None:
    tracker = create_tracker("test_process_trackers:Wants", overrides={"start": start})
    tracker.initialize(IMAGE, target)
    np.testing.assert_allclose(tracker.target, given)  # type: ignore[attr-defined]


def test_a_kind_of_target_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="'point'; it must be one of box, polygon, mask"):
        create_tracker("test_process_trackers:Wants", overrides={"start": "point"})
