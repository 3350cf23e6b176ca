"""The table of `samn bench studio`: ratios and medians by hand, and what is asked for that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from samn_tracker.bench.studio import Round, main, table


def test_the_table_has_the_ratio_of_each_round_and_the_medians() -> None:
    rounds = [
        Round("a", 300, 200, 6, 0.5, 12, 10, 12),
        Round("b", 500, 400, 9, 1, 9, 9, 10),
        Round("c", 900, 600, 8, 1, 9, 10, 10),
    ]
    lines = table(rounds).splitlines()
    assert [line.split()[-2:] for line in lines[1:-1]] == [["0.50", "0.60"], ["0.90", "1.00"], ["0.80", "0.80"]]
    assert lines[-1].split() == ["median", "500", "400", "8.0", "9.0", "10.0", "10.0", "0.80", "0.80"]


def test_a_folder_without_the_sequences_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 1
    assert "samn bench studio: " in capsys.readouterr().err
