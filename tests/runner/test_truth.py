"""Lists and boxes as people's programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samn_tracker.errors import DatasetError
from samn_tracker.runner.truth import is_annotated, read_boxes, read_lines, read_names, rect_files

ROWS = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]


@pytest.mark.parametrize(
    "data",
    [
        b"1,2,3,4\n5,6,7,8\n",
        b"\xef\xbb\xbf1,2,3,4\n5,6,7,8",
        b"1\t2\t3\t4\r\n5\t6\t7\t8\r\n",
        b"1 2 3 4\r5 6 7 8\r",
        b"1, 2, 3, 4\n5, 6, 7, 8\n\n\n \t\n",
        b"1;2;3;4\n5;6;7;8\n",
        "1,2,3,4\r\n5,6,7,8\r\n".encode("utf-16"),
    ],
)
def test_marks_tabs_line_ends_and_trailing_blank_lines_do_not_change_boxes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    assert read_boxes(tmp_path / "a.txt").tolist() == ROWS


def test_a_blank_line_in_the_middle_is_refused_and_does_not_shift_the_rows_below(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1,2,3,4\n\n5,6,7,8\n \n5,6,7,8\n")
    with pytest.raises(DatasetError, match=r"line 2, 4 is blank.*nan,nan,nan,nan"):
        read_boxes(path)
    path.write_text("1,2,3,4\nnan,nan,nan,nan\n,,,\n")
    assert np.isnan(read_boxes(path)).all(axis=1).tolist() == [False, True, True]


@pytest.mark.parametrize("text", ["1_0,2,3,4\n", "1,2,3\n", "x\n", "", "1,2,,3,4\n"])
def test_what_is_not_four_numbers_is_refused_or_not_a_number(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    try:
        assert np.isnan(read_boxes(tmp_path / "a.txt")).any()
    except DatasetError as error:
        assert "a.txt" in str(error)


def test_names_with_spaces_and_marks_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffmy dog\r\n\r\n caf\u00e9 2 \r\n".encode())
    assert read_names(path) == ["my dog", "caf\u00e9 2"]
    path.write_text("a\nb\na\n../c\n")
    with pytest.raises(DatasetError, match=r"repeated or are paths: \.\./c, a"):
        read_names(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_lines, read_names, read_boxes):
        with pytest.raises(DatasetError, match=r"a\.txt"):
            read(tmp_path / "a.txt")  # type: ignore[operator]


def test_folders_of_several_targets_are_several_sequences(tmp_path: Path) -> None:
    for name, files in {
        "Jogging": ["groundtruth_rect.1.txt", "groundtruth_rect.2.txt"],
        "Human4": ["groundtruth_rect.2.txt", "groundtruth_rect.10.txt"],
        "Deer": ["groundtruth_rect.txt", "groundtruth_rect.old.txt"],
        ".trash": ["groundtruth_rect.txt"],
    }.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    (tmp_path / "Jogging" / "._groundtruth_rect.1.txt").touch()
    assert list(rect_files(tmp_path)) == ["Deer", "Human4-2", "Human4-10", "Jogging-1", "Jogging-2"]
    (tmp_path / "Jogging-1").mkdir()
    (tmp_path / "Jogging-1" / "groundtruth_rect.txt").touch()
    with pytest.raises(DatasetError, match="are both the sequence Jogging-1"):
        rect_files(tmp_path)


def test_boxes_over_the_border_are_annotated() -> None:
    boxes = np.array([[0, 5, 3, 3], [-4, -4, 9, 9], [1, 1, 0, 3], [np.nan] * 4, [0, 0, 0, 0]], dtype=np.float64)
    assert is_annotated(boxes).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("name", ["a" * 300, "\u00e4" * 130, "a\x00b"])
def test_a_name_that_no_file_system_takes_is_refused_and_not_a_traceback(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.txt").write_text(f"good\n{name}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="repeated or are paths"):
        read_names(tmp_path / "list.txt")
