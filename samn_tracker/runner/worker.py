"""What one process of a run does: single sequences, one after the other, with one tracker."""

from __future__ import annotations

import csv
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samn_tracker.errors import ConfigError, ResultError, StorageError
from samn_tracker.files import open_text
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.loop import FrameResult
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.sequences import Sequence


@dataclass(frozen=True)
class RunRequest:
    """One `run` command.

    Attributes:
        workers: processes.
        cluster: address of a running Ray cluster; empty for none.
        only: names of sequences to run; empty for all.
        name: what reports call the run.
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
    slurm: Mapping[str, str] | None = None
    only: tuple[str, ...] = ()
    name: str = ""


class SequenceError(ResultError):
    """One sequence failed; `details` is the traceback."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason, details)
        self.reason = reason
        self.details = details


Answer = tuple[float, SequenceError | None]
"""Seconds of the tracker on a sequence, and why it failed if it did."""


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
            ConfigError, StorageError: what no other sequence can escape: an unusable tracker, a full disk.
            SequenceError: this sequence failed.
        """
        request = self._request
        if self._tracker is None:
            self._tracker = request.benchmark.create_tracker(request.tracker, request.device, request.overrides)
        index, seconds = -1, 0.0
        try:
            place = self._folder.workplace(sequence.name)
            for frame in self._logged(sequence, place):
                index, seconds = frame.index, seconds + frame.seconds
                yield frame
            self._folder.commit(sequence, self._configuration, seconds)
        except (ConfigError, StorageError):
            raise
        except Exception as error:
            self._tracker = None
            reason = f"frame {index + 1} of {len(sequence)}: {type(error).__name__}: {error}"
            raise SequenceError(reason, traceback.format_exc()) from error

    def answer(self, sequence: Sequence) -> Answer:
        """Run and record one sequence; errors as of `run`, but that of the sequence is a part of the answer."""
        try:
            return sum(frame.seconds for frame in self.run(sequence)), None
        except SequenceError as error:
            return 0.0, error

    def _logged(self, sequence: Sequence, place: Path) -> Iterator[FrameResult]:
        """The frames of the benchmark's run, with a line of frames/<sequence>.csv for each."""
        log = place / "frames" / f"{sequence.name}.csv"
        with open_text(log) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["frame", "seconds", "confidence", "found"])
            for frame in self._request.benchmark.run_sequence(self._tracker, sequence, place / "results"):
                writer.writerow(
                    [frame.index, f"{frame.seconds:.6f}", f"{float(frame.confidence):.4f}", int(frame.found)]
                )
                yield frame
