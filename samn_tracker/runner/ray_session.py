"""Ray for as long as it is needed: on this machine, or a cluster that is there already."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from samn_tracker.errors import EnvironmentProblemError, ResultError, SamnError
from samn_tracker.runner.digits import ascii_number
from samn_tracker.runner.progress import tell

_CONNECT_SECONDS = 5
_STARTS = 3


@contextmanager
def ray_session(address: str, cpus: int) -> Iterator[Any]:
    """The connected `ray` module; all that it started ends with the context, on SIGTERM too.

    Ray takes SIGTERM over, and would abort this process; the handler that was there before is put back.

    Args:
        address: of a running cluster; empty to start Ray on this machine.
        cpus: how many there are to be shared out on this machine.

    Raises:
        EnvironmentProblemError: Ray is not installed, or the cluster does not answer.
    """
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray = _connected(address, cpus)
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


def _connected(address: str, cpus: int) -> Any:
    try:
        import ray
    except ImportError as error:
        option = "--cluster" if address else "--workers"
        raise EnvironmentProblemError(
            f"{option} needs Ray: pip install 'samn-tracker[cluster]', or leave it out"
        ) from error
    _require_listener(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where = {"address": address} if address else {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    _initialise(ray, where)
    return ray


def _initialise(ray: Any, where: Mapping[str, Any]) -> None:
    """Connect, or start. Ray gives itself 30 seconds to start, which a busy machine may exceed: then once more."""
    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False, **where)
            return
        except Exception as error:  # Ray raises plain ones, too
            ray.shutdown()
            if attempt < _STARTS and "timed out during startup" in str(error):
                tell(f"Ray did not start in time; attempt {attempt + 1} of {_STARTS}")
                continue
            raise EnvironmentProblemError(
                f"Ray cannot be started or reached at '{where['address']}': {error}; check the address, that both "
                "sides run one version of Ray and of Python, and, if the cluster asks for a token, that we have it"
            ) from error


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
