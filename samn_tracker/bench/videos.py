"""Whole videos: from JPEG files to results, OpenCV's trackers beside it, and a very long run."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from samn_tracker.bench.development import read_sequences
from samn_tracker.bench.scenario import FRAME_SIZE, Variant
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.loop import prefetched
from samn_tracker.runner.opencv_trackers import OPENCV_TRACKERS, create_opencv_tracker
from samn_tracker.shapes.regions import mask_to_box
from samn_tracker.synthetic import make_sequence, write_sequence_images

OTHER_PATCHES = (448, 256)
LONG_RUN_PATCH = 192


@dataclass(frozen=True)
class Video:
    """Image files with the target of the first one: its mask, or its box or polygon."""

    name: str
    paths: tuple[Path, ...]
    target: NDArray[np.generic]


def generated_video(folder: Path, length: int) -> Video:
    """A generated sequence that starts from a box, written as JPEG files of 854 x 480 into `folder`."""
    sequence = make_sequence("moving", seed=3, length=length, size=FRAME_SIZE)
    return Video(sequence.name, tuple(write_sequence_images(sequence, folder)), mask_to_box(sequence.mask(0)))


def real_videos(root: Path, length: int) -> list[Video]:
    """The first `length` frames of the development sequences below `root`, as `bench.accuracy` reads them."""
    return [
        Video(one.name, tuple(one.frames[:length]), one.boxes[0] if one.polygons is None else one.polygons[0])
        for one in read_sequences(root)
    ]


def frames_per_second(tracker: TrackerProtocol, video: Video) -> float:
    """Frames after the first, from file to answer, over the time that they took; the start is measured elsewhere."""
    start = 0.0
    for index, image in enumerate(prefetched(video.paths)):
        if index == 0:
            tracker.initialize(image, video.target)
            start = time.perf_counter()
        else:
            tracker.track(image)
    return (len(video.paths) - 1) / (time.perf_counter() - start)


def compare_trackers(variants: list[Variant], device: str, videos: list[Video], rounds: int) -> dict[str, float]:
    """Median frames a second of the variants and of OpenCV's MIL and CSRT (where installed), all videos in turn.

    The variants run on the patches of their start, the first one on those of `OTHER_PATCHES` too.
    """
    makers: dict[str, Callable[[], TrackerProtocol]] = {}
    for variant in variants:
        engine = variant.engine(device)
        configs = {variant.name: variant.config}
        if variant is variants[0]:
            configs |= {f"{variant.name}, patch {size}": variant.config.with_patch_size(size) for size in OTHER_PATCHES}
        makers |= {name: partial(Tracker, engine, config) for name, config in configs.items()}
    for name in OPENCV_TRACKERS:
        try:
            create_opencv_tracker(name)
        except EnvironmentProblemError:
            continue
        makers[name] = lambda name=name: create_opencv_tracker(name)  # type: ignore[misc]
    speeds: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds):
        for video in videos:
            for name, make in makers.items():
                speeds[name].append(frames_per_second(make(), video))
    return {name: median(values) for name, values in speeds.items()}


@dataclass(frozen=True)
class LongRun:
    """Median milliseconds and resident megabytes of an early and of a late window of frames of one long run."""

    frames: int
    early_ms: float
    late_ms: float
    early_mb: float
    late_mb: float
    early_device_mb: float
    late_device_mb: float
    found: float


def long_run(
    variant: Variant, device: str, frames: int, video_length: int = 60, patch: int = LONG_RUN_PATCH
) -> LongRun:
    """Track `frames` frames, a generated clip to and fro; early is 5 to 15 per cent of the way, late the last tenth.

    Memory is that of one run. Times are taken in turn: minutes after its start, the machine may be another. A second
    tracker stops before the early frames, and goes on with them while the first one is at the late ones.

    On small patches, to be done in minutes: that changes how long a frame takes, not what is kept of it.
    """
    sequence = make_sequence("moving", seed=3, length=video_length, size=FRAME_SIZE)
    images = list(sequence.frames)
    there_and_back = [*range(1, video_length), *range(video_length - 2, -1, -1)]
    config = variant.config.with_patch_size(patch)
    engine = variant.engine(device)
    tracker, young = (Tracker(engine, config) for _ in range(2))
    early, late = slice(frames // 20, frames // 20 + frames // 10), slice(frames - frames // 10, frames)
    # Filled beforehand, so that the record of the run does not count as its growth.
    times, resident, reserved, found = (np.ones(frames) for _ in range(4))
    young_times = np.ones(frames)

    def timed(one: Tracker, index: int, into: NDArray[np.float64]) -> bool:
        start = time.perf_counter()
        answer = one.track(images[there_and_back[index % len(there_and_back)]])
        into[index] = time.perf_counter() - start
        return answer.found

    for one in (tracker, young):
        one.initialize(images[0], sequence.mask(0))
    for index in range(early.start):
        timed(young, index, young_times)
    for index in range(frames):
        found[index] = timed(tracker, index, times)
        resident[index], reserved[index] = resident_bytes(), device_bytes()
        if index >= late.start:
            timed(young, early.start + index - late.start, young_times)
        if (index + 1) % 1000 == 0:
            print(f"long run: frame {index + 1} of {frames}", file=sys.stderr)

    def middle(values: NDArray[np.float64], window: slice, scale: float) -> float:
        return float(np.median(values[window])) * scale

    return LongRun(
        frames=frames,
        early_ms=middle(young_times, early, 1e3),
        late_ms=middle(times, late, 1e3),
        early_mb=middle(resident, early, 2**-20),
        late_mb=middle(resident, late, 2**-20),
        early_device_mb=middle(reserved, early, 2**-20),
        late_device_mb=middle(reserved, late, 2**-20),
        found=float(found.mean()),
    )


def resident_bytes() -> int:
    """Memory of this process that is in RAM now; Linux only."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def device_bytes() -> int:
    """Memory that torch holds on the CUDA device; 0 without one."""
    return torch.cuda.memory_reserved() if torch.cuda.is_available() else 0
