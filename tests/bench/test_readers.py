"""The benchmark of the readers: every reader reads its data, there is a ratio for each, and a bad checkout is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from samn_tracker.bench import reader_times
from samn_tracker.bench.readers import main, make_data, table


@pytest.mark.parametrize("reader", reader_times.READERS)
def test_every_reader_reads_what_is_made_for_it(reader: str, tmp_path: Path) -> None:
    make_data(tmp_path, 12)
    found = reader_times.READERS[reader](tmp_path)
    if "sequences" in reader or "vot" in reader:
        assert [len(one) for one in found] == [12]  # type: ignore[attr-defined]
    elif "score" in reader:
        assert set(found.sequences) in ({"a"}, {"a_1"}, set())  # type: ignore[attr-defined]
    else:
        assert found.total == 12  # type: ignore[attr-defined]


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    text = table({"a": [[0.002, 0.004, 0.009], [0.001, 0.004, 0.003]], "b": [[0.5]]})
    assert text.splitlines()[1].split() == ["a", "4.00", "3.00", "2.00"]
    assert text.splitlines()[2].split() == ["b", "500.00"]


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", str(tmp_path)]) == 1
    assert "is no checkout of this repository" in capsys.readouterr().err
