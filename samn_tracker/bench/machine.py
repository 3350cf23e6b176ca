"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

import cv2
import torch


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Processor, cores, thread counts, load, versions and, where it is used, the GPU."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    known = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "bf16", "avx_vnni", "avx512_vnni", "amx_int8")
    products = [name for name in known if capabilities.get(name)]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "products": products,
        "torch_threads": torch.get_num_threads(),
        "opencv_threads": cv2.getNumThreads(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", listing.read_text()) if listing.exists() else None
    return found.group(1) if found else platform.processor()
