"""One-pass evaluation in the layout of OTB, with its pixels counted from 1."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from benchmark_data import save_boxes, truth_boxes, write_images
from toy_trackers import Drift

from ope_runner.runner import Ope
from samn_tracker.runner.execute import execute
from samn_tracker.runner.lint import open_source
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.worker import RunRequest


@pytest.mark.parametrize(("split", "first"), [("one-based", [19, 14, 18, 14]), ("zero-based", [20, 15, 18, 14])])
def test_pixels_are_converted_once_on_the_way_in_and_back(tmp_path: Path, split: str, first: list[float]) -> None:
    write_images(tmp_path / "data/car/img", [f"{frame:04d}.jpg" for frame in range(1, 7)], seed=0)
    save_boxes(tmp_path / "data/car/groundtruth_rect.txt", truth_boxes(6, 0), decimals=3)
    sequence = Ope().sequences(tmp_path / "data", split)[0]
    assert list(sequence.box or ()) == first
    request = RunRequest(Ope(), tmp_path / "data", split, "toy_trackers:Drift", tmp_path / "run")
    assert execute(request) == []
    assert (tmp_path / "run/results/car.txt").read_text().startswith("20.0000,15.0000,18.0000,14.0000\n")
    assert Ope().lint(open_source(tmp_path / "run/results"), tmp_path / "data", split) == []
    assert Ope().score(tmp_path / "data", tmp_path / "run/results", split).overall["success"] > 0.3  # type: ignore[operator]


def test_memory_does_not_grow_with_the_sequence(tmp_path: Path) -> None:
    write_images(tmp_path / "img", ["0001.jpg"], seed=0)
    peaks = []
    for frames in (20, 20, 300):
        sequence = Sequence(f"s{len(peaks)}", (tmp_path / "img/0001.jpg",) * frames, (5.0, 5.0, 10.0, 10.0))
        tracemalloc.start()
        for _ in Ope().run_sequence(Drift(), sequence, tmp_path / f"out{frames}"):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    image = 48 * 64 * 3
    assert peaks[2] < peaks[1] + 6 * image, peaks  # 280 further frames, at most a few images at a time
