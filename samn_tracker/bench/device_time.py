"""How long a GPU computes for one frame, by its own clock: without what it waits for the host."""

from __future__ import annotations

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from samn_tracker.bench.scenario import ProductFrame, Still, Variant

STORED = 20


def device_milliseconds(variant: Variant, device: str, repeats: int) -> float:
    """Mean over `repeats` frames with 20 stored ones, on a CUDA device."""
    frame = ProductFrame(variant.engine(device), variant.config, Still(), STORED)
    for _ in range(3):
        frame.run()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        for _ in range(repeats):
            frame.run()
        torch.cuda.synchronize(device)
    events = [one for one in profiled.key_averages() if one.device_type == DeviceType.CUDA]
    return sum(one.self_device_time_total for one in events) / 1000 / repeats
