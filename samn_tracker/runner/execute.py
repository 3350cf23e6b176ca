"""Running a tracker over a benchmark: what is left to do, one sequence after the other or by many workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from samn_tracker.errors import DatasetError, StorageError
from samn_tracker.files import locked, write_atomic
from samn_tracker.runner.parallel import run_in_parallel
from samn_tracker.runner.progress import Progress, tell
from samn_tracker.runner.run_folder import RunFolder, configuration_hash
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.trackers import describe_tracker
from samn_tracker.runner.worker import RunRequest, SequenceError, Worker


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be run, and why in one line."""

    sequence: str
    reason: str


def execute(request: RunRequest) -> list[Failure]:
    """Run every sequence of the split whose recorded result is not complete and of this configuration.

    Returns the sequences that failed; empty means that the run is complete. Progress and notes go to stderr.

    Raises:
        DatasetError, ConfigError, WeightsError, EnvironmentProblemError: before anything is run.
        ResultError: the folder is in use or not ours, or cannot be written.
    """
    sequences = request.benchmark.sequences(request.data, request.split)
    identity = describe_tracker(request.tracker, request.device, request.overrides)
    configuration = configuration_hash(identity)
    try:
        with locked(request.output):
            folder = RunFolder(request.output)
            changes = folder.start(request.benchmark.name, request.split, identity, sequences, request.name)
            todo = _outstanding(folder, _selected(sequences, request.only), configuration)
            _announce(request, len(sequences), todo, changes)
            return _run_all(_on_device(request, identity), configuration, [sequence for sequence, _ in todo])
    except StorageError as error:
        raise StorageError(f"{error}, and run the same command again: finished sequences are kept") from error


def _selected(sequences: list[Sequence], only: tuple[str, ...]) -> list[Sequence]:
    unknown = sorted(set(only) - {sequence.name for sequence in sequences})
    if unknown:
        raise DatasetError(f"no sequence is called {', '.join(unknown)}; check --sequences")
    return [sequence for sequence in sequences if not only or sequence.name in only]


def _outstanding(folder: RunFolder, sequences: list[Sequence], configuration: str) -> list[tuple[Sequence, str]]:
    checked = [(sequence, folder.reason_to_run(sequence, configuration)) for sequence in sequences]
    return [(sequence, reason) for sequence, reason in checked if reason]


def _announce(request: RunRequest, total: int, todo: list[tuple[Sequence, str]], changes: list[str]) -> None:
    if request.split in request.benchmark.official:
        for note in request.benchmark.notes(request.data, request.split):
            tell(f"note: {note}")
    for change in changes:
        tell(f"configuration changed: {change}")
    for sequence, reason in todo:
        if reason != "missing":
            tell(f"again: {sequence.name} ({reason})")
    tell(f"{request.benchmark.title} {request.split}: {len(todo)} of {total} sequences to run with {request.tracker}")


def _on_device(request: RunRequest, identity: Mapping[str, Any]) -> RunRequest:
    """The request with the device that the manifest names, so that it is the one that every worker takes."""
    device = str(identity["device"])
    return replace(request, device=device) if device.startswith(("cpu", "cuda")) else request


def _run_all(request: RunRequest, configuration: str, sequences: list[Sequence]) -> list[Failure]:
    if not sequences:
        return []
    failures: list[Failure] = []
    with Progress(sequences) as progress:
        if min(request.workers, len(sequences)) > 1 or request.cluster or request.slurm is not None:
            outcomes = run_in_parallel(request, configuration, sequences, progress)
        else:
            outcomes = _run_here(Worker(request, configuration), sequences, progress)
        for sequence, error in outcomes:
            _save_traceback(request.output, sequence.name, error)
            if error:
                failures.append(Failure(sequence.name, error.reason))
    return failures


def _run_here(
    worker: Worker, sequences: list[Sequence], progress: Progress
) -> Iterator[tuple[Sequence, SequenceError | None]]:
    for sequence in sequences:
        progress.begin(sequence.name)
        try:
            for frame in worker.run(sequence):
                progress.frame(frame.seconds)
            yield sequence, None
        except SequenceError as error:
            yield sequence, error


def _save_traceback(output: Path, name: str, error: SequenceError | None) -> None:
    path = output / "failures" / f"{name}.txt"
    if error:
        write_atomic(path, error.details)
    else:
        path.unlink(missing_ok=True)
