"""Rows of boxes: what is written, what is read, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samn_tracker.errors import ResultError
from samn_tracker.runner.box_text import format_box, read_rows, strict_faults


def test_format() -> None:
    assert format_box([1, 2.5, 3.14159, 4], 3) == "1.000,2.500,3.142,4.000"
    assert format_box(np.array([-1.005, 2, 3, 4]), 2) == "-1.00,2.00,3.00,4.00"


@pytest.mark.parametrize("box", [[1, 2, np.nan, 4], [1, 2, 3, np.inf], [1, 2, 0, 4], [1, 2, 3, 0.001], [1, 2, 3]])
def test_boxes_that_no_server_takes_are_refused(box: list[float]) -> None:
    with pytest.raises(ResultError, match="the tracker answered the box"):
        format_box(box, 2)


@pytest.mark.parametrize(
    "line", ["1,2,3,4", "1\t2\t3\t4", "1 2 3 4", " 1, 2 ,3,  4", "1,2,3,4,", "1;2;3;4", "1.0,2,3,4\r"]
)
def test_every_separator_is_read(line: str) -> None:
    rows, faults = read_rows(line + "\n")
    assert (rows.tolist(), faults) == ([[1, 2, 3, 4]], [])


def test_blank_fields_rows_and_words() -> None:
    rows, faults = read_rows("1,,3,4\n\n1,2,3\nNaN,2,3,4\na,2,3,4\n1,2,3,4,5\n\n")
    expected = [[1, np.nan, 3, 4], [np.nan] * 4, [1, 2, 3, np.nan], [np.nan, 2, 3, 4], [np.nan, 2, 3, 4], [1, 2, 3, 4]]
    np.testing.assert_array_equal(rows, expected)
    assert [line for line, _ in faults] == [3, 6]


@given(st.lists(st.tuples(*[st.floats(-1e5, 1e5)] * 2, *[st.floats(0.01, 1e5)] * 2), min_size=1, max_size=20))
def test_what_is_written_is_read_and_has_no_fault(boxes: list[tuple[float, ...]]) -> None:
    text = "".join(format_box(box, 3) + "\n" for box in boxes)
    rows, faults = read_rows(text)
    assert faults == []
    np.testing.assert_allclose(rows, boxes, atol=6e-4)
    assert strict_faults(text, 3, len(boxes), boxes[0]) == []


@given(st.text(max_size=200))
def test_any_text_is_read_or_named_but_never_breaks(text: str) -> None:
    rows, _ = read_rows(text)
    assert rows.shape[1] == 4
    for line, message in strict_faults(text, 2, 3, [1, 2, 3, 4]):
        assert line >= 0
        assert message


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("1.00,2.00,3.00,4.00,", "a trailing comma"),
        ("1.00\t2.00\t3.00\t4.00", "a tab"),
        ("1.00, 2.00, 3.00, 4.00", "a space"),
        ("1.00,2.00,3.00,4.00\r", "Windows line end"),
        ("1.00,2.00,3.00", "3 values instead of 4"),
        ("", "a blank row"),
        ("nan,2.00,3.00,4.00", "not four finite numbers"),
        ("1.00,2.00,inf,4.00", "not four finite numbers"),
        ("1.00,2.00,-3.00,4.00", "a size that is not positive"),
        ("1.00,2.00,3.00,0.00", "a size that is not positive"),
        ("1.0,2.00,3.00,4.00", "not 2 decimals"),
        ("1e2,2.00,3.00,4.00", "not 2 decimals"),
    ],
)
def test_each_fault_is_named_with_its_line(row: str, fault: str) -> None:
    good = "5.00,6.00,7.00,8.00"
    faults = strict_faults(f"{good}\n{row}\n{good}\n", 2, 3, [5, 6, 7, 8])
    assert [line for line, _ in faults] == [2]
    assert fault in faults[0][1]


def test_rows_and_first_row() -> None:
    good = "5.00,6.00,7.00,8.00\n"
    assert strict_faults(good * 2, 2, 3) == [(0, "2 rows instead of 3, one a frame, the first frame included")]
    assert strict_faults(good, 2, 1, [5, 6, 7, 8.5])[0][0] == 1
