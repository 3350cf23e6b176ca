"""What a benchmark is to the shared layer: a reader of sequences, a layout of result files, a linter and a scorer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, ClassVar

from samn_tracker.benchmark.box_text import format_box
from samn_tracker.benchmark.label_png import encode_labels
from samn_tracker.benchmark.lint import Fault, ResultSource
from samn_tracker.benchmark.loop import FrameResult, track_boxes, track_labels
from samn_tracker.benchmark.objects import create_object_tracker
from samn_tracker.benchmark.scores import ScoreTable
from samn_tracker.benchmark.sequences import Sequence
from samn_tracker.benchmark.trackers import create_tracker


class Benchmark(ABC):
    """One benchmark. Subclasses are stateless, so that they travel to other processes.

    Attributes:
        name: of the command, for instance "got10k".
        title: as people write it.
        splits: the known splits; the first one is the default.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]

    @abstractmethod
    def sequences(self, data: Path, split: str) -> list[Sequence]:
        """Every sequence of the split, in the benchmark's order.

        Raises:
            DatasetError: the data folder is incomplete; all faults are listed.
        """

    @abstractmethod
    def create_tracker(self, spec: str, device: str, overrides: Mapping[str, str], split: str) -> Any:
        """The tracker that `run_sequence` takes."""

    @abstractmethod
    def run_sequence(self, tracker: Any, sequence: Sequence, folder: Path) -> Iterator[FrameResult]:
        """Track one sequence and write its result files below `folder`, as they come; yields after every frame."""

    @abstractmethod
    def lint(self, source: ResultSource, data: Path | None, split: str) -> list[Fault]:
        """Everything that keeps a folder or zip of results from being accepted by the benchmark."""

    @abstractmethod
    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """Scores of a folder of results against a folder of ground truth, both in the benchmark's own layout.

        Raises:
            DatasetError, ResultError: listing all that is missing or unreadable.
        """


class BoxBenchmark(Benchmark):
    """A benchmark of boxes in text files, one row a frame."""

    decimals: ClassVar[int]

    @abstractmethod
    def box_file(self, name: str) -> str:
        """Relative path of the boxes of the sequence called `name`."""

    def time_file(self, name: str) -> str | None:
        """Relative path of the times of a sequence, seconds `%.8f`, where the benchmark has them."""
        return None

    def create_tracker(self, spec: str, device: str, overrides: Mapping[str, str], split: str) -> Any:
        return create_tracker(spec, device, overrides)

    def run_sequence(self, tracker: Any, sequence: Sequence, folder: Path) -> Iterator[FrameResult]:
        times = self.time_file(sequence.name)
        with ExitStack() as stack:
            box_stream = stack.enter_context(_open_text(folder / self.box_file(sequence.name)))
            time_stream = stack.enter_context(_open_text(folder / times)) if times else None
            for frame in track_boxes(tracker, sequence):
                box_stream.write(format_box(frame.box + sequence.shift, self.decimals) + "\n")
                if time_stream:
                    time_stream.write(f"{frame.seconds:.8f}\n")
                yield frame


class MaskBenchmark(Benchmark):
    """A benchmark of label maps, one indexed PNG a frame, named like the image."""

    def create_tracker(self, spec: str, device: str, overrides: Mapping[str, str], split: str) -> Any:
        return create_object_tracker(spec, device, overrides)

    def run_sequence(self, tracker: Any, sequence: Sequence, folder: Path) -> Iterator[FrameResult]:
        (folder / sequence.name).mkdir(parents=True)
        for frame in track_labels(tracker, sequence):
            name = sequence.frames[frame.index].with_suffix(".png").name
            (folder / sequence.name / name).write_bytes(encode_labels(frame.labels))
            yield frame


def _open_text(path: Path) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="ascii", newline="\n")
