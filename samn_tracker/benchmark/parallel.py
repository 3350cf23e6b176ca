"""Many workers on Ray: one tracker each, one GPU each where the tracker runs on GPUs, longest sequences first.

On one machine its cores are shared out: each worker computes with an equal number of threads, at least one. Workers
of a cluster have one thread each. `OMP_NUM_THREADS` in the environment and the tracker's own setting go before both.

Workers write into the run's folder themselves, so on a cluster the data and the output must be on storage that every
node mounts under the same path. A worker that dies is replaced and its sequence run again.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from samn_tracker.benchmark.progress import Progress
from samn_tracker.benchmark.run_folder import RunFolder
from samn_tracker.benchmark.sequences import Sequence
from samn_tracker.benchmark.worker import RunRequest, SequenceError, Worker
from samn_tracker.errors import EnvironmentProblemError, ResultError, SamnError

_CONNECT_SECONDS = 5
ATTEMPTS = 3
"""How often a sequence is given to a worker before it counts as the one that kills them."""


def run_with_ray(
    request: RunRequest, configuration: str, sequences: list[Sequence], progress: Progress
) -> Iterator[tuple[Sequence, SequenceError | None]]:
    """Yield every sequence when it is done, with its failure if it failed.

    Raises:
        EnvironmentProblemError: Ray is not installed, or the cluster does not answer.
        ConfigError, ResultError: what no sequence can escape, as of `Worker.run`.
    """
    ray = _connected(request)
    try:
        yield from _Pool(ray, request, configuration).run(sequences, progress)
    finally:
        ray.shutdown()


class _Pool:
    """Actors that are idle or busy, and the sequences that wait for one."""

    def __init__(self, ray: Any, request: RunRequest, configuration: str) -> None:
        self._ray = ray
        gpus = 1 if _uses_gpu(request.device) else 0
        device = "cuda" if request.device.startswith("cuda") else request.device
        request = replace(request, device=device, data=request.data.resolve(), output=request.output.resolve())
        self._request, self._folder, self._configuration = request, RunFolder(request.output), configuration
        # Ray gives a process as many threads (OMP_NUM_THREADS) as the actor has CPUs.
        actor = ray.remote(num_cpus=_threads(request), num_gpus=gpus, max_restarts=0)(_Actor)
        self._make = lambda: actor.remote(request, configuration, list(sys.path), str(Path.cwd()))

    def run(self, sequences: list[Sequence], progress: Progress) -> Iterator[tuple[Sequence, SequenceError | None]]:
        waiting = deque((sequence, 1) for sequence in sorted(sequences, key=lambda one: (-len(one), one.name)))
        busy: dict[Any, tuple[Any, Sequence, int]] = {}
        idle = [self._make() for _ in range(min(self._request.workers, len(sequences)))]
        while waiting or busy:
            while waiting and idle:
                actor, (sequence, attempt) = idle.pop(), waiting.popleft()
                busy[actor.run.remote(sequence)] = (actor, sequence, attempt)
            done, _ = self._ray.wait(list(busy), num_returns=1)
            actor, sequence, attempt = busy.pop(done[0])
            try:
                seconds, error = self._ray.get(done[0])
            except self._ray.exceptions.RayTaskError as failure:
                raise _own_error(failure) from failure
            except self._ray.exceptions.RayError as death:
                idle.append(self._make())
                if attempt < ATTEMPTS:
                    waiting.appendleft((sequence, attempt + 1))
                else:
                    yield sequence, _death(death)
                continue
            idle.append(actor)
            progress.frame(seconds, len(sequence))
            self._check_shared(sequence, error)
            yield sequence, error

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

    def run(self, sequence: Sequence) -> tuple[float, SequenceError | None]:
        try:
            return sum(frame.seconds for frame in self._worker.run(sequence)), None
        except SequenceError as error:
            return 0.0, error


def _connected(request: RunRequest) -> Any:
    try:
        import ray
    except ImportError as error:
        raise EnvironmentProblemError(
            "--workers and --cluster need Ray: pip install 'samn-tracker[cluster]', or leave them out"
        ) from error
    _require_listener(request.cluster)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    resources = {} if request.cluster else {"num_cpus": request.workers * _threads(request)}
    try:
        ray.init(
            address=request.cluster or "local",
            include_dashboard=None if request.cluster else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
            **resources,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EnvironmentProblemError(
            f"Ray cannot be started or reached at '{request.cluster or 'this machine'}': {error}; check the address, "
            "that both sides run one version of Ray, and, if the cluster asks for a token, that this process has it"
        ) from error
    return ray


def _require_listener(address: str) -> None:
    """Fail within seconds where nobody listens at HOST:PORT; Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()) or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EnvironmentProblemError(f"nobody listens at --cluster {address}: {error}; check the address") from error


def _threads(request: RunRequest) -> int:
    """Threads of each worker, so that together they are no more than this machine's cores."""
    return 1 if request.cluster else max(1, len(os.sched_getaffinity(0)) // request.workers)


def _uses_gpu(device: str) -> bool:
    if device != "auto":
        return device.startswith("cuda")
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def _own_error(failure: Any) -> Exception:
    cause = failure.cause
    return cause if isinstance(cause, SamnError) else ResultError(f"a worker failed: {cause}")


def _death(death: Exception) -> SequenceError:
    return SequenceError(f"{ATTEMPTS} workers died while running it; it may need too much memory", str(death))
