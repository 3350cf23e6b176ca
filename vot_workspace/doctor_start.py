"""Start a tracker of a workspace as the toolkit would: the first line that it says, and its first frame."""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from samn_tracker.errors import EnvironmentProblemError, SamnError
from samn_tracker.images import read_image
from samn_tracker.shapes.regions import place_mask
from samn_tracker.trax.client import TraxTracker, launch_of
from vot_workspace.trajectory import MaskPart
from vot_workspace.workspace import Workspace, environment_of

HELLO = re.compile(rb'@@TRAX:hello .*"trax.region=([^"]*)"')


def region_formats(workspace: Path, tracker: str) -> list[str]:
    """The region formats in the tracker's TraX greeting.

    Raises:
        EnvironmentProblemError: it does not greet within its timeout; its output is shown.
    """
    entry = Workspace(workspace).tracker(tracker)
    output = _first_output(entry)
    found = HELLO.search(output)
    if found is None:
        tail = output.decode(errors="replace").strip()[-500:]
        raise EnvironmentProblemError(
            f"[{tracker}] of trackers.ini ended or ran out of its {timeout_of(entry):g} s without a TraX greeting; "
            f"it said: {tail or 'nothing'}"
        )
    return [name for name in found.group(1).decode().split(";") if name]


def try_first_frame(workspace: Path, tracker: str) -> None:
    """Start the tracker in a folder that is empty, as the toolkit does, and let it begin on the first frame there is.

    Raises:
        EnvironmentProblemError: it cannot; with what it said.
    """
    found = [
        (name, one.frames[index], region)
        for name, one in Workspace(workspace).sequences.items()
        for index, region in enumerate(one.groundtruth[: len(one.frames)])
        if not isinstance(region, int)
    ]
    if not found:
        return
    name, path, region = found[0]
    image = read_image(path)
    target = place_mask(region.mask, region.offset, image.shape) if isinstance(region, MaskPart) else region
    launch = launch_of(f"{workspace / 'trackers.ini'}:{tracker}", {})
    with tempfile.TemporaryDirectory() as folder:
        client = TraxTracker(replace(launch, command=("sh", "-c", 'cd "$0" && exec "$@"', folder, *launch.command)))
        try:
            client.next_image_is(path)
            client.initialize(image, target)
        except SamnError as error:
            raise EnvironmentProblemError(f"[{tracker}] cannot begin on the first frame of {name}: {error}") from None
        finally:
            client.close()


def timeout_of(entry: dict[str, str]) -> float:
    """The seconds that an entry of trackers.ini may take for an answer."""
    return float(entry.get("timeout", 30))


def _first_output(entry: dict[str, str]) -> bytes:
    """What the tracker prints until it greets, ends, or runs out of time."""
    if entry.get("protocol") == "traxpython":
        command = [sys.executable, "-m", entry["command"]]
    else:
        command = shlex.split(entry["command"])
    deadline = time.monotonic() + timeout_of(entry)
    output = b""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **environment_of(entry), "TRAX": "1"},
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            while not HELLO.search(output) and time.monotonic() < deadline:
                if not select.select([process.stdout], [], [], 0.2)[0]:
                    continue
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                output += data
        finally:
            process.stdin.close()
            process.kill()
            process.wait()
            process.stdout.close()
    return output
