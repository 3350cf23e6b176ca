"""One-pass results as pysot and pytracking read them, for comparisons in those toolkits.

pysot        ROOT/<tracker>/<video>.txt                  x,y,w,h
pytracking   ROOT/<tracker>/<parameters>/<video>.txt     x<tab>y<tab>w<tab>h, and <video>_time.txt, seconds
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.files import write_atomic
from samn_tracker.runner.box_text import format_box

DECIMALS = 4


def write_pysot(root: Path, tracker: str, video: str, boxes: NDArray[np.float64]) -> Path:
    """Write (N, 4) boxes, already in the pixel convention of that benchmark's ground truth; returns the file.

    Raises:
        ResultError: a box is not finite or has no size.
    """
    path = root / tracker / f"{video}.txt"
    write_atomic(path, "".join(f"{format_box(box, DECIMALS)}\n" for box in boxes))
    return path


def write_pytracking(
    root: Path, tracker: str, parameters: str, video: str, boxes: NDArray[np.float64], seconds: Iterable[float]
) -> Path:
    """Write (N, 4) boxes and the seconds of each frame; returns the file of the boxes.

    Raises:
        ResultError: a box is not finite or has no size.
    """
    folder = root / tracker / parameters
    path = folder / f"{video}.txt"
    write_atomic(path, "".join(f"{format_box(box, DECIMALS)}\n".replace(",", "\t") for box in boxes))
    write_atomic(folder / f"{video}_time.txt", "".join(f"{one:.8f}\n" for one in seconds))
    return path
