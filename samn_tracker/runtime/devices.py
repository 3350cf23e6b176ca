"""Devices, backends and precisions by their names in the settings."""

from __future__ import annotations

import os
from typing import NamedTuple

import torch

from samn_tracker.errors import ConfigError, EnvironmentProblemError
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.openvino_package import why_unusable


class Plan(NamedTuple):
    """What runs a network, where, in which dtype, and whether most of its convolutions have eight bits."""

    backend: str
    device: torch.device
    dtype: torch.dtype
    int8: bool


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


def resolve(runtime: RuntimeConfig, device: str) -> Plan:
    """What the names of a `RuntimeConfig` and of a device mean on this machine.

    Raises:
        ConfigError: the device does not exist here, or the backend or the device has no such precision.
        EnvironmentProblemError: OpenVINO was asked for by name, and does not work here.
    """
    place = resolve_device(device)
    backend = _backend(runtime.backend, place)
    native_int8 = backend == "openvino" and multiplies_int8()
    if runtime.precision == "int8" and backend != "openvino":
        raise ConfigError(f"runtime.precision=int8 needs OpenVINO on a CPU, and this is {backend} on {place}; use auto")
    if runtime.precision == "int8" and not native_int8:
        raise ConfigError(
            "runtime.precision=int8 needs a CPU with AVX-512 VNNI, AVX VNNI, AMX or Arm's int8 products; use auto"
        )
    if runtime.precision in ("auto", "int8"):
        return Plan(backend, place, torch.bfloat16 if multiplies_bfloat16(place) else torch.float32, native_int8)
    return Plan(backend, place, torch.bfloat16 if runtime.precision == "bfloat16" else torch.float32, False)


def _backend(name: str, device: torch.device) -> str:
    if name == "auto" and (named := os.environ.get("SAMN_BACKEND")):
        if named not in ("auto", "torch", "openvino"):
            raise ConfigError(f"$SAMN_BACKEND is {named!r}; use torch, openvino or auto")
        name = "torch" if device.type == "cuda" else named
    if name == "openvino" and device.type != "cpu":
        raise ConfigError(
            f"runtime.backend=openvino runs on CPUs, and the device is {device}; use auto or --device cpu"
        )
    if name == "torch" or device.type != "cpu":
        return "torch"
    reason = why_unusable()
    if name == "openvino" and reason:
        raise EnvironmentProblemError(f"{reason}; or set runtime.backend=torch")
    return "torch" if reason else "openvino"


def multiplies_int8() -> bool:
    """Whether this CPU multiplies int8 natively; others are slower or saturate."""
    return _has_any("avx512_vnni", "avx_vnni", "amx_int8", "i8mm")


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware has native bfloat16 products; emulation would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return _has_any("avx512_bf16", "amx_bf16", "bf16")


def _has_any(*names: str) -> bool:
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in names)
