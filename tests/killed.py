"""Real runs that are killed in mid-sequence, for tests that go on with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def kill_at(flag: Path, module: str, words: list[str], search: Path) -> None:
    """Run `python -m MODULE WORDS`, and kill it without warning once its tracker has made the file `flag`.

    Args:
        search: where the module of the tracker is.
    """
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (here.parent, here, search)))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:
        while not flag.exists() and process.poll() is None:
            time.sleep(0.05)
        ended = process.poll()
        process.send_signal(signal.SIGKILL)
        printed = process.communicate()[0]
    assert ended is None, printed.decode()


def files_of(results: Path) -> dict[str, bytes]:
    """Every file below a folder by its path there."""
    return {path.relative_to(results).as_posix(): path.read_bytes() for path in results.rglob("*") if path.is_file()}
