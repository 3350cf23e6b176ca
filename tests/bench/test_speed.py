"""Milliseconds on one thread and on two, in turn in one run; and memory over a very long video."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from samn_tracker.bench import speed
from samn_tracker.bench.scenario import Variant, random_network
from samn_tracker.bench.speed import FromFiles, Row, Turn, bars, measure, table
from samn_tracker.bench.videos import long_run
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.config import RuntimeConfig


class Listener:
    """A tracker that notes the brightness of every frame."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def initialize(self, image: np.ndarray, target: object) -> Prediction:
        raise NotImplementedError

    def track(self, image: np.ndarray) -> Prediction:
        self.seen.append(int(image[0, 0, 0]))
        return Prediction(np.zeros(4))


@pytest.mark.parametrize("ahead", [False, True])
def test_a_video_is_tracked_to_and_fro(tmp_path: Path, ahead: bool) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        assert cv2.imwrite(str(path), np.full((8, 8, 3), 10 * index, np.uint8))
    tracker = Listener()
    turn = FromFiles(tracker, paths, ahead)
    turn(3)
    turn(4)
    assert tracker.seen == [10, 20, 10, 0, 10, 20, 10]


def test_turns_alternate_each_on_its_threads_and_the_first_round_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One frame takes 1 s of the processor and 2 of the clock in the least turn, ten frames a tenth of that."""
    threads = torch.get_num_threads()
    took = iter([0.1, 0.1, 3.0, 3.0, 1.0, 1.0])
    clock = [0.0]
    asked: list[tuple[str, int]] = []

    def act(name: str) -> None:
        asked.append((name, torch.get_num_threads()))
        clock[0] += next(took)

    monkeypatch.setattr(speed.time, "process_time", lambda: clock[0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: 2 * clock[0])
    try:
        turns = [Turn("a", 1, lambda: act("a"), 1), Turn("b", 2, lambda: act("b"), 10)]
        rows = measure(turns, rounds=2)
    finally:
        torch.set_num_threads(threads)
    assert asked == [("a", 1), ("b", 2)] * 3
    assert [(row.what, row.threads) for row in rows] == [("a", 1), ("b", 2)]
    np.testing.assert_allclose([row[2:] for row in rows], [(1000, 2000), (100, 200)])


def test_the_table_says_how_many_times_faster_than_the_authors() -> None:
    rows = [
        Row(f"{who}, T = 20", threads, factor * 10.0 * threads, factor * 20.0)
        for who, factor in (("authors' schedule", 7), ("samn-r50", 1))
        for threads in (1, 2)
    ]
    *_, ours, ratios = table(rows).splitlines()
    assert ours.split()[4:] == ["10.0", "20.0", "50.0", "20.0", "20.0", "50.0"]
    assert ratios.split() == ["times", "faster,", "T", "=", "20", *4 * ["7.0"]]


def test_bars_are_the_least_parts_and_the_rest_of_the_least_frame() -> None:
    rows = [Row("ours", 1, 10.0, 12.0), Row("ours", 2, 30.0, 9.0)]
    samples = [{"read": 5.0}, {"read": 3.0, "decoder": 4.0}]
    assert bars(rows, {"ours": samples}) == {"ours": {"read": 3.0, "decoder": 4.0, "rest": 3.0}}


@pytest.mark.slow
@pytest.mark.parametrize("only", ["videos", "frames"])
def test_the_command_prints_its_table(only: str, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        assert speed.main(["--only", only, "--rounds", "1", "--laps", "0"]) == 0
    finally:
        torch.set_num_threads(threads)
    said = capsys.readouterr().out
    expected = {
        "videos": (
            "samn-lite, box start",
            "samn-lite, mask start",
            "torch float32",
            "the mask start itself",
            "opencv-mil",
        ),
        "frames": ("authors' schedule, T = 60", "samn-r50, T = 1", "times faster, T = 20"),
    }
    assert all(what in said for what in expected[only])


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_frames() -> None:
    """Both memories are full before the early frames; 10,000 of the least leak that counts, 4 KB, would be 40 MB."""
    config = replace(
        SAMN_LITE,
        model=replace(SAMN_LITE.model, key_channels=16, value_channels=32, decoder_channels=8),
        runtime=RuntimeConfig(threads=1),
    )
    variant = Variant("small", random_network(config), config, "random")
    run = long_run(variant, "cpu", 10_000, patch=96)
    assert run.frames == 10_000
    assert run.late_mb - run.early_mb < 4
    assert run.found > 0.9
