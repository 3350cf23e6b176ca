"""Frozen configuration of where and how the networks run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RuntimeConfig:
    """Where and how the networks run; never changes what is computed beyond rounding.

    Attributes:
        precision: "int8" has eight bits in the convolutions and "auto"'s choice elsewhere; "auto" is the fastest of
            int8, bfloat16 and float32 that the hardware multiplies natively, int8 on CPUs only.
        threads: of the CPU; 0 leaves torch's own choice.
        side_by_side: on a CPU, a memory encoder with a trunk of its own learns a frame while the next one is searched,
            each on half of the threads.
    """

    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    threads: int = 0
    side_by_side: bool = True
