"""Toolkits on a Ray cluster: one `vot evaluate` a task, one GPU each where the tracker runs on GPUs.

The workspace must be on storage that every node mounts under the same path, as must be what trackers.ini starts.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.runner.ray_session import gpus_each, gpus_present, own_error, ray_session
from vot_workspace import toolkit


@contextmanager
def cluster_pool(address: str, workers: int, device: str) -> Iterator[ClusterPool]:
    """Toolkits on the cluster at `address`; the connection ends with the context, and every toolkit with it.

    Raises:
        EnvironmentProblemError: Ray is not installed, nobody answers, or there is no GPU for a tracker on `cuda`.
    """
    with ray_session(address) as ray:
        yield ClusterPool(ray, workers, device)


class ClusterPool:
    """Runs each folder's toolkit in a task of its own."""

    def __init__(self, ray: Any, workers: int, device: str) -> None:
        self._ray = ray
        self._gpus_each = gpus_each(ray, device)
        self.workers = workers
        self.realtime_workers = min(workers, gpus_present(ray)) if self._gpus_each else 1

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
                raise own_error(error) from error
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
