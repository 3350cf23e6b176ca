"""`samn bench scores`: every benchmark is generated, scored by its command, and timed."""

from __future__ import annotations

import pytest

from samn_tracker.bench import scores
from samn_tracker.cli import main


def test_every_benchmark_is_scored_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "scores", "--sequences", "2", "--frames", "70"]) == 0
    title, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert title[0] == "benchmark"
    assert [row[0] for row in rows] == ["ope", "got10k", "vot2018"]
    assert all(float(row[1]) > 0 and float(row[2]) > 0 for row in rows)


def test_a_score_that_fails_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scores.BENCHMARKS, "ope", lambda root, generated: ["ope", "score", "--truth", "x"])
    assert main(["bench", "scores", "--sequences", "1", "--only", "ope"]) == 1
    assert "samn bench scores: samn ope score: " in capsys.readouterr().err
