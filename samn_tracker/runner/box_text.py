"""Rows of boxes as text: the writer of every box benchmark, a forgiving reader, and a strict one for linting."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError

LineFault = tuple[int, str]
_SEPARATORS = re.compile(r"[\t;]|(?<=[^\s,;])[ ]+(?=[^\s,;])")


def format_box(box: Sequence[float] | NDArray[np.float64], decimals: int) -> str:
    """`x,y,w,h` with a fixed number of decimals, no spaces, no line end.

    Raises:
        ResultError: the box is not four finite numbers, or a size is not positive once rounded.
    """
    values = [float(value) for value in box]
    if len(values) != 4 or not np.isfinite(values).all() or min(round(value, decimals) for value in values[2:]) <= 0:
        raise ResultError(
            f"the tracker answered the box {values}; it must be x, y, w, h, finite, "
            f"with sizes above 0 at {decimals} decimals"
        )
    return ",".join(f"{value:.{decimals}f}" for value in values)


def read_rows(text: str) -> tuple[NDArray[np.float64], list[LineFault]]:
    """Forgiving reader: commas, tabs, semicolons or spaces, a trailing separator, NaN and blank fields.

    Returns (N, 4) float64 with NaN where a field is blank, missing or not a number, and the lines (1-based) that do not
    have four values, with what is wrong. Blank lines at the end are no rows.
    """
    return read_lines_of_boxes(text.rstrip().splitlines())


def read_lines_of_boxes(lines: Sequence[str]) -> tuple[NDArray[np.float64], list[LineFault]]:
    """As `read_rows`, of lines."""
    if (plain := _plain(lines)) is not None:
        return plain, []
    rows: list[list[float]] = []
    faults: list[LineFault] = []
    for number, line in enumerate(lines, start=1):
        fields = separated(line).split(",")
        values = [_number(one) for one in (fields[:4] if fields[4:] == [""] else fields)]
        if len(values) != 4 and line.strip():
            faults.append((number, f"{len(values)} values instead of 4: {line.strip()[:60]!r}"))
        rows.append((values + [np.nan] * 4)[:4])
    return np.array(rows, dtype=np.float64).reshape(-1, 4), faults


def _plain(lines: Sequence[str]) -> NDArray[np.float64] | None:
    """The boxes where every line is four numbers with commas between, as most files have them; None elsewhere."""
    try:
        rows = [[float(field) for field in line.split(",")] for line in lines]
    except ValueError:
        return None
    is_plain = all(len(row) == 4 for row in rows) and not any("_" in line for line in lines)
    return np.array(rows, dtype=np.float64).reshape(-1, 4) if is_plain else None


def separated(line: str) -> str:
    """The line with a comma between its fields, where it has commas, tabs, semicolons or spaces."""
    line = line.strip()
    return _SEPARATORS.sub(",", line) if " " in line or "\t" in line or ";" in line else line


def strict_faults(text: str, decimals: int, rows: int | None, first: Sequence[float] | None = None) -> list[LineFault]:
    """Everything that keeps `text` from being a result file, as (line, fault); line 0 is the whole file.

    Args:
        text: the file's content.
        decimals: exact number of decimals of every value.
        rows: how many rows there must be; None if unknown.
        first: the box that the first row must repeat; None if unknown.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    faults = []
    if rows is not None and len(lines) != rows:
        faults.append((0, f"{len(lines)} rows instead of {rows}, one a frame, the first frame included"))
    for number, line in enumerate(lines, start=1):
        fault = _row_fault(line, decimals)
        if fault:
            faults.append((number, fault))
    if first is not None and lines and not any(line == 1 for line, _ in faults):
        expected = [round(value, decimals) for value in first]
        actual = [_number(value) for value in lines[0].split(",")]
        if not np.allclose(actual, expected, rtol=0, atol=1.01 * 10.0**-decimals):
            faults.append((1, f"the first row is {lines[0]}, not the first frame's given box {expected}"))
    return faults


def _row_fault(line: str, decimals: int) -> str | None:
    if line.endswith("\r"):
        return "Windows line end; write \\n only"
    if "\t" in line:
        return "a tab; separate the values with commas"
    if " " in line:
        return "a space; separate the values with commas only"
    if line.endswith(","):
        return "a trailing comma"
    fields = line.split(",")
    if len(fields) != 4:
        return f"{len(fields)} values instead of 4: {line[:60]!r}" if line else "a blank row"
    values = [_number(one) for one in fields]
    if not np.isfinite(values).all():
        return f"not four finite numbers: {line[:60]}"
    if min(values[2:]) <= 0:
        return f"a size that is not positive: {line[:60]}"
    if not all(re.fullmatch(rf"-?[0-9]+\.[0-9]{{{decimals}}}", one) for one in fields):
        return f"not {decimals} decimals: {line[:60]}"
    return None


def _number(field: str) -> float:
    try:
        return np.nan if "_" in field else float(field)  # float() would take 1_0 for 10
    except ValueError:
        return np.nan
