"""Pictures in which the answers of several runs are drawn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from samn_tracker.report.model import Clip, sequence_rows
from samn_tracker.report.style import series_colour
from samn_tracker.report.thumbnails import all_together

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
