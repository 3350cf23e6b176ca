"""YouTube-VOS, MOSE and LVOS in their official layouts: objects that begin later, runs, archives, local J and F."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.runner.label_png import encode_labels, read_labels
from vos_runner.runner import SPLITS, Vos, main

SIZE = (36, 48)
VIDEOS = {"0a1": 9, "0b2": 11, "0c3": 8, "0d4": 12, "0e5": 10}
LATE = 4


class Copies:
    """Leaves every object where it began; is interrupted once, in its third video, where `flag` is given."""

    def __init__(self, flag: str = "") -> None:
        self.flag, self.videos, self.frames = Path(flag), 0, 0

    def initialize_objects(self, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
        self.videos, self.frames = self.videos + 1, 0
        self.labels = labels
        return labels

    def track_objects(self, image: np.ndarray, new_labels: np.ndarray | None = None) -> np.ndarray:
        self.frames += 1
        if self.flag.name and (self.videos, self.frames) == (3, 5) and not self.flag.exists():
            self.flag.touch()
            raise KeyboardInterrupt
        if new_labels is not None:
            self.labels = np.where(new_labels > 0, new_labels, self.labels)
        return self.labels


def truth(frame: int, late: bool) -> np.ndarray:
    """Object 1 stands still; object 3 begins at frame LATE and moves a column a frame."""
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[5:15, 5:15] = 1
    if late and frame >= LATE:
        labels[20:30, frame : frame + 10] = 3
    return labels


def write_set(root: Path, split: str, full: bool = False) -> Path:
    """Images of every fifth frame; annotations where objects begin, or of all frames."""
    folder = root / SPLITS[split].folder
    for number, (name, frames) in enumerate(VIDEOS.items()):
        for frame in range(frames):
            for place, picture in (
                (folder / "JPEGImages" / name / f"{5 * frame:05d}.jpg", np.full((*SIZE, 3), 9 * frame, np.uint8)),
                (folder / "Annotations" / name / f"{5 * frame:05d}.png", truth(frame, late=number % 2 == 0)),
            ):
                place.parent.mkdir(parents=True, exist_ok=True)
                if picture.ndim == 3:
                    cv2.imwrite(str(place), picture)
                elif full or frame == 0 or (frame == LATE and number % 2 == 0):
                    place.write_bytes(encode_labels(picture))
    return root


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])


@pytest.mark.parametrize("split", ["youtube-2018/valid", "youtube-2019/valid", "mose/valid", "lvos-v1/valid"])
def test_run_interrupt_resume_lint_and_pack(split: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = write_set(tmp_path / "data", split), tmp_path / "run"
    words = ["--data", str(data), "--split", split]
    start = ["run", *words, "--tracker", "test_vos:Copies", "--set", f"flag={tmp_path / 'flag'}", "--output", str(run)]
    assert main(start) == 130
    assert main(start) == 0
    assert "3 of 5 sequences to run" in capsys.readouterr().err
    assert main(["lint", "--results", str(run), *words]) == 0
    assert main(["pack", "--results", str(run), *words, "--output", str(tmp_path / "a.zip")]) == 0
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    prefix = "Annotations/" if split.startswith("youtube") else ""
    assert len(names) == sum(VIDEOS.values()) and f"{prefix}0a1/00020.png" in names
    before, after = (read_labels(run / "results" / prefix / "0a1" / f"{5 * one:05d}.png") for one in (LATE - 1, LATE))
    assert set(np.unique(before)) == {0, 1} and set(np.unique(after)) == {0, 1, 3}
    capsys.readouterr()
    assert main(["score", "--truth", str(data), "--results", str(run)]) == 1
    assert "scored by its server alone" in capsys.readouterr().err


def test_faults_of_results_are_named(tmp_path: Path) -> None:
    data, run = write_set(tmp_path / "data", "mose/valid"), tmp_path / "run"
    words = ["--data", str(data), "--split", "mose/valid"]
    assert main(["run", *words, "--tracker", "test_vos:Copies", "--output", str(run)]) == 0
    (run / "results/0b2/00005.png").unlink()
    (run / "results/0c3/00010.png").write_bytes(encode_labels(np.full(SIZE, 7, np.uint8)))
    (run / "results/0d4/extra.png").write_bytes(b"")
    from samn_tracker.runner.lint import open_source

    faults = [str(one) for one in Vos().lint(open_source(run / "results"), data, "mose/valid")]
    assert len(faults) == 3
    assert any("0b2/00005.png: is missing" in one for one in faults)
    assert any("0c3/00010.png" in one and "values 7" in one for one in faults)


def test_local_scores_count_each_object_from_the_frame_after_its_first(tmp_path: Path) -> None:
    data, run = write_set(tmp_path / "data", "mose/train", full=True), tmp_path / "run"
    words = ["--data", str(data), "--split", "mose/train"]
    assert main(["run", *words, "--tracker", "test_vos:Copies", "--output", str(run)]) == 0
    table = Vos().score(data, run / "results", "mose/train")
    assert list(table.sequences) == ["0a1_1", "0a1_3", "0b2_1", "0c3_1", "0c3_3", "0d4_1", "0e5_1", "0e5_3"]
    assert table.sequences["0a1_1"]["j_mean"] == 1
    # Object 3 of 0a1 begins at frame 4 of 9 and moves a column a frame; the answer stays.
    expected = np.mean([(10 - step) / (10 + step) for step in range(1, 9 - LATE)])
    assert table.sequences["0a1_3"]["j_mean"] == pytest.approx(expected)
    assert table.overall["j_mean"] == pytest.approx(np.mean([row["j_mean"] for row in table.sequences.values()]))
    assert "5 sequences, and" in table.notes[0]


def test_a_frame_that_is_missing_in_the_middle_is_named(tmp_path: Path) -> None:
    data = write_set(tmp_path / "data", "mose/valid")
    assert len(Vos().notes(data, "mose/valid")) == 1
    (data / SPLITS["mose/valid"].folder / "JPEGImages/0b2/00025.jpg").unlink()
    assert Vos().notes(data, "mose/valid")[1] == "frames are missing in the middle of 1 videos: 0b2 lacks 25"
