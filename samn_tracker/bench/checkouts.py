"""A process that runs a file with another state of this repository, to measure both in turn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from samn_tracker.errors import EnvironmentProblemError

HERE = Path(__file__).resolve().parents[2]
"""The checkout that this is."""
_RUN = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
"""Runs a file without its folder on the path: modules there may be called like others elsewhere."""


def require_checkout(folder: Path) -> Path:
    """The folder, absolute; as `git worktree add` makes it.

    Raises:
        EnvironmentProblemError: it has no `samn_tracker`.
    """
    if not (folder / "samn_tracker").is_dir():
        raise EnvironmentProblemError(
            f"{folder} is no checkout of this repository, for it has no samn_tracker; `git worktree add` makes one"
        )
    return folder.resolve()


class Worker:
    """A program `script`, run with one checkout on its path: it answers each line by a line of numbers."""

    def __init__(self, checkout: Path, script: str, *words: str, threads: int = 1) -> None:
        environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(threads)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        line = [sys.executable, "-c", _RUN, script, *words]
        self._process = subprocess.Popen(line, env=environment, cwd=checkout, text=True, **pipes)  # type: ignore[call-overload]
        self._checkout = checkout

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, words: str) -> list[float]:
        """The numbers that the program answers.

        Raises:
            EnvironmentProblemError: the process has ended; what it said is on standard error.
        """
        try:
            self._process.stdin.write(f"{words}\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise EnvironmentProblemError(f"{self._checkout} does not know {words!r}, or it failed")
        return [float(one) for one in answer.split()]
