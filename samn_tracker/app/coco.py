"""COCO's compressed run lengths, written without pycocotools."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def coco_counts(mask: NDArray[np.uint8]) -> str:
    """COCO's compressed run lengths of the mask (H, W): column-major, zeros first; each run less the one two before it
    (from the fourth on), in groups of 5 bits, lowest first, as characters from "0" on; bit 6 says that more follow."""
    flat = (mask != 0).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    if flat[0]:
        runs.insert(0, 0)
    characters = []
    for position, run in enumerate(runs):
        value = run - runs[position - 2] if position > 2 else run
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != (-1 if group & 0x10 else 0)
            characters.append(chr(48 + group + 32 * more))
    return "".join(characters)
