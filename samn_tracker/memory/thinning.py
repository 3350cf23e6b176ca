"""What is read of a memorised frame: all cells around its target, and of the background beyond one of four.

Most cells of a patch are background, which looks alike from cell to cell. Each that is read for four has four times
their weight in the softmax, so that what attention gives to the background as a whole stays as it is.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.memory.config import STRIDE

REACH = 2
"""Cells around the target that are all read."""
TARGET = 0.3
"""Of a cell in which a pixel's probability is above this, the target has a part."""
STEP = 2
"""Beyond, every so many cells in both directions one is read."""


def read_weights(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms (h * w,) of the weights of a patch's cells, given its mask (16 h, 16 w) in 0..1; -inf is not read."""
    height, width = mask.shape[0] // STRIDE, mask.shape[1] // STRIDE
    highest = mask.reshape(height, STRIDE, width, STRIDE).max(axis=(1, 3))
    side = 2 * REACH + 1
    near = cv2.dilate((highest > TARGET).astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    weights = np.full((height, width), -np.inf, dtype=np.float32)
    weights[STEP // 2 :: STEP, STEP // 2 :: STEP] = 2 * math.log(STEP)
    weights[near] = 0
    return weights.ravel()
