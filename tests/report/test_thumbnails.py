"""Pictures in which the answers of several runs are drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.report.model import Clip, sequence_rows
from samn_tracker.report.runs import run_from_folder
from samn_tracker.report.style import series_colour
from samn_tracker.report.thumbnails import all_together, clips_of_run, draw
from trackingnet_runner.runner import TrackingNet

from .report_example import example


def test_pictures_of_all_runs_are_of_both_ends_of_the_differences() -> None:
    def clip_of(row: int) -> Clip:
        def mark(canvas: np.ndarray, scale: float, index: int, colour: tuple[int, int, int] | None) -> None:
            assert (canvas.shape, scale) == ((180, 320, 3), 0.5)
            canvas[10 * row : 10 * row + 20] = colour

        return Clip(range(row, 5), lambda index: np.zeros((360, 640, 3), dtype=np.uint8), mark)

    runs = example(("ours", "theirs", "no images")).runs
    drawn = [replace(run, clip_of=lambda name, row=row: clip_of(row)) for run, row in zip(runs, (0, 1), strict=False)]
    report = replace(example(), runs=(*drawn, runs[2]))
    strips = all_together(report, 1)
    assert [strip.sequence for strip in strips] == [row.name for row in sequence_rows(report)][::2]
    assert "frames 2, 3, 4" in strips[0].caption, "frames that all clips have"
    picture = cv2.imdecode(np.frombuffer(strips[0].jpeg, dtype=np.uint8), cv2.IMREAD_COLOR_RGB)
    assert picture.shape == (180, 3 * 320, 3)
    assert np.abs(picture[14, 100].astype(int) - series_colour(0)).max() < 30, "the first one is on top"
    assert np.abs(picture[25, 100].astype(int) - series_colour(1)).max() < 30
    assert all_together(report, 0) == all_together(replace(report, runs=runs), 1) == ()


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Six frames of TrackingNet with whole truth; returns the file of results, which is not there yet."""
    for index in range(6):
        path = tmp_path / f"TRAIN_0/frames/a/{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((48, 64, 3), 90, np.uint8))
    (tmp_path / "TRAIN_0/anno").mkdir()
    (tmp_path / "TRAIN_0/anno/a.txt").write_text(ROW * 6)
    (tmp_path / "results").mkdir()
    return tmp_path / "results/a.txt"


ROW = "10,8,20,24\n"
NOT_A_NUMBER = "nan,nan,nan,nan\n"
ANSWERS = {
    "a byte-order mark": (b"\xef\xbb\xbf" + (ROW * 6).encode(), 6),
    "UTF-16": ((ROW * 6).encode("utf-16"), 6),
    "rows at the end missing": ((ROW * 4).encode(), 4),
    "more rows than frames": ((ROW * 9).encode(), 6),
    "rows of no numbers": ((ROW * 2 + NOT_A_NUMBER * 3 + ROW).encode(), 3),
    "a box far beyond the picture": (("1e30,1,2e30,3\n" * 6).encode(), 6),
    "no file": (None, 0),
}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_pictures_of_results_that_are_short_marked_or_no_numbers(results: Path, kind: str) -> None:
    data, answered = ANSWERS[kind]
    if data is not None:
        results.write_bytes(data)
    clip = clips_of_run(TrackingNet(), results.parent, results.parents[1], "TRAIN_0")("a")
    assert len(clip.frames) == answered
    for index in clip.frames:
        assert clip.image(index).shape == draw([(clip, None)], index, 48).shape
    run, _ = run_from_folder("r", results.parent, TrackingNet(), "TRAIN_0", results.parents[1], pictures=1)
    assert bool(run.best) == bool(answered)


def test_the_box_is_drawn_where_the_answer_is(results: Path) -> None:
    results.write_text(ROW * 6)
    clip = clips_of_run(TrackingNet(), results.parent, results.parents[1], "TRAIN_0")("a")
    changed = np.argwhere((draw([(clip, None)], 0, 48) != clip.image(0)).any(axis=2))
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0)
    assert np.abs(np.array([left, top, right + 1, bottom + 1]) - [10, 8, 30, 32]).max() <= 3, "and half a line"
