"""A GPU against the CPU: the same masks, how long a frame takes there, and how much memory.

    samn bench cuda

Both sides start every frame from the same place. Where torch sees no CUDA device, one sentence says so.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from samn_tracker.bench.agreement import put
from samn_tracker.bench.scenario import FRAME_SIZE, Variant, make_light_variant
from samn_tracker.core.tracker import Tracker
from samn_tracker.runner.digits import positive
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.synthetic import make_sequence

LEAST_IOU = 0.99
_WARM = 3


class Checked(NamedTuple):
    """Least and mean IoU with the CPU's masks, median milliseconds of a frame, and peak MB of the device's memory."""

    least_iou: float
    mean_iou: float
    milliseconds: float
    peak_mb: float


def check(variant: Variant, device: str, frames: int, size: tuple[int, int]) -> Checked:
    """Track a generated sequence on `device` and, in float32 by torch, on the CPU."""
    sequence = make_sequence("moving", seed=8, length=frames, size=size)
    exact = replace(variant.config, runtime=RuntimeConfig(backend="torch", precision="float32"))
    sides = ((variant, device), (replace(variant, config=exact), "cpu"))
    fast, plain = (Tracker(one.engine(place), one.config) for one, place in sides)
    for tracker in (fast, plain):
        tracker.initialize(sequence.frame(0), sequence.mask(0))
    overlaps, milliseconds = [], []
    for index in range(1, frames):
        put(fast, plain)
        image = sequence.frame(index)
        begin = time.perf_counter()
        mask = fast.track(image).mask
        milliseconds.append(1000 * (time.perf_counter() - begin))
        truth = plain.track(image).mask
        assert mask is not None and truth is not None
        overlaps.append(mask_iou(mask, truth))
    on_cuda = torch.device(device).type == "cuda"
    peak = torch.cuda.max_memory_allocated(device) / 1e6 if on_cuda else 0.0
    return Checked(min(overlaps), float(np.mean(overlaps)), float(np.median(milliseconds[_WARM:])), peak)


def words(found: Checked) -> str:
    """What was found, with the device's name."""
    return (
        f"{torch.cuda.get_device_name()}: {found.milliseconds:.1f} ms a frame, peak {found.peak_mb:.0f} MB\n"
        f"masks against the CPU's float32: IoU {found.mean_iou:.4f} in the mean, {found.least_iou:.4f} at least"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the check; exit code 1 where a mask differs too much."""
    arguments = _parser().parse_args(argv)
    if not torch.cuda.is_available():
        print("samn bench cuda: torch sees no CUDA device here, so there is nothing to measure", file=sys.stderr)
        return 0
    variant = make_light_variant()
    found = check(variant, "cuda", arguments.frames, FRAME_SIZE)
    print(words(found))
    return 0 if found.least_iou >= LEAST_IOU else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn bench cuda", description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=positive, default=60)
    return parser
