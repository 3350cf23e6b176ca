"""Where ground truth and results may lie: small questions that every runner asks of two folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.runner.box_text import read_rows
from samn_tracker.runner.frames import listed, listed_lines
from samn_tracker.runner.truth import decode_text


def first_existing(candidates: Sequence[Path], what: str) -> Path:
    """The first candidate that exists.

    Raises:
        DatasetError: none does.
    """
    for path in candidates:
        if path.exists():
            return path
    raise DatasetError(f"no {what} at {' or '.join(map(str, candidates))}; check --truth and --split")


def require_data(data: Path | None, title: str) -> Path:
    """`data`, for benchmarks whose rules cannot be checked without it.

    Raises:
        DatasetError: it was not given.
    """
    if data is None:
        raise DatasetError(f"the names and lengths of {title} come from its data folder; give --data")
    return data


def read_results(path: Path, rows: int, longer: bool = False) -> NDArray[np.float64]:
    """(rows, 4) boxes of a result file; `longer` lets it have more rows, which are left out.

    Raises:
        ResultError: it is missing, has another number of rows, or values that are not numbers.
    """
    if not path.is_file():
        raise ResultError(f"{path.name} is missing")
    boxes, faults = read_rows(decode_text(path.read_bytes()))
    if longer:
        boxes, faults = boxes[:rows], [fault for fault in faults if fault[0] <= rows]
    if len(boxes) != rows:
        raise ResultError(f"{path.name} has {len(boxes)} rows, the ground truth {rows}")
    bad = sorted(
        {line for line, _ in faults} | {int(row) + 1 for row in np.nonzero(~np.isfinite(boxes).all(axis=1))[0]}
    )
    if bad:
        raise ResultError(f"{path.name} has rows that are not four numbers: lines {listed(bad)}")
    return boxes


def raise_all(faults: Iterable[str], results: Path, remedy: str = "") -> None:
    """Raise one ResultError for all faults of a folder of results, if there are any; `remedy` is its last line."""
    found = list(faults)
    if found:
        last = f"\n{remedy}" if remedy else ""
        raise ResultError(f"{results} cannot be scored:{listed_lines(found)}{last}")
