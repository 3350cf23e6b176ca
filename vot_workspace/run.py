"""Evaluate a tracker with the real `vot evaluate`, check every result, and run again what is missing or damaged.

With several workers the sequences are split over shard workspaces that share one results folder; where there are GPUs,
each worker has one. Nothing may disturb the times of real-time experiments: they run alone, or one on each GPU.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from samn_tracker.errors import ConfigError
from samn_tracker.files import locked
from samn_tracker.program import stopping_signals
from samn_tracker.runner.digits import positive, within
from samn_tracker.runner.frames import listed
from samn_tracker.runner.local_workers import local_gpus
from vot_workspace.check import Fault, check
from vot_workspace.cluster import cluster_pool
from vot_workspace.doctor_start import region_formats, try_first_frame
from vot_workspace.download import download
from vot_workspace.manifest import break_seals, claim, describe, seal
from vot_workspace.pool import LocalPool, Pool, device_of
from vot_workspace.shards import sharded
from vot_workspace.workspace import Workspace, letters_problem

ATTEMPTS = 3
_LONGEST_CAUSE = 500


def run(
    workspace: Workspace,
    tracker: str,
    workers: int = 1,
    attempts: int = ATTEMPTS,
    adopt: bool = False,
    restart: bool = False,
    cluster: str = "",
) -> list[Fault]:
    """Bring the results of `tracker` to completeness; the faults that remain.

    An attempt deletes damaged files and lets the toolkit run what is missing. It is repeated while that helps. With
    the address of a Ray cluster in `cluster` the toolkits run there.

    Raises:
        ConfigError: trackers.ini has no such entry, or a path is not of ASCII letters.
        DatasetError: sequences have no images, or were not downloaded.
        ResultError: the workspace is in use, or holds results of another configuration.
        EnvironmentProblemError: the tracker does not start, or the cluster does not answer.
    """
    with locked(workspace.folder, "workspace") as lock, stopping_signals():
        workspace.tracker(tracker)  # raises where there is no such entry, before anything is downloaded
        results = workspace.results(tracker)
        download(workspace, tracker)
        if problem := letters_problem(workspace.folder, workspace.names):
            raise ConfigError(problem)
        workspace.require_images()
        description = describe(workspace, tracker)
        if restart:
            shutil.rmtree(results, ignore_errors=True)
        claim(results, description, adopt)
        faults = check(workspace, tracker)
        try:
            if faults and attempts > 0:
                with _pool(workspace, tracker, workers, cluster, lock) as pool:
                    faults = _complete(workspace, tracker, faults, attempts, pool)
        finally:
            seal(results)
        return faults


@contextmanager
def _pool(workspace: Workspace, tracker: str, workers: int, cluster: str, lock: int) -> Iterator[Pool]:
    device = device_of(workspace.tracker(tracker))
    if cluster:
        with cluster_pool(cluster, workers, device) as pool:
            yield pool
    else:
        region_formats(workspace.folder, tracker)  # raises where it does not start; the toolkit would wait for ever
        try_first_frame(workspace.folder, tracker)  # raises where it cannot begin; the toolkit would not say why
        yield LocalPool(workers, local_gpus(device) if workers > 1 else [], lock)


def _complete(workspace: Workspace, tracker: str, faults: list[Fault], attempts: int, pool: Pool) -> list[Fault]:
    """Delete what is damaged and run what is missing, as long as that helps; the faults that remain."""
    for _ in range(attempts):
        break_seals(workspace.results(tracker), _delete(faults))
        _evaluate(workspace, tracker, list(dict.fromkeys(fault.sequence for fault in faults)), pool)
        before, faults = faults, check(workspace, tracker)
        if len(faults) >= len(before) or not faults:
            break
    return faults


def _delete(faults: Sequence[Fault]) -> list[Path]:
    """Delete the damaged files; their paths."""
    paths = [(path, fault.text) for fault in faults for path in fault.files]
    for path, text in paths:
        print(f"deleting {path}: {text}", file=sys.stderr)
        path.unlink(missing_ok=True)
    return [path for path, _ in paths]


def _evaluate(workspace: Workspace, tracker: str, names: Sequence[str], pool: Pool) -> None:
    """Let the toolkit run what is missing in the sequences `names`."""
    realtime = [experiment.name for experiment in workspace.experiments if experiment.realtime]
    others = [experiment.name for experiment in workspace.experiments if not experiment.realtime]
    groups = [(others, pool.workers), (realtime, pool.realtime_workers)]
    if pool.workers == pool.realtime_workers:
        groups = [(others + realtime, pool.workers)]
    for experiments, workers in groups:
        if experiments:
            with sharded(workspace, names, workers) as folders:
                pool.evaluate(folders, [tracker, "--persist", "--experiments", ",".join(experiments)])


def report(workspace: Workspace, tracker: str, faults: Sequence[Fault]) -> int:
    """Print what is wrong (and where the tracker's own output is); the exit code."""
    if not faults:
        print(f"{tracker}: complete in {workspace.results(tracker)}")
        score = shlex.join(["samn", "vot", "score", str(workspace.folder), tracker])
        print(f"next: {score}", file=sys.stderr)
        return 0
    logs = sorted((workspace.folder / "logs").glob(f"{tracker}_*.log"))
    if logs and (cause := _cause(logs[-1])):
        print(f"{tracker} failed: {cause}", file=sys.stderr)
    for fault in [fault for fault in faults if fault.files]:
        print(f"  {fault}", file=sys.stderr)
    if missing := [f"{one.experiment}/{one.sequence}/{one.stem}" for one in faults if not one.files]:
        print(f"  missing: {listed(missing)}", file=sys.stderr)
    print(f"{tracker}: {len(faults)} results are missing or damaged", file=sys.stderr)
    if logs:
        print(f"the tracker's output: {logs[-1]}", file=sys.stderr)
    return 1


def _cause(log: Path) -> str | None:
    """The last error that a tracker's log tells."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line.strip() for line in lines if re.search(r"\berror: |\b\w+(Error|Exception)\b: ", line)]
    return told[-1][:_LONGEST_CAUSE] if told else None


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot run`."""
    parser = argparse.ArgumentParser(prog="samn vot run", description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("tracker", nargs="?", help="entry of trackers.ini (default: SAMN, else the first)")
    parser.add_argument("--workers", type=positive, default=1, help="shards that run at the same time (default: 1)")
    parser.add_argument("--cluster", default="", metavar="ADDRESS", help="run the shards on this Ray cluster")
    parser.add_argument(
        "--attempts", type=within(0, 1000), default=ATTEMPTS, help=f"at most so many tries (default: {ATTEMPTS})"
    )
    parser.add_argument("--adopt", action="store_true", help="go on with results that have no manifest")
    parser.add_argument("--restart", action="store_true", help="delete the tracker's results first")
    given = parser.parse_args(argv)
    workspace = Workspace(given.workspace)
    tracker = given.tracker or workspace.first_tracker
    faults = run(workspace, tracker, given.workers, given.attempts, given.adopt, given.restart, given.cluster)
    return report(workspace, tracker, faults)
