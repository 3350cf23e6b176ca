"""Ray for as long as it is needed, on a cluster that is there already."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from samn_tracker.errors import EnvironmentProblemError, ResultError, SamnError
from samn_tracker.runner.digits import ascii_number

_CONNECT_SECONDS = 5


@contextmanager
def ray_session(address: str) -> Iterator[Any]:
    """The connected `ray` module; the connection, and what it started, ends with the context, on SIGTERM too.

    Ray takes SIGTERM over, and would abort this process; the handler that was there before is put back.

    Args:
        address: of a running cluster.

    Raises:
        EnvironmentProblemError: Ray is not installed, or the cluster does not answer.
    """
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray = _connected(address)
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield ray
    finally:
        ray.shutdown()


def gpus_present(ray: Any) -> int:
    """GPUs of this machine, or of all nodes of the cluster."""
    return int(ray.cluster_resources().get("GPU", 0))


def gpus_each(ray: Any, device: str) -> int:
    """GPUs that a worker on `device` needs; a tracker that chooses itself ("auto") has one where there are any.

    Raises:
        EnvironmentProblemError: there is none for a tracker on `cuda`.
    """
    present = gpus_present(ray)
    if device.startswith("cuda") and not present:
        raise EnvironmentProblemError(f"no GPU for workers, and the tracker runs on {device}; let it run on cpu")
    return int(present > 0 and device != "cpu")


def own_error(failure: Any) -> Exception:
    """What a worker raised, as an error of ours."""
    cause = failure.cause
    return cause if isinstance(cause, SamnError) else ResultError(f"a worker failed: {cause}")


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError as error:
        raise EnvironmentProblemError(
            "--cluster needs Ray: pip install 'samn-tracker[cluster]', or leave it out"
        ) from error
    _require_listener(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:  # Ray raises plain ones, too
        ray.shutdown()
        raise EnvironmentProblemError(
            f"Ray cannot be reached at '{address}': {error}; check the address, that both sides run one version of Ray "
            "and of Python, and, if the cluster asks for a token, that we have it"
        ) from error
    return ray


def _require_listener(address: str) -> None:
    """Fail within seconds where nobody listens at HOST:PORT; Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    number = ascii_number(port)
    if not colon or number is None or "/" in host:
        return
    try:
        socket.create_connection((host, number), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EnvironmentProblemError(f"nobody listens at --cluster {address}: {error}; check the address") from error
