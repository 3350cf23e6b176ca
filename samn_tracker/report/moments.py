"""Which frames of a sequence are worth a picture: where the tracker fails, by its overlap with the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LOST = 0.1
"""An overlap of at most this is a failure, as VOT2020's rules have it."""
_GOOD = 0.5
_WITHOUT_TRUTH = (0.25, 0.6, 0.95)


def moments(frames: Sequence[int], overlaps: FloatArray | None) -> list[int]:
    """At most three of `frames`, in order.

    Where the target is lost: the last good frame before the first failure, that failure, and the middle of the longest
    stretch of failures. Else the frame of lowest overlap in each third. Without overlaps three that lie apart.
    """
    known = [frame for frame in frames if overlaps is not None and frame < len(overlaps)]
    values = np.array([overlaps[frame] for frame in known]) if overlaps is not None else np.zeros(0)
    counted = np.flatnonzero(np.isfinite(values))
    if not len(counted):
        return sorted({frames[round(share * (len(frames) - 1))] for share in _WITHOUT_TRUTH})
    known, values = [known[index] for index in counted], values[counted]
    lost = np.flatnonzero(values <= LOST)
    chosen = _around_failure(values, lost) if len(lost) else _lowest_of_thirds(values)
    return sorted({known[index] for index in chosen})


def _around_failure(values: FloatArray, lost: NDArray[np.intp]) -> list[int]:
    first = int(lost[0])
    good = np.flatnonzero(values[:first] >= _GOOD)
    longest = max(np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1), key=len)
    return [int(good[-1]) if len(good) else max(first - 1, 0), first, int(longest[len(longest) // 2])]


def _lowest_of_thirds(values: FloatArray) -> list[int]:
    thirds = np.array_split(np.arange(len(values)), 3)
    return [int(third[np.argmin(values[third])]) for third in thirds if len(third)]
