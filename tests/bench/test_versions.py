"""A tracker here and in another checkout: the figures by hand, real passes of both, and what is asked for in vain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samn_tracker.bench.checkouts import HERE
from samn_tracker.bench.versions import main, row


def test_the_ratios_are_of_the_medians() -> None:
    here = [[10.0, 20.0], [11.0, 30.0], [90.0, 25.0]]
    there = [[22.0, 50.0], [20.0, 40.0], [99.0, 90.0]]
    assert row("a video", np.array([here, there])).split() == ["a", "video", "25.0", "50.0", "0.500", "0.500"]


@pytest.mark.parametrize("start", ["box", "mask"])
def test_both_states_follow_the_same_frames(start: str, capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--frames", "2", "--rounds", "2"]
    assert main(["--against", str(HERE), "--tracker", "samn-lite", "--start", start, *few]) == 0
    _, line = capsys.readouterr().out.splitlines()
    name, here, there, ratio, _ = line.rsplit(maxsplit=4)
    assert name == f"moving_3, {start}"
    assert float(here) > 0 and float(ratio) == pytest.approx(float(here) / float(there), rel=0.05)


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", str(tmp_path)]) == 1
    assert "is no checkout of this repository" in capsys.readouterr().err


def test_a_tracker_that_is_not_there_ends_with_a_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", str(HERE), "--tracker", "no-such", "--frames", "2", "--rounds", "1"]) == 1
    assert "samn bench versions: " in capfd.readouterr().err
