"""What is there twice is refused with both names, and not taken from whichever comes last."""

from __future__ import annotations

from pathlib import Path

import pytest

from ope_runner.layouts import tnl2k
from ope_runner.results import ResultFiles
from samn_tracker.errors import DatasetError, ResultError

ROW = "1,2,3,4\n"


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ROW)


def test_two_subsets_with_a_sequence_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one/dog", "one/cat", "two/fox", ".trash/dog", "two/.dog"):
        _write(tmp_path / folder / "groundtruth.txt")
    assert list(tnl2k(tmp_path / "one")) == ["cat", "dog"]
    _write(tmp_path / "two/dog/groundtruth.txt")
    with pytest.raises(DatasetError, match=r"one/dog/groundtruth\.txt and .*two/dog/groundtruth\.txt are both"):
        tnl2k(tmp_path)


def test_a_result_in_both_layouts_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "dog.txt")
    _write(tmp_path / "cat/cat_001.txt")
    files = ResultFiles(tmp_path)
    assert len(files.boxes("dog", 1)) == len(files.boxes("cat", 1)) == 1
    _write(tmp_path / "dog/dog_001.txt")
    with pytest.raises(ResultError, match=r"dog\.txt and dog/dog_001\.txt are both there"):
        ResultFiles(tmp_path).path("dog")
