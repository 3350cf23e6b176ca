"""Workers as jobs of SLURM, through submitit: a job a sequence, as many at a time as there may be workers.

What submitit writes is in the run's folder, below `slurm/`. Jobs that a killed run left in the queue are ended with
scancel before the run goes on.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from samn_tracker.errors import ConfigError, EnvironmentProblemError, SamnError
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.worker import Answer, RunRequest, Worker

_PAUSE = 1.0
"""Seconds between two looks at the jobs."""


class SlurmCrew:
    """Workers whose sequences become jobs; leaving the context cancels what is not done."""

    def __init__(self, request: RunRequest, configuration: str, count: int) -> None:
        self._given = (request, configuration)
        self._executor = _executor(request.output / "slurm", request.slurm or {})
        self.count = count
        self._jobs: dict[Future[Answer], Any] = {}
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def hire(self, instead: _SlurmWorker | None = None) -> _SlurmWorker:
        return _SlurmWorker(self)

    def raised(self, error: BaseException) -> Exception | None:
        return error if isinstance(error, SamnError) else None

    def submit(self, sequence: Sequence) -> Future[Answer]:
        """A job that runs the sequence; the future fails where the job does."""
        future: Future[Answer] = Future()
        self._jobs[future] = self._executor.submit(_run, *self._given, sequence, list(sys.path), str(Path.cwd()))
        return future

    def __enter__(self) -> SlurmCrew:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._watcher.join()
        for job in self._jobs.values():
            job.cancel()

    def _watch(self) -> None:
        while not self._ended.wait(_PAUSE):
            for future in [one for one, job in list(self._jobs.items()) if job.done()]:
                _settle(future, self._jobs.pop(future))


class _SlurmWorker:
    def __init__(self, crew: SlurmCrew) -> None:
        self._crew = crew

    def ready(self) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(None)
        return future

    def run(self, sequence: Sequence) -> Future[Answer]:
        return self._crew.submit(sequence)


def _settle(future: Future[Answer], job: Any) -> None:
    """Give a done job's answer to its future; what it raised of ours, or how it died."""
    try:
        answer = job.result()
    except Exception as error:  # submitit's own, whatever a queue does to a job
        future.set_exception(error)
        return
    if isinstance(answer, SamnError):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _executor(folder: Path, options: Mapping[str, str]) -> Any:
    """submitit's executor with these parameters; `cluster=local` runs the jobs on this machine, as a trial.

    Raises:
        EnvironmentProblemError: submitit is not installed, or there is no SLURM here.
        ConfigError: a parameter is not one of submitit's.
    """
    try:
        import submitit
    except ImportError:
        raise EnvironmentProblemError("--slurm needs submitit; run `pip install 'samn-tracker[slurm]'`") from None
    parameters: dict[str, Any] = {key: int(one) if one.isdecimal() else one for key, one in options.items()}
    cluster = parameters.pop("cluster", "slurm")
    if cluster == "slurm" and shutil.which("srun") is None:
        raise EnvironmentProblemError("there is no SLURM here (no srun); run on a node that has it, or give --workers")
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        executor.update_parameters(name="samn", **parameters)
    except (NameError, TypeError, ValueError) as error:
        raise ConfigError(f"--slurm {' '.join(f'{key}={one}' for key, one in options.items())}: {error}") from None
    return executor


def _run(
    request: RunRequest, configuration: str, sequence: Sequence, search_path: list[str], folder: str
) -> Answer | SamnError:
    """In the job: one sequence; errors that no other sequence can escape are answered, for they travel so."""
    sys.path += [place for place in search_path if place not in sys.path]
    if Path(folder).is_dir():
        os.chdir(folder)
    try:
        return Worker(request, configuration).answer(sequence)
    except SamnError as error:
        return error
