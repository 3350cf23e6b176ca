"""Many workers on Ray: one tracker each, one GPU each where the tracker runs on GPUs, longest sequences first.

On one machine its cores are shared out: each worker computes with an equal number of threads, at least one. Workers
of a cluster have one thread each. `OMP_NUM_THREADS` in the environment and the tracker's own setting go before both.

Workers write into the run's folder themselves, so on a cluster the data and the output must be on storage that every
node mounts under the same path. A worker that dies is replaced and its sequence run again. Sequences are given to
workers that are up: those for which there is no GPU or core left keep none back.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from samn_tracker.errors import EnvironmentProblemError, ResultError
from samn_tracker.runner.progress import Progress
from samn_tracker.runner.ray_session import gpus_each, own_error, ray_session
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.worker import RunRequest, SequenceError, Worker

ATTEMPTS = 3
"""How often a sequence is given to a worker before it counts as the one that kills them."""

Outcome = tuple[Sequence, "SequenceError | None"]


def run_with_ray(
    request: RunRequest, configuration: str, sequences: list[Sequence], progress: Progress
) -> Iterator[Outcome]:
    """Yield every sequence when it is done, with its failure if it failed.

    Raises:
        EnvironmentProblemError: Ray is not installed, the cluster does not answer, or no worker can be started.
        ConfigError, ResultError: what no sequence can escape, as of `Worker.run`.
    """
    with ray_session(request.cluster, request.workers * _threads(request)) as ray:
        yield from _Pool(ray, request, configuration).run(sequences, progress)


class _Pool:
    """Workers that start, are idle or busy, and the sequences that wait for one."""

    def __init__(self, ray: Any, request: RunRequest, configuration: str) -> None:
        self._ray = ray
        gpus = gpus_each(ray, request.device)
        device = "cuda" if request.device.startswith("cuda") else request.device
        request = replace(request, device=device, data=request.data.resolve(), output=request.output.resolve())
        self._workers, self._folder, self._configuration = request.workers, RunFolder(request.output), configuration
        # Ray gives a process as many threads (OMP_NUM_THREADS) as the actor has CPUs.
        actor = ray.remote(num_cpus=_threads(request), num_gpus=gpus, max_restarts=0)(_Actor)
        self._make = lambda: actor.remote(request, configuration, list(sys.path), str(Path.cwd()))
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Sequence, int]] = {}
        self._failed_starts = 0

    def run(self, sequences: list[Sequence], progress: Progress) -> Iterator[Outcome]:
        waiting = deque((sequence, 1) for sequence in sorted(sequences, key=lambda one: (-len(one), one.name)))
        for _ in range(min(self._workers, len(sequences))):
            self._start()
        while waiting or self._busy:
            while waiting and self._idle:
                worker, (sequence, attempt) = self._idle.pop(), waiting.popleft()
                self._busy[worker.run.remote(sequence)] = (worker, sequence, attempt)
            (done,), _ = self._ray.wait([*self._starting, *self._busy], num_returns=1)
            if done in self._starting:
                self._welcome(done)
                continue
            worker, sequence, attempt = self._busy.pop(done)
            answer = self._answer(done)
            if isinstance(answer, Exception):
                self._start()
                if attempt < ATTEMPTS:
                    waiting.appendleft((sequence, attempt + 1))
                else:
                    yield sequence, _death(answer)
                continue
            self._idle.append(worker)
            seconds, error = answer
            progress.frame(seconds, len(sequence))
            self._check_shared(sequence, error)
            yield sequence, error

    def _start(self) -> None:
        worker = self._make()
        self._starting[worker.ready.remote()] = worker

    def _welcome(self, greeting: Any) -> None:
        worker = self._starting.pop(greeting)
        answer = self._answer(greeting)
        if not isinstance(answer, Exception):
            self._idle.append(worker)
            return
        self._failed_starts += 1
        if self._failed_starts == ATTEMPTS:
            raise EnvironmentProblemError(f"{ATTEMPTS} workers could not be started, the last one: {answer}")
        self._start()

    def _answer(self, reference: Any) -> Any:
        """What a worker answered, or the error that tells its death."""
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as failure:
            raise own_error(failure) from failure
        except self._ray.exceptions.RayError as death:
            return death

    def _check_shared(self, sequence: Sequence, error: SequenceError | None) -> None:
        if error is None and self._folder.reason_to_run(sequence, self._configuration):
            raise ResultError(
                f"a worker finished {sequence.name}, but its files are not in {self._folder.root} here; "
                "on a cluster, --data and --output must be storage that every node mounts under the same path"
            )


class _Actor:
    """What lives in a worker process."""

    def __init__(self, request: RunRequest, configuration: str, search_path: list[str], folder: str) -> None:
        sys.path += [place for place in search_path if place not in sys.path]
        if Path(folder).is_dir():
            os.chdir(folder)
        self._worker = Worker(request, configuration)

    def ready(self) -> bool:
        return True

    def run(self, sequence: Sequence) -> tuple[float, SequenceError | None]:
        try:
            return sum(frame.seconds for frame in self._worker.run(sequence)), None
        except SequenceError as error:
            return 0.0, error


def _threads(request: RunRequest) -> int:
    """Threads of each worker, so that together they are no more than this machine's cores."""
    return 1 if request.cluster else max(1, len(os.sched_getaffinity(0)) // request.workers)


def _death(death: Exception) -> SequenceError:
    return SequenceError(f"{ATTEMPTS} workers died while running it; it may need too much memory", str(death))
