"""Times of named parts, and what a series of times comes to."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

import torch


class Stopwatch:
    """Adds up milliseconds under names; on CUDA it waits for the device at both ends."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self.milliseconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = self._now()
        yield
        self.milliseconds[name] += self._now() - start

    def take(self) -> dict[str, float]:
        """What was added up since the last call."""
        taken, self.milliseconds = dict(self.milliseconds), defaultdict(float)
        return taken

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return 1000 * time.perf_counter()


def interleaved(actions: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each action, all of them in turn in every round; one round before is not counted."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for round_number in range(repeats + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if round_number:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    """The median of every name over the samples; a name missing from a sample counts as 0 there."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    return {name: median(sample.get(name, 0.0) for sample in samples) for name in names}
