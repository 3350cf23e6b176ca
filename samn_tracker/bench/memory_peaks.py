"""The most memory that each side ever needs, measured in a process of its own."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import torch

from samn_tracker.bench.reference import Reference
from samn_tracker.bench.scenario import ProductFrame, ReferenceFrame, Still, make_variants

STORED = 60
_FRAMES = 3


def measure_peaks(names: list[str], device: str) -> dict[str, dict[str, dict[str, float]]]:
    """{variant: {side: {"resident_mb", "device_mb"}}} after a start and frames with 60 stored ones."""
    context = multiprocessing.get_context("spawn")
    peaks: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        peaks[name] = {}
        for side in ("reference", "product"):
            with context.Pool(1) as pool:
                peaks[name][side] = pool.apply(_peak, (name, side, device))
    return peaks


def _peak(name: str, side: str, device: str) -> dict[str, float]:
    """Start and track on one side; megabytes beyond those of the loaded libraries and networks."""
    variant = next(one for one in make_variants() if one.name == name)
    still = Still()
    before = resident_peak_mb()
    frame: Any
    if side == "reference":
        reference = Reference(variant.network, variant.config, device)
        reference.start(still.image, still.mask)
        frame = ReferenceFrame(reference, still, STORED)
    else:
        frame = ProductFrame(variant.engine(device), variant.config, still, STORED)
    for _ in range(_FRAMES):
        frame.run()
    on_device = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
    return {"resident_mb": resident_peak_mb() - before, "device_mb": on_device}


def resident_peak_mb() -> float:
    """The most memory of this process that was ever in RAM; Linux only.

    Not `getrusage`: that begins with the memory of the process that started this one, which may be larger.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
