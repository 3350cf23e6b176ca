"""Evaluate a tracker with the real `vot evaluate`, check every result, and run again what is missing or damaged.

With several workers the sequences are split over shard workspaces that share one results folder. Real-time experiments
always run alone and one after the other: their times must not be disturbed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from samn_tracker.errors import ResultError
from vot_workspace import toolkit
from vot_workspace.check import Fault, check
from vot_workspace.manifest import claim, describe, locked
from vot_workspace.trajectory import write_atomically
from vot_workspace.workspace import Workspace

ATTEMPTS = 3


def run(
    workspace: Workspace,
    tracker: str,
    workers: int = 1,
    attempts: int = ATTEMPTS,
    adopt: bool = False,
    restart: bool = False,
) -> list[Fault]:
    """Bring the results of `tracker` to completeness; the faults that remain.

    An attempt deletes damaged files and lets the toolkit run what is missing. It is repeated while that helps.

    Raises:
        ResultError: the workspace is in use, or holds results of another configuration.
    """
    with locked(workspace.folder) as lock, toolkit.termination_unwinds():
        results = workspace.results(tracker)
        _fetch_data(workspace, tracker)
        description = describe(workspace, tracker)
        if restart:
            shutil.rmtree(results, ignore_errors=True)
        claim(results, description, adopt)
        faults = check(workspace, tracker)
        for _ in range(attempts):
            if not faults:
                break
            _delete(faults)
            _evaluate(workspace, tracker, workers, lock)
            before, faults = faults, check(workspace, tracker)
            if len(faults) >= len(before):
                break
        return faults


def _fetch_data(workspace: Workspace, tracker: str) -> None:
    """Let the toolkit download the sequences of its own stacks, which it does when it opens a workspace without any."""
    if workspace.stack.get("dataset") and not (workspace.sequence_folder / "list.txt").is_file():
        print(f"the VOT toolkit downloads {workspace.stack['dataset']}", file=sys.stderr)
        toolkit.run("evaluate", workspace.folder, tracker, "--experiments", "none")


def _delete(faults: Sequence[Fault]) -> None:
    for fault in faults:
        for path in fault.files:
            print(f"deleting {path}: {fault.text}", file=sys.stderr)
            path.unlink(missing_ok=True)


def _evaluate(workspace: Workspace, tracker: str, workers: int, lock: int) -> None:
    realtime = [experiment.name for experiment in workspace.experiments if experiment.realtime]
    others = [experiment.name for experiment in workspace.experiments if not experiment.realtime]
    workers = min(workers, len(workspace.names))
    if workers > 1 and others:
        with tempfile.TemporaryDirectory(prefix="shards-", dir=workspace.folder) as folder:
            shards = [
                make_shard(workspace, Path(folder) / str(number), names)
                for number, names in enumerate(split(workspace, workers))
            ]
            _evaluate_together(shards, tracker, others, lock)
        others = []
    if others or realtime:
        _evaluate_together([workspace.folder], tracker, others + realtime, lock)


def _evaluate_together(folders: Sequence[Path], tracker: str, experiments: Sequence[str], lock: int) -> None:
    """Run the toolkit in each folder at the same time, until all have ended."""
    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // len(folders)))} if len(folders) > 1 else {}
    arguments = [tracker, "--persist", "--experiments", ",".join(experiments)]
    processes = []
    try:
        for folder in folders:
            processes.append(toolkit.start("evaluate", folder, *arguments, environment=threads, inherited=(lock,)))
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            toolkit.stop(process)


def split(workspace: Workspace, parts: int) -> list[list[str]]:
    """The sequences in `parts` lists of about the same number of frames, the longest first."""
    lists: list[list[str]] = [[] for _ in range(parts)]
    frames = [0] * parts
    for name in sorted(workspace.names, key=lambda name: -len(workspace.sequences[name])):
        smallest = frames.index(min(frames))
        lists[smallest].append(name)
        frames[smallest] += len(workspace.sequences[name])
    return lists


def make_shard(workspace: Workspace, folder: Path, names: Sequence[str]) -> Path:
    """A workspace with only the sequences `names`, which writes into the results folder of the whole one."""
    (folder / "sequences").mkdir(parents=True)
    shutil.copy(workspace.folder / "trackers.ini", folder / "trackers.ini")
    write_atomically(folder / "stack.yaml", yaml.safe_dump(dict(workspace.stack)).encode())
    write_atomically(
        folder / "config.yaml", yaml.safe_dump({"stack": "stack.yaml", "registry": ["./trackers.ini"]}).encode()
    )
    for name in names:
        (folder / "sequences" / name).symlink_to((workspace.sequence_folder / name).resolve())
    write_atomically(folder / "sequences" / "list.txt", "".join(f"{name}\n" for name in names).encode())
    for name in ("results", "logs"):
        (workspace.folder / name).mkdir(exist_ok=True)
        (folder / name).symlink_to((workspace.folder / name).resolve())
    return folder


def report(workspace: Workspace, tracker: str, faults: Sequence[Fault]) -> int:
    """Print what is wrong (and where the tracker's own output is); the exit code."""
    if not faults:
        print(f"{tracker}: complete in {workspace.results(tracker)}")
        return 0
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    logs = sorted((workspace.folder / "logs").glob(f"{tracker}_*.log"))
    print(f"{tracker}: {len(faults)} results are missing or damaged", file=sys.stderr)
    if logs:
        print(f"the tracker's output: {logs[-1]}", file=sys.stderr)
    return 1


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m vot_workspace run`."""
    parser = argparse.ArgumentParser(prog="vot_workspace run", description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("tracker", nargs="?", default="SAMN", help="entry of trackers.ini (default: SAMN)")
    parser.add_argument("--workers", type=int, default=1, help="shards that run at the same time (default: 1)")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help=f"at most so many tries (default: {ATTEMPTS})")
    parser.add_argument("--adopt", action="store_true", help="go on with results that have no manifest")
    parser.add_argument("--restart", action="store_true", help="delete the tracker's results first")
    given = parser.parse_args(argv)
    workspace = Workspace(given.workspace)
    try:
        faults = run(workspace, given.tracker, given.workers, given.attempts, given.adopt, given.restart)
    except KeyboardInterrupt:
        raise ResultError("interrupted; run the same command again to go on") from None
    return report(workspace, given.tracker, faults)
