"""Numbers of numpy in a pickled checkpoint: which names of it may be read, and what is made of them.

Training code often stores a score or a rate as it comes out of numpy. Such a number is pickled as a call of numpy's
`scalar` with a data type and bytes. `torch.load` refuses that unless the names are allowed; here they lead to a
function that makes numbers of a few bytes and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_KINDS = "?bBhHiIlLqQefdg"
_PLACES = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


def numpy_numbers() -> list[Any]:
    """For `torch.serialization.safe_globals`: numpy's data types of numbers, and its scalars under both their names."""
    kinds = {type(np.dtype(kind)) for kind in _KINDS}
    return [np.dtype, *kinds, *((_number, place) for place in _PLACES)]


def _number(dtype: Any, data: Any = None) -> np.generic:
    """The number that numpy pickled as its data type and bytes.

    Raises:
        ValueError: anything else, for instance an object.
    """
    if not isinstance(dtype, np.dtype) or dtype.char not in _KINDS or not isinstance(data, bytes):
        raise ValueError("a numpy object that is not a number")
    if len(data) != dtype.itemsize:
        raise ValueError(f"a numpy number of {len(data)} bytes, expected {dtype.itemsize}")
    return np.frombuffer(data, dtype)[0]  # type: ignore[no-any-return]
