"""Workers as processes of this machine, a `concurrent.futures` executor each: so it is known which one died.

The machine's cores are shared out: each worker computes with an equal number of threads, at least one.
`OMP_NUM_THREADS` in the environment and the tracker's own setting go before that. A tracker that runs on GPUs has one
to itself, so that there are no more workers than GPUs; a device with a number is shared by all.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from samn_tracker.errors import EnvironmentProblemError, ResultError, SamnError
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.worker import Answer, RunRequest, Worker

_worker: Worker | None = None


class LocalCrew:
    """At most `count` workers; leaving the context ends every one, whatever it is at."""

    def __init__(self, request: RunRequest, configuration: str, count: int) -> None:
        gpus = local_gpus(request.device)
        if request.device == "cuda" and not gpus:
            raise EnvironmentProblemError("no GPU for workers, and the tracker runs on cuda; let it run on cpu")
        self.count = min(count, len(gpus) or count)
        threads = str(max(1, len(os.sched_getaffinity(0)) // self.count))
        shared = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
        self._environments = [{**shared, "CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus] or [shared] * self.count
        self._given = (request, configuration)
        self._workers: list[_LocalWorker] = []

    def hire(self, instead: _LocalWorker | None = None) -> _LocalWorker:
        place = len(self._workers)
        if instead:
            instead.end()
            place = self._workers.index(instead)
        worker = _LocalWorker(*self._given, self._environments[place])
        self._workers[place : place + 1] = [worker]
        return worker

    def raised(self, error: BaseException) -> Exception | None:
        if isinstance(error, BrokenExecutor):
            return None
        return error if isinstance(error, SamnError) else ResultError(f"a worker failed: {error!r}")

    def __enter__(self) -> LocalCrew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._workers:
            worker.end()


class _LocalWorker:
    """A process that has begun to start, in which a `Worker` lives."""

    def __init__(self, request: RunRequest, configuration: str, environment: dict[str, str]) -> None:
        context = multiprocessing.get_context("spawn")  # a copy of a process with threads, such as torch's, may hang
        self._executor = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(request, configuration))
        with _environment(environment):
            self._process_id = self._executor.submit(os.getpid)

    def ready(self) -> Future[Any]:
        return self._process_id

    def run(self, sequence: Sequence) -> Future[Answer]:
        return self._executor.submit(_run, sequence)

    def end(self) -> None:
        """End the process now."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        if not self._process_id.cancelled() and self._process_id.exception() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process_id.result(), signal.SIGTERM)
        self._executor.shutdown()


def local_gpus(device: str) -> list[str]:
    """The GPUs to hand out to trackers on `device`, as CUDA_VISIBLE_DEVICES names them.

    None for `cpu`, and none for a device with a number, which names its GPU already.
    """
    if device not in ("auto", "cuda"):
        return []
    import torch  # takes seconds, and only several workers need it

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return named[:count] if named != [""] else [str(number) for number in range(count)]


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Within it, processes are started with these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _begin(request: RunRequest, configuration: str) -> None:
    """In the new process: its worker. It ends with the run that started it, and only that run hears Ctrl-C."""
    global _worker
    for name in ("SIGINT", "SIGHUP", "SIGQUIT"):  # which a terminal sends to every process in it
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Worker(request, configuration)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(sequence: Sequence) -> Answer:
    assert _worker is not None
    return _worker.answer(sequence)
