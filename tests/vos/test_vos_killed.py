"""SA-V in its official layout, and runs of every set that are killed without warning and go on."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from killed import files_of, kill_at
from test_vos import LATE, SIZE, VIDEOS, Copies, write_set

from samn_tracker.cli import main as samn
from samn_tracker.errors import ResultError
from samn_tracker.runner.label_png import read_labels
from vos_runner.runner import SPLITS, Vos, main

HAND = (slice(5, 9), slice(5, 9))
"""Object 001 of the odd videos: a part of object 000, from frame LATE on."""


class Waits(Copies):
    """Makes the file `flag` in its third video and waits for ever, unless the file is there."""

    def track_objects(self, image: np.ndarray, new_labels: np.ndarray | None = None) -> np.ndarray:
        if (self.videos, self.frames) == (3, 4) and not self.flag.exists():
            self.flag.touch()
            time.sleep(3600)
        flag, self.flag = self.flag, Path()
        answer = super().track_objects(image, new_labels)
        self.flag = flag
        return answer


def masks(frame: int, late: bool) -> dict[str, np.ndarray]:
    """0 and 255 by object: a square that stays, and later a part of it."""
    square, hand = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    square[5:15, 5:15] = 255
    if frame >= LATE:
        hand[HAND] = 255
    return {"000": square, "001": hand} if late else {"000": square}


def write_sav(root: Path, split: str) -> Path:
    """Every frame as image, every fourth one annotated."""
    folder = root / SPLITS[split].folder
    for number, (name, frames) in enumerate(VIDEOS.items()):
        for frame in range(frames):
            image = folder / "JPEGImages_24fps" / name / f"{frame:05d}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(image), np.full((*SIZE, 3), 9 * frame, np.uint8))
            for one, mask in masks(frame, number % 2 == 0).items() if frame % 4 == 0 else ():
                place = folder / "Annotations_6fps" / name / one / f"{frame:05d}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(place), mask)
    (folder / f"{SPLITS[split].folder}.txt").write_text("\n".join(VIDEOS) + "\n")
    return root


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


QUICK = "sav/val"
SETS = ("youtube-2018/valid", "youtube-2019/valid", "mose/valid", "lvos-v1/valid", "lvos-v2/valid", QUICK, "sav/test")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("split", [pytest.param(one, marks=[pytest.mark.slow] * (one != QUICK)) for one in SETS])
def test_a_killed_run_goes_on(split: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (write_sav if split.startswith("sav") else write_set)(tmp_path / "data", split)
    flag, run = tmp_path / "flag", tmp_path / "run"
    words = ["--data", str(data), "--split", split]
    waits = ["run", *words, "--tracker", "test_vos_killed:Waits", "--set", f"flag={flag}", "--output", str(run)]
    kill_at(flag, "vos_runner", waits, Path(__file__).parent)
    assert main(waits) == 0
    assert "3 of 5 sequences to run" in capsys.readouterr().err
    whole = ["run", *words, "--tracker", "test_vos:Copies", "--output", str(tmp_path / "whole")]
    assert main(whole) == 0
    assert files_of(run / "results") == files_of(tmp_path / "whole" / "results")
    assert main(["lint", "--results", str(run), *words]) == 0
    if split == "sav/val":
        page = tmp_path / "r.html"
        report = [str(run), "--truth", str(data), "--pictures", "1", "--output", str(page)]
        assert samn(["vos", "report", *report]) == 0
        assert page.read_text().count('<figure id="o') == 6, "0c3 has two annotations a mask, and those do not count"


def test_sav_answers_are_a_mask_an_object_and_are_packed_and_scored_so(tmp_path: Path) -> None:
    data, run = write_sav(tmp_path / "data", "sav/val"), tmp_path / "run"
    words = ["--data", str(data), "--split", "sav/val"]
    assert main(["run", *words, "--tracker", "test_vos:Copies", "--output", str(run)]) == 0
    late = read_labels(run / "results" / "0a1" / "001" / f"{LATE:05d}.png")
    assert set(np.unique(late)) == {0, 1} and late[HAND].all() and late.sum() == 16
    assert not read_labels(run / "results" / "0a1" / "001" / "00000.png").any(), "it has not begun"
    assert main(["pack", "--results", str(run), *words, "--output", str(tmp_path / "a.zip")]) == 0
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert len(names) == sum(frames * (2 - number % 2) for number, frames in enumerate(VIDEOS.values()))

    table = Vos().score(data, run / "results", "sav/val")
    # Annotated are frames 0, 4, 8; without the first and the last one, 0a1 has frame 4, in which the hand begins and is
    # cut out of the square, which has 100 pixels.
    assert table.sequences["0a1_001"]["j_mean"] == 1
    assert table.sequences["0a1_000"]["j_mean"] == pytest.approx(0.84)
    assert table.sequences["0b2_000"]["j_mean"] == 1
    assert np.flatnonzero(np.isfinite(table.overlaps["0a1_000"])).tolist() == [4]
    assert "5 sequences, and" in table.notes[0]


def test_sav_faults_are_named(tmp_path: Path) -> None:
    data, run = write_sav(tmp_path / "data", "sav/val"), tmp_path / "run"
    words = ["--data", str(data), "--split", "sav/val"]
    assert main(["run", *words, "--tracker", "test_vos:Copies", "--output", str(run)]) == 0
    (run / "results/0a1/001/00004.png").unlink()
    assert main(["lint", "--results", str(run), *words]) == 1
    with pytest.raises(ResultError, match=r"0a1/001/00004\.png is missing"):
        Vos().score(data, run / "results", "sav/val")
