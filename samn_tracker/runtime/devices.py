"""Devices and precisions by their names in the settings."""

from __future__ import annotations

from typing import NamedTuple

import torch

from samn_tracker.errors import ConfigError
from samn_tracker.model.int8 import has_int8_kernels


def resolve_device(device: str) -> torch.device:
    """The torch device of a name; "auto" is CUDA when present, else CPU.

    Raises:
        ConfigError: no such device here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    resolved: torch.device | None
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = None
    if resolved is None or resolved.type not in ("cpu", "cuda"):  # Apple's mps and others have never been tried
        raise ConfigError(f"device {device!r} is none of ours; use auto, cpu, cuda or cuda:INDEX")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} was asked for, but torch sees no CUDA device; use --device cpu or auto")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {device!r} does not exist; this machine has {torch.cuda.device_count()} CUDA devices"
        )
    return resolved


class Precision(NamedTuple):
    """The dtype of a network, and whether its convolutions run in int8."""

    dtype: torch.dtype
    int8: bool


def resolve_precision(name: str, device: torch.device) -> Precision:
    """What a name of `RuntimeConfig.precision` means on a device.

    Raises:
        ConfigError: int8 where the hardware does not multiply it natively.
    """
    native_int8 = device.type == "cpu" and has_int8_kernels()
    if name == "int8" and not native_int8:
        raise ConfigError(
            f"runtime.precision=int8 needs a CPU with AVX-512 VNNI, AVX VNNI or AMX, and {device} has none; use auto"
        )
    if name in ("auto", "int8"):
        return Precision(torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32, native_int8)
    return Precision(torch.bfloat16 if name == "bfloat16" else torch.float32, False)


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware has native bfloat16 products; emulation would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
