"""Many workers: one tracker each, longest sequences first; processes of this machine, of a Ray cluster, or of SLURM.

A worker that dies is replaced and its sequence run again. Sequences are given to workers that are up: those for which
there is no GPU or core left keep none back. Workers write into the run's folder themselves, so on a cluster the data
and the output must be on storage that every node mounts under the same path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from typing import Any, Protocol

from samn_tracker.errors import EnvironmentProblemError, ResultError
from samn_tracker.runner.local_workers import LocalCrew
from samn_tracker.runner.progress import Progress
from samn_tracker.runner.ray_workers import RayCrew
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.slurm_workers import SlurmCrew
from samn_tracker.runner.worker import Answer, RunRequest, SequenceError

ATTEMPTS = 3
"""How often a sequence is given to a worker before it counts as the one that kills them."""

Outcome = tuple[Sequence, "SequenceError | None"]


class WorkerProcess(Protocol):
    """One worker in a process of its own; its futures fail with what `Crew.raised` understands."""

    def ready(self) -> Future[Any]:
        """Done when the process is up."""

    def run(self, sequence: Sequence) -> Future[Answer]:
        """Done when the sequence is."""


class Crew(Protocol):
    """Where workers come from; `count` is how many there may be."""

    count: int

    def hire(self, instead: Any = None) -> WorkerProcess:
        """Begin to start one more, or one in the place of a worker that died."""

    def raised(self, error: BaseException) -> Exception | None:
        """What a worker raised, as an error of ours; None where it died instead."""


def run_in_parallel(
    request: RunRequest, configuration: str, sequences: list[Sequence], progress: Progress
) -> Iterator[Outcome]:
    """Yield every sequence when it is done, with its failure if it failed.

    Raises:
        EnvironmentProblemError: no worker can be started; or Ray or submitit is not installed, or no cluster answers.
        ConfigError, ResultError: what no sequence can escape, as of `Worker.run`.
    """
    folder = RunFolder(request.output)
    make = RayCrew if request.cluster else LocalCrew if request.slurm is None else SlurmCrew
    crews: AbstractContextManager[Crew] = make(request, configuration, min(request.workers, len(sequences)))
    with crews as crew:
        for sequence, error in _Schedule(crew).run(sequences, progress):
            if error is None and folder.reason_to_run(sequence, configuration):
                raise ResultError(
                    f"a worker finished {sequence.name}, but its files are not in {folder.root} here; "
                    "on a cluster, --data and --output must be storage that every node mounts under the same path"
                )
            yield sequence, error


class _Schedule:
    """Workers that start, are idle or busy, and the sequences that wait for one."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._starting: dict[Future[Any], WorkerProcess] = {}
        self._idle: list[WorkerProcess] = []
        self._busy: dict[Future[Answer], tuple[WorkerProcess, Sequence, int]] = {}
        self._failed_starts = 0

    def run(self, sequences: list[Sequence], progress: Progress) -> Iterator[Outcome]:
        waiting = deque((sequence, 1) for sequence in sorted(sequences, key=lambda one: (-len(one), one.name)))
        for _ in range(self._crew.count):
            self._start()
        while waiting or self._busy:
            while waiting and self._idle:
                worker, (sequence, attempt) = self._idle.pop(), waiting.popleft()
                self._busy[worker.run(sequence)] = (worker, sequence, attempt)
            done, _ = wait([*self._starting, *self._busy], return_when=FIRST_COMPLETED)
            for future in done & self._starting.keys():
                self._welcome(future)
            for answered in done & self._busy.keys():
                worker, sequence, attempt = self._busy.pop(answered)
                if death := self._death(answered):
                    self._start(worker)
                    if attempt < ATTEMPTS:
                        waiting.appendleft((sequence, attempt + 1))
                    else:
                        reason = f"{ATTEMPTS} workers died while running it; it may need too much memory"
                        yield sequence, SequenceError(reason, str(death))
                    continue
                self._idle.append(worker)
                seconds, error = answered.result()
                progress.frame(seconds, len(sequence))
                yield sequence, error

    def _start(self, instead: WorkerProcess | None = None) -> None:
        worker = self._crew.hire(instead)
        self._starting[worker.ready()] = worker

    def _welcome(self, greeting: Future[Any]) -> None:
        worker = self._starting.pop(greeting)
        death = self._death(greeting)
        if death is None:
            self._idle.append(worker)
            return
        self._failed_starts += 1
        if self._failed_starts == ATTEMPTS:
            raise EnvironmentProblemError(f"{ATTEMPTS} workers could not be started, the last one: {death}")
        self._start(worker)

    def _death(self, future: Future[Any]) -> BaseException | None:
        """What tells of a worker's death; None where it answered. What it raised is raised."""
        error = future.exception()
        raised = self._crew.raised(error) if error else None
        if raised:
            raise raised from error
        return error
