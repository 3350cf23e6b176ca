"""Text that comes with a data set, as people's programs leave it: lists of names, boxes, labels; read once, here.

Byte-order marks, UTF-16, any line end, tabs and trailing blank lines are read for what they are. A blank line in the
middle is refused: left out, it would move every row below it to another frame.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError
from samn_tracker.runner.box_text import read_lines_of_boxes
from samn_tracker.runner.frames import listed, order_key, visible

_SHOWN = 10
_SHOWN_LETTERS = 60
_LONGEST_NAME = 250
"""Bytes of a sequence's name; a file system takes 255, and result files are called NAME.txt."""
_RECT = re.compile(r"groundtruth_rect(?:\.([0-9]{1,4}))?\.txt")


def decode_text(data: bytes) -> str:
    """UTF-8 with or without a byte-order mark, or UTF-16 with one; what is neither becomes U+FFFD, and no number."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def read_text(path: Path) -> str:
    """The text of a file of the data set.

    Raises:
        DatasetError: it is missing or cannot be read.
    """
    try:
        return decode_text(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise DatasetError(f"no file {path}; check --data and --split") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None


def read_lines(path: Path) -> list[str]:
    """The lines of a file with one line a frame, without the blank ones at its end; perhaps none.

    Raises:
        DatasetError: it cannot be read, or has a blank line in the middle.
    """
    return frame_lines(read_text(path), str(path))


def frame_lines(text: str, name: str) -> list[str]:
    """As `read_lines`, of a text; `name` is used in the error.

    Raises:
        DatasetError: a blank line in the middle.
    """
    lines = text.rstrip().splitlines()
    blank = [number for number, line in enumerate(lines, start=1) if not line or line.isspace()]
    if blank:
        raise DatasetError(
            f"{name}: line {listed(blank)} is blank, so every row below may belong to another frame; write "
            "nan,nan,nan,nan for a frame without target, or remove the line"
        )
    return lines


def read_names(path: Path) -> list[str]:
    """The non-empty lines of a list of sequence names, in order; names may have spaces inside.

    Raises:
        DatasetError: the list is missing, empty, names a path outside of the data, or names a sequence twice.
    """
    if not path.is_file():
        raise DatasetError(f"no list of sequences {path}; check --data and --split")
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not names:
        raise DatasetError(f"{path} names no sequence")
    repeated = {name for name, times in Counter(names).items() if times > 1}
    if strange := sorted(repeated | {name for name in names if not is_plain_name(name)}):
        raise DatasetError(f"{path} has names that are repeated or are paths: {listed(_cut(strange))}")
    return names


def read_boxes(path: Path) -> NDArray[np.float64]:
    """(N, 4) boxes of a ground-truth file; blank fields are NaN.

    Raises:
        DatasetError: the file is missing, has a blank line in the middle, or a row does not have four values.
    """
    if not path.is_file():
        raise DatasetError(f"no ground truth {path}; check --data and --split")
    lines = read_lines(path)
    rows, faults = read_lines_of_boxes(lines)
    if faults or not len(rows):
        said = "; ".join(f"line {line}: {message}" for line, message in faults[:_SHOWN]) or "it has no row"
        raise DatasetError(f"{path}: {said}")
    return rows


def rect_files(data: Path) -> dict[str, Path]:
    """Ground truth by sequence name, of a folder of sequences in OTB's layout, by name.

    As `targets_of` for each of its folders; empty where none has such a file.

    Raises:
        DatasetError: two files would be of one sequence.
    """
    found: dict[str, Path] = {}
    folders = visible({path.parent for path in data.glob("*/groundtruth_rect*.txt")})
    for name, path in (item for folder in folders for item in targets_of(folder).items()):
        if name in found:
            raise DatasetError(f"{path} and {found[name]} are both the sequence {name}; rename one of the folders")
        found[name] = path
    return found


def targets_of(folder: Path) -> dict[str, Path]:
    """The files of boxes in one folder of OTB's layout, by sequence name.

    `groundtruth_rect.txt` is of the sequence called like its folder. Folders with several targets have
    `groundtruth_rect.1.txt`, `.2.txt`, ...: those are the sequences NAME-1, NAME-2, the names that OTB's own list and
    pysot's give them (Jogging-1, Skating2-2, Human4-2).
    """
    matches = [(path, _RECT.fullmatch(path.name)) for path in _by_number(folder.glob("groundtruth_rect*.txt"))]
    return {folder.name + (f"-{int(match[1])}" if match[1] else ""): path for path, match in matches if match}


def first_box(name: str, rows: NDArray[np.float64]) -> tuple[float, ...]:
    """The first row as a box.

    Raises:
        DatasetError: it is not four finite numbers with positive sizes.
    """
    row = rows[0]
    if not np.isfinite(row).all() or (row[2:] <= 0).any():
        raise DatasetError(f"the first box of {name} is {row.tolist()}; it must be finite with a positive size")
    return tuple(float(value) for value in row)


def is_annotated(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) whether each of the (N, 4) boxes is one: finite, with sizes above 0; it may lie over any border."""
    return np.asarray(np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1))


def _by_number(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: order_key(path.name))


def is_plain_name(name: str) -> bool:
    """Whether a folder or file can be called so, and lies where it is looked for."""
    is_path = any(sign in name for sign in "/\\\x00") or name in ("", ".", "..")
    return not is_path and len(name.encode(errors="replace")) <= _LONGEST_NAME


def _cut(names: Iterable[str]) -> list[str]:
    return [name if len(name) <= _SHOWN_LETTERS else f"{name[:_SHOWN_LETTERS]}..." for name in names]
