"""Trajectory files: the toolkit's binary format, legacy text, and everything that can be wrong with them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samn_tracker.errors import ResultError
from vot_workspace.trajectory import (
    MaskPart,
    decode_binary,
    encode_binary,
    format_region,
    parse_region,
    read_trajectory,
    read_values,
    write_trajectory,
)

MASK = MaskPart((3, -2), np.array([[0, 1, 1], [1, 0, 0]], np.uint8))
TRAJECTORY = [1, np.array([1.5, 2.25, 30, 40]), np.array([[0, 0], [4.1, 0], [4, 3], [0, 3]], np.float32), MASK, 2, 0]


def test_binary_bytes_are_those_of_the_toolkit() -> None:
    expected = struct.pack("<hI", 1, 3)
    expected += struct.pack("<BI", 0, 1)
    expected += struct.pack("<B4f", 1, 1.5, 2.25, 30, 40)
    expected += struct.pack("<BhhHHH3H", 3, 3, -2, 3, 2, 3, 1, 3, 2)
    assert encode_binary([1, TRAJECTORY[1], MASK]) == expected


@pytest.mark.parametrize("name", ["a_001.bin", "a_001.txt"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    write_trajectory(tmp_path / name, TRAJECTORY)
    read = read_trajectory(tmp_path / name)
    assert [format_region(region) for region in read] == [format_region(region) for region in TRAJECTORY]
    assert encode_binary(read) == encode_binary(TRAJECTORY)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_text_keeps_every_digit_of_binary(values: list[float]) -> None:
    box = np.array(values)
    text = format_region(decode_binary(encode_binary([box]), "x")[0])
    assert encode_binary([parse_region(text)]) == encode_binary([box])


def test_runs_too_long_for_16_bits_are_split() -> None:
    mask = MaskPart((0, 0), np.zeros((400, 500), np.uint8))
    mask.mask[-1, -1] = 1
    (read,) = decode_binary(encode_binary([mask]), "x")
    assert isinstance(read, MaskPart)
    assert np.array_equal(read.mask, mask.mask)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_truncated_binary_is_named(cut: int) -> None:
    with pytest.raises(ResultError, match=r"seq_001.bin is cut off"):
        decode_binary(encode_binary(TRAJECTORY)[:cut], "seq_001.bin")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (struct.pack("<hI", 2, 0), "version 2"),
        (encode_binary([1]) + b"x", "1 bytes after its last region"),
        (struct.pack("<hIB", 1, 1, 9), "unknown kind 9"),
        (struct.pack("<hIBhhHHH2H", 1, 1, 3, 0, 0, 2, 2, 2, 1, 1), "do not fill a mask of 2 x 2"),
    ],
)
def test_a_damaged_binary_is_named(data: bytes, message: str) -> None:
    with pytest.raises(ResultError, match=message):
        decode_binary(data, "x.bin")


@pytest.mark.parametrize("text", ["3", "1,2", "1,2,3,4,5", "m0,0,2,2,1,1", "a,b,c,d", "", "1,2,inf,4"])
def test_text_that_is_no_region_is_named(text: str) -> None:
    with pytest.raises(ResultError, match="is not a region"):
        parse_region(text)


def test_absent_targets_are_the_code_0() -> None:
    assert parse_region("nan,nan,nan,nan") == 0
    assert parse_region("0.0") == 0


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_coordinates_beyond_32_bits_ended_scoring_in_a_traceback(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a_001{suffix}"
    corners = np.array([[1, 2], [1e39, 2], [9, 8], [1, 8]])
    with np.errstate(over="ignore"):
        data = encode_binary([1, corners.astype(np.float32)]) if suffix == ".bin" else b"1\n1,2,1e39,2,9,8,1,8\n"
    path.write_bytes(data)
    with pytest.raises(ResultError, match="frame 1 is infinite" if suffix == ".bin" else "line 2: .* is not a region"):
        read_trajectory(path)


def test_nan_in_a_binary_is_an_absent_target_as_in_text() -> None:
    data = encode_binary([1, np.array([1.0, 2, np.nan, 4]), np.array([1.0, 2, 3, 4])])
    first, absent, seen = decode_binary(data, "a.bin")
    assert (first, absent) == (1, 0)
    assert np.array_equal(seen, [1, 2, 3, 4])  # type: ignore[arg-type]


def test_faults_in_text_name_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n1,2,3,4\nbroken\n")
    with pytest.raises(ResultError, match=r"a.txt line 3: 'broken' is not a region"):
        read_trajectory(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ResultError, match="is empty"):
        read_trajectory(tmp_path / "a.txt")


def test_values_keep_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "a.value").write_text("\n0.5\n1\n")
    assert read_values(tmp_path / "a.value") == [None, 0.5, 1.0]
    with pytest.raises(ResultError, match="no file"):
        read_values(tmp_path / "b.value")
