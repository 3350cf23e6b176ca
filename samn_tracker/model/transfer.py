"""Arrays on their way to a device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """The array as a tensor on `device`, in the same dtype; on a CPU it shares the array's memory.

    Towards CUDA the array is copied to locked pages and from there while the host goes on: a copy of ordinary memory
    would make the host wait for all that the device still has to do.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
