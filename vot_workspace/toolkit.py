"""The VOT toolkit as a program: it is GPL, so it always runs as a process of its own, never as an import."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from samn_tracker.errors import EnvironmentProblemError

STANDARD_ERROR = 2  # the descriptor: sys.stderr may be something else, in notebooks for instance


def start(
    command: str,
    workspace: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `vot COMMAND --workspace W ...`; everything that it prints goes to our standard error.

    Its exit code says little: callers look at the files it leaves. `inherited` file descriptors stay open in it.

    Raises:
        EnvironmentProblemError: the toolkit is not installed.
    """
    if importlib.util.find_spec("vot") is None:
        raise EnvironmentProblemError("the VOT toolkit is not installed; pip install samn-tracker[vot]")
    line = [sys.executable, "-m", "vot", command, "--workspace", str(workspace.resolve()), *arguments]
    cache_off = {"VOT_PERSISTENT_CACHE": "false", "MPLBACKEND": "Agg"}
    return subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=STANDARD_ERROR,
        env={**os.environ, **cache_off, **(environment or {})},
        pass_fds=inherited,
    )


def run(command: str, workspace: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> int:
    """Run `vot COMMAND` to its end; its exit code."""
    process = start(command, workspace, *arguments, environment=environment)
    try:
        return process.wait()
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that is still running, politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
