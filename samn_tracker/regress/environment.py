"""What made a result: the tracker's identity, and the machine below it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from samn_tracker.runner.trackers import describe_tracker


def describe_environment(spec: str, overrides: Mapping[str, str]) -> dict[str, Any]:
    """As JSON-able values: tracker, weights, code, settings, packages; Python, processor, torch's CPU capability."""
    identity = describe_tracker(spec, "cpu", overrides)
    if identity["config"]:
        del identity["overrides"]  # the configuration holds them
    return {
        **identity,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
