"""Frozen configuration of where and how the networks run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samn_tracker.settings import bounded


@dataclass(frozen=True)
class RuntimeConfig:
    """Where and how the networks run; never changes what is computed beyond rounding.

    Attributes:
        backend: what runs the networks: "torch", on CUDA and on any CPU, or "openvino", on CPUs; "auto" is OpenVINO on
            a CPU where it is installed and works, else torch; `$SAMN_BACKEND` says what "auto" is instead.
        precision: "int8" has eight bits in most convolutions and "auto"'s choice elsewhere; "auto" is the fastest of
            int8, bfloat16 and float32 that the hardware multiplies natively, int8 with OpenVINO only.
        threads: of the CPU; 0 leaves torch's own choice.
        cache: whether compiled networks are kept in the user's cache folder (`$SAMN_CACHE_DIR`, else
            `~/.cache/samn-tracker`), so that the next process need not compile them.
        cache_megabytes: how much is kept there; what was used longest ago goes first.
        graphs: on CUDA, whether the networks run as CUDA graphs, which are launched in one go.
        side_by_side: by torch on a CPU, a memory encoder with a trunk of its own learns a frame while the next one is
            searched, each on half of the threads.
    """

    backend: Literal["auto", "torch", "openvino"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    threads: int = bounded(0, 0, 1024)
    cache: bool = True
    cache_megabytes: int = bounded(512, 0, 1_000_000)
    graphs: bool = True
    side_by_side: bool = True
