"""Windows cut as the authors' released code cuts them: whole pixels, no averaging. See `samn_tracker.shapes.geometry`.

They shift what is seen by up to a pixel and alias where they shrink; weights that were trained on such patches, and
whoever compares with the released tracker, see what it saw.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.shapes.geometry import Window


class WholeWindow(Window):
    """The window of the segmentation: a whole corner and side, resized at once; black outside the image."""

    def crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The patch (size, size[, C]), linearly interpolated without averaging; 0 outside the image."""
        left, top = np.rint(self.origin).astype(int)
        side = round(self.side)
        height, width = image.shape[:2]
        inside = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
        above, below = int(max(-top, 0)), int(max(top + side - height, 0))
        before, behind = int(max(-left, 0)), int(max(left + side - width, 0))
        if inside.size == 0:
            return np.zeros((self.size, self.size, *image.shape[2:]), np.uint8)
        padded = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_CONSTANT, value=0)
        return cv2.resize(padded, (self.size, self.size), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def whole_window(centre: NDArray[np.float64], side: float, size: int) -> WholeWindow:
    """The window of whole pixels that is nearest to a square of `side` around `centre` (2,), at least as large."""
    whole = math.ceil(side - 1e-9)
    left, top = np.rint(centre - whole / 2)
    return WholeWindow((float(left + whole / 2), float(top + whole / 2)), float(whole), size)


class ThinnedWindow(Window):
    """The window of the localisation: every n-th pixel of the image, then a whole number of these, resized.

    The released code maps points as if the patch were cut exactly around the centre: the mapping is that of `Window`.
    """

    def crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The patch (size, size[, C]) of thinned pixels, linearly interpolated; border pixels repeat outside.

        In float32, as nothing is rounded on the way to the network there: rounded patches move peaks by a pixel.
        """
        step = max(int(self.scale - 0.1), 1)
        middle = np.floor(self.centre).astype(int)
        first = middle % step
        middle = middle // step
        thin = image[first[1] :: step, first[0] :: step]
        side = max(round(self.side / step), 2)
        low, high = middle - (side - 1) // 2, middle + side // 2 + 1
        limit = np.array(thin.shape[1::-1])
        columns, rows = (np.clip(np.arange(low[axis], high[axis]), 0, limit[axis] - 1) for axis in (0, 1))
        cut = thin[rows[:, None], columns].astype(np.float32)
        return cv2.resize(cut, (self.size, self.size), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
