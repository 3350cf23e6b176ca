"""Running a tracker over a benchmark: what is left to do, one sequence after the other or by many workers."""

from __future__ import annotations

import csv
import errno
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from samn_tracker.benchmark import files
from samn_tracker.benchmark.benchmark import Benchmark
from samn_tracker.benchmark.loop import FrameResult
from samn_tracker.benchmark.run_folder import RunFolder, configuration_hash
from samn_tracker.benchmark.sequences import Sequence
from samn_tracker.benchmark.trackers import describe_tracker
from samn_tracker.errors import ConfigError, DatasetError, ResultError

_STORAGE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE}


@dataclass(frozen=True)
class RunRequest:
    """One `run` command.

    Attributes:
        workers: processes; more than one need Ray.
        cluster: address of a running Ray cluster; empty for none.
        only: names of sequences to run; empty for all.
    """

    benchmark: Benchmark
    data: Path
    split: str
    tracker: str
    output: Path
    device: str = "auto"
    overrides: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    cluster: str = ""
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be run, and why in one line."""

    sequence: str
    reason: str


class Worker:
    """Runs single sequences with one tracker, which is made when first needed and again after a failure."""

    def __init__(self, request: RunRequest, configuration: str) -> None:
        self._request = request
        self._configuration = configuration
        self._folder = RunFolder(request.output)
        self._tracker: Any = None

    def run(self, sequence: Sequence) -> Iterator[FrameResult]:
        """Run and record one sequence, frame by frame.

        Raises:
            ConfigError, ResultError: of a kind that no other sequence can escape: unusable tracker or full disk.
            SequenceError: this sequence failed.
        """
        request = self._request
        if self._tracker is None:
            self._tracker = request.benchmark.create_tracker(
                request.tracker, request.device, request.overrides, request.split
            )
        index, seconds = -1, 0.0
        try:
            place = self._folder.workplace(sequence.name)
            for frame in self._logged(sequence, place):
                index, seconds = frame.index, seconds + frame.seconds
                yield frame
            self._folder.commit(sequence, self._configuration, seconds)
        except ConfigError:
            raise
        except Exception as error:
            self._tracker = None
            if isinstance(error, OSError) and error.errno in _STORAGE_ERRORS:
                raise ResultError(_storage_message(request.output, error)) from error
            reason = f"frame {index + 1} of {len(sequence)}: {type(error).__name__}: {error}"
            raise SequenceError(reason, traceback.format_exc()) from error

    def _logged(self, sequence: Sequence, place: Path) -> Iterator[FrameResult]:
        """The frames of the benchmark's run, with a line of frames/<sequence>.csv for each."""
        log = place / "frames" / f"{sequence.name}.csv"
        log.parent.mkdir(parents=True)
        with log.open("w", newline="", encoding="ascii") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["frame", "seconds", "confidence", "found"])
            for frame in self._request.benchmark.run_sequence(self._tracker, sequence, place / "results"):
                writer.writerow(
                    [frame.index, f"{frame.seconds:.6f}", f"{float(frame.confidence):.4f}", int(frame.found)]
                )
                yield frame


class SequenceError(ResultError):
    """One sequence failed; `details` is the traceback."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = details


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
        with files.locked(request.output):
            folder = RunFolder(request.output)
            changes = folder.start(request.benchmark.name, request.split, identity, sequences)
            todo = _outstanding(folder, _selected(sequences, request.only), configuration)
            _announce(request, len(sequences), todo, changes)
            return _run_all(request, configuration, [sequence for sequence, _ in todo])
    except OSError as error:
        raise ResultError(_storage_message(request.output, error)) from error


def _selected(sequences: list[Sequence], only: tuple[str, ...]) -> list[Sequence]:
    unknown = sorted(set(only) - {sequence.name for sequence in sequences})
    if unknown:
        raise DatasetError(f"no sequence is called {', '.join(unknown)}; check --sequences")
    return [sequence for sequence in sequences if not only or sequence.name in only]


def _outstanding(folder: RunFolder, sequences: list[Sequence], configuration: str) -> list[tuple[Sequence, str]]:
    checked = [(sequence, folder.reason_to_run(sequence, configuration)) for sequence in sequences]
    return [(sequence, reason) for sequence, reason in checked if reason]


def _announce(request: RunRequest, total: int, todo: list[tuple[Sequence, str]], changes: list[str]) -> None:
    for change in changes:
        tell(f"configuration changed: {change}")
    for sequence, reason in todo:
        if reason != "missing":
            tell(f"again: {sequence.name} ({reason})")
    tell(f"{request.benchmark.title} {request.split}: {len(todo)} of {total} sequences to run with {request.tracker}")


def _run_all(request: RunRequest, configuration: str, sequences: list[Sequence]) -> list[Failure]:
    if not sequences:
        return []
    failures: list[Failure] = []
    with Progress(sequences) as progress:
        if request.workers > 1 or request.cluster:
            from samn_tracker.benchmark.parallel import run_with_ray

            outcomes = run_with_ray(request, configuration, sequences, progress)
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


class Progress:
    """A bar on stderr with the sequence, the tracker's frames per second and the time left; absent if no terminal."""

    def __init__(self, sequences: list[Sequence]) -> None:
        self._bar = tqdm(total=sum(map(len, sequences)), unit="frame", file=sys.stderr, disable=None, smoothing=0.05)
        self._frames, self._seconds = 0, 0.0

    def begin(self, name: str) -> None:
        """Show the name of the sequence that runs now."""
        self._bar.set_description(name)

    def frame(self, seconds: float, count: int = 1) -> None:
        """Advance by `count` frames that took the tracker `seconds` altogether."""
        self._frames, self._seconds = self._frames + count, self._seconds + seconds
        if self._seconds > 0:
            self._bar.set_postfix_str(f"tracker {self._frames / self._seconds:.1f} fps", refresh=False)
        self._bar.update(count)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def tell(message: str) -> None:
    """A line for people, on stderr."""
    tqdm.write(message, file=sys.stderr)


def _save_traceback(output: Path, name: str, error: SequenceError | None) -> None:
    path = output / "failures" / f"{name}.txt"
    if error:
        path.parent.mkdir(exist_ok=True)
        path.write_text(error.details, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def _storage_message(output: Path, error: OSError) -> str:
    return (
        f"cannot write below {output}: {error.strerror or error}; make room or choose another --output, "
        "and run the same command again: finished sequences are kept"
    )
