"""Where toolkits run at the same time: processes of this machine, one GPU each where there are GPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from vot_workspace import toolkit


class Pool(Protocol):
    """Runs `vot evaluate` in several folders at once.

    Attributes:
        workers: how many toolkits may run at the same time.
        realtime_workers: how many in a real-time experiment, whose times nothing may disturb: one for each GPU, or one.
    """

    workers: int
    realtime_workers: int

    def evaluate(self, folders: Sequence[Path], arguments: Sequence[str]) -> None:
        """Run `vot evaluate ARGUMENTS` in every folder until all have ended; the callers look at what they left."""


class LocalPool:
    """Toolkits on this machine; `lock` is a descriptor that they inherit, `gpus` the ones to hand out in turn."""

    def __init__(self, workers: int, gpus: Sequence[str], lock: int) -> None:
        self._gpus, self._lock = gpus, lock
        self.workers = workers
        self.realtime_workers = min(workers, max(1, len(gpus)))

    def evaluate(self, folders: Sequence[Path], arguments: Sequence[str]) -> None:
        processes = []
        try:
            for number, folder in enumerate(folders):
                environment = self.environment(number, len(folders))
                processes.append(
                    toolkit.start("evaluate", folder, *arguments, environment=environment, inherited=(self._lock,))
                )
            for process in processes:
                process.wait()
        finally:
            for process in processes:
                toolkit.stop(process)

    def environment(self, number: int, together: int) -> dict[str, str]:
        """Its share of the threads and a GPU for one of several toolkits; a single one may use all that there is."""
        if together == 1:
            return {}
        share = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // together))}
        if self._gpus:
            share["CUDA_VISIBLE_DEVICES"] = self._gpus[number % len(self._gpus)]
        return share


def device_of(entry: Mapping[str, str]) -> str:
    """The device that an entry of trackers.ini asks for; auto where it does not say, as for foreign trackers."""
    return entry.get("env_samn_device", "auto")
