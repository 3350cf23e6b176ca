"""Times of named parts, and what a series of times comes to."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

import torch


class Stopwatch:
    """Adds up milliseconds under names, of any threads; on CUDA it waits for the device at both ends.

    They are those of `clock`, by default the wall's.
    """

    def __init__(self, device: torch.device | str = "cpu", clock: Callable[[], float] | None = None) -> None:
        self._device = torch.device(device)
        self._clock = clock or time.perf_counter
        self._spans: list[tuple[str, float, float]] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = self._now()
        yield
        self._spans.append((name, start, self._now()))

    def take(self) -> dict[str, float]:
        """What was added up since the last call; while several run at once, each gets its share of the time."""
        spans, self._spans = self._spans, []
        milliseconds: dict[str, float] = defaultdict(float)
        for low, high in pairwise(sorted({edge for _, *edges in spans for edge in edges})):
            running = [name for name, start, end in spans if start <= low and high <= end]
            for name in running:
                milliseconds[name] += (high - low) / len(running)
        return dict(milliseconds)

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return 1000 * self._clock()


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
