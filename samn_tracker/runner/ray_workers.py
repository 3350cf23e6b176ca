"""Workers as actors of a Ray cluster: one core each, and one GPU where the tracker runs on GPUs."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from samn_tracker.runner.ray_session import gpus_each, own_error, ray_session
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.worker import Answer, RunRequest, Worker


class RayCrew:
    """Workers on the cluster that the request names; leaving the context ends every one."""

    def __init__(self, request: RunRequest, configuration: str, count: int) -> None:
        self._request, self._configuration, self.count = request, configuration, count
        self._stack = ExitStack()

    def hire(self, instead: _RayWorker | None = None) -> _RayWorker:
        return _RayWorker(self._make())

    def raised(self, error: BaseException) -> Exception | None:
        return own_error(error) if isinstance(error, self._ray.exceptions.RayTaskError) else None

    def __enter__(self) -> RayCrew:
        request = self._request
        self._ray = self._stack.enter_context(ray_session(request.cluster))
        gpus = gpus_each(self._ray, request.device)
        device = "cuda" if request.device.startswith("cuda") else request.device
        request = replace(request, device=device, data=request.data.resolve(), output=request.output.resolve())
        actor = self._ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(_Actor)
        self._make = lambda: actor.remote(request, self._configuration, list(sys.path), str(Path.cwd()))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()


class _RayWorker:
    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def ready(self) -> Future[Any]:
        future: Future[Any] = self._actor.ready.remote().future()
        return future

    def run(self, sequence: Sequence) -> Future[Answer]:
        future: Future[Answer] = self._actor.run.remote(sequence).future()
        return future


class _Actor:
    """What lives in a worker process."""

    def __init__(self, request: RunRequest, configuration: str, search_path: list[str], folder: str) -> None:
        sys.path += [place for place in search_path if place not in sys.path]
        if Path(folder).is_dir():
            os.chdir(folder)
        self._worker = Worker(request, configuration)

    def ready(self) -> None:
        return None

    def run(self, sequence: Sequence) -> Answer:
        return self._worker.answer(sequence)
