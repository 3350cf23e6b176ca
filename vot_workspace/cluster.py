"""Toolkits on a Ray cluster: one `vot evaluate` a task, one GPU each where the tracker runs on GPUs.

The workspace must be on storage that every node mounts under the same path, as must be what trackers.ini starts.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samn_tracker.errors import EnvironmentProblemError, SamnError
from vot_workspace import toolkit

CONNECT_SECONDS = 5


@contextmanager
def cluster_pool(address: str, workers: int, device: str) -> Iterator[ClusterPool]:
    """Toolkits on the cluster at `address`; the connection ends with the context, and every toolkit with it.

    Raises:
        EnvironmentProblemError: Ray is not installed, nobody answers, or there is no GPU for a tracker on `cuda`.
    """
    ray = _connected(address)
    try:
        with toolkit.termination_unwinds():  # again: Ray took the signal over, and would abort
            yield ClusterPool(ray, workers, device)
    finally:
        ray.shutdown()


class ClusterPool:
    """Runs each folder's toolkit in a task of its own."""

    def __init__(self, ray: Any, workers: int, device: str) -> None:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        if device.startswith("cuda") and not gpus:
            raise EnvironmentProblemError(
                f"the cluster has no GPU, and the tracker runs on {device}; write cpu or auto"
            )
        self._ray = ray
        self._gpus_each = 1 if gpus and device != "cpu" else 0
        self.workers = workers
        self.realtime_workers = min(workers, gpus) if self._gpus_each else 1

    def evaluate(self, folders: Sequence[Path], arguments: Sequence[str]) -> None:
        task = self._ray.remote(num_cpus=1, num_gpus=self._gpus_each, max_retries=0)(evaluate_here)
        shared = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        running = [task.remote(folder.resolve(), list(arguments), shared) for folder in folders]
        while running:
            print(f"parts that the cluster still evaluates: {len(running)}", file=sys.stderr)
            done, running = self._ray.wait(running)
            try:
                self._ray.get(done[0])
            except self._ray.exceptions.RayTaskError as error:
                raise _own_error(error) from error
            except self._ray.exceptions.RayError as error:
                print(f"a worker of the cluster was lost, its part is run again ({error})", file=sys.stderr)


def evaluate_here(folder: Path, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Run the toolkit on this node; ends it when the task is ended.

    Raises:
        EnvironmentProblemError: the folder is not on this node.
    """
    if not (folder / "config.yaml").is_file():
        raise EnvironmentProblemError(
            f"the node {socket.gethostname()} has no {folder}; put the workspace on storage that every node mounts "
            "under the same path"
        )
    toolkit.run("evaluate", folder, *arguments, environment={**environment, "OMP_NUM_THREADS": "1"})


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise EnvironmentProblemError(
            "--cluster needs Ray: pip install 'samn-tracker[cluster]', or use --workers alone"
        ) from None
    _require_listener(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EnvironmentProblemError(
            f"the Ray cluster '{address}' cannot be reached ({error}); check the address, that both sides run one "
            "version of Ray and of Python, and, if the cluster asks for a token, that this process has it"
        ) from error
    return ray


def _require_listener(address: str) -> None:
    """Fail within seconds where nobody listens at HOST:PORT; Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()) or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EnvironmentProblemError(f"nobody listens at --cluster {address}: {error}; check the address") from error


def _own_error(error: Any) -> Exception:
    cause = error.cause
    return (
        cause if isinstance(cause, SamnError) else EnvironmentProblemError(f"a worker of the cluster failed: {cause}")
    )
