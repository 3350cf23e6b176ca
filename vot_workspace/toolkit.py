"""The VOT toolkit as a program: it is GPL, so it always runs as a process of its own, never as an import."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.program import stopping_signals
from vot_workspace.doctor import toolkit_problems

SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
_WITHOUT_ITS_VERDICT = "logging.getLogger('vot').addFilter(lambda line: 'concluded successfuly' not in str(line.msg))"
_OUTSIDE_THIS_FOLDER = "sys.path.pop(0); runpy.run_module('vot', None, '__main__', True)"
_PROGRAM = f"import logging, runpy, sys; {_WITHOUT_ITS_VERDICT}; {_OUTSIDE_THIS_FOLDER}"
"""`python -m vot`, but a file `vot.py` in the working folder is not taken for the toolkit; nor does it say that an
evaluation "concluded successfuly", which it says of every one, also where the tracker has crashed."""
MOST_WORKERS = 8
"""Processes of one `vot analysis`, where VOT_WORKER_POOL_SIZE says no other number; by itself it takes one."""
STANDARD_ERROR = 2  # the descriptor: sys.stderr may be something else, in notebooks for instance


def start(
    command: str,
    workspace: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `vot COMMAND --workspace W ...`; everything that it prints goes to our standard error.

    Its exit code says little: callers look at the files it leaves. It leads a process group, so that `stop` reaches its
    trackers. `inherited` file descriptors stay open in it. On Linux it ends with the thread that started it, even where
    that was killed; its trackers then read the end of their input.

    Raises:
        EnvironmentProblemError: the toolkit is not installed, or with packages that it does not work with.
    """
    if problems := toolkit_problems():
        raise EnvironmentProblemError("; ".join(problems))
    line = [sys.executable, "-c", _PROGRAM, command, "--workspace", str(workspace.resolve()), *arguments]
    workers = {"VOT_WORKER_POOL_SIZE": str(min(os.cpu_count() or 1, MOST_WORKERS))}
    cache_off = {"VOT_PERSISTENT_CACHE": "false", "MPLBACKEND": "Agg"}
    return subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=STANDARD_ERROR,
        env={**workers, **os.environ, **cache_off, **(environment or {})},
        pass_fds=inherited,
        start_new_session=True,
        preexec_fn=_ending_with_parent(),
    )


def _ending_with_parent() -> Callable[[], object] | None:
    """What makes a new process get SIGTERM when its parent ends; None where the system knows no such thing."""
    if sys.platform != "linux":
        return None
    return partial(ctypes.CDLL(None).prctl, SET_PARENT_DEATH_SIGNAL, int(signal.SIGTERM))


def run(command: str, workspace: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> int:
    """Run `vot COMMAND` to its end; its exit code."""
    process = start(command, workspace, *arguments, environment=environment)
    try:
        with stopping_signals():
            return process.wait()
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a toolkit and of the trackers that it started, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
