"""What a benchmark is to the shared layer: a reader of sequences, a layout of result files, a linter and a scorer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from samn_tracker.errors import ConfigError
from samn_tracker.files import open_text
from samn_tracker.runner.box_text import format_box
from samn_tracker.runner.label_answers import answer_files, answer_rules, write_answer
from samn_tracker.runner.layout import require_data
from samn_tracker.runner.lint import Fault, ResultSource, box_faults, name_faults, png_faults
from samn_tracker.runner.loop import FrameResult, track_boxes, track_labels
from samn_tracker.runner.objects import create_object_tracker
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.trackers import create_tracker


class Benchmark(ABC):
    """One benchmark. Subclasses are stateless, so that they travel to other processes.

    Attributes:
        name: of the command, for instance "got10k".
        title: as people write it.
        splits: the known splits; the first one is the default.
        official: how many sequences a split has where it is complete; only splits of which that is known.
        split_words: what the command line calls `--split`, too.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    official: ClassVar[Mapping[str, int]] = {}
    split_words: ClassVar[tuple[str, ...]] = ()

    def default_split(self, data: Path | None) -> str:
        """The split that is meant where none is named.

        Raises:
            ConfigError: it has to be named.
        """
        return self.splits[0]

    @abstractmethod
    def sequences(self, data: Path, split: str) -> list[Sequence]:
        """Every sequence of the split, in the benchmark's order.

        Raises:
            DatasetError: the data folder is incomplete; all faults are listed.
        """

    def names(self, data: Path, split: str) -> list[str]:
        """The names of `sequences`, found without a look at each where the benchmark has a list.

        Raises:
            DatasetError: there is no list, or it is empty.
        """
        return [sequence.name for sequence in self.sequences(data, split)]

    def partial_notes(self, count: int, split: str) -> list[str]:
        """The sentence to be said of a data set that has another number of sequences than the official one."""
        official = self.official.get(split, count)
        if count == official:
            return []
        return [f"{count} sequences, and {self.title} {split} has {official}: good for trials, not for comparisons"]

    def notes(self, data: Path, split: str) -> list[str]:
        """What has to be said of a data set that is not complete."""
        return self.partial_notes(len(self.names(data, split)), split)

    @abstractmethod
    def create_tracker(self, spec: str, device: str, overrides: Mapping[str, str]) -> Any:
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

    def score_part(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """Scores of the sequences that are there and whole, where `score` refuses a set that is not complete.

        Raises:
            ConfigError: this benchmark's scores are of the whole set, or say themselves what is missing.
        """
        raise ConfigError(f"{self.title} has no scores of a part of its results; leave --partial out")


class BoxBenchmark(Benchmark):
    """A benchmark of boxes in text files, one row a frame."""

    decimals: ClassVar[int]

    @abstractmethod
    def box_file(self, name: str) -> str:
        """Relative path of the boxes of the sequence called `name`."""

    def time_file(self, name: str) -> str | None:
        """Relative path of the times of a sequence, seconds `%.8f`, where the benchmark has them."""
        return None

    def create_tracker(self, spec: str, device: str, overrides: Mapping[str, str]) -> Any:
        return create_tracker(spec, device, overrides)

    def lint(self, source: ResultSource, data: Path | None, split: str) -> list[Fault]:
        """Faults of a layout with one file of boxes for each sequence of the data, and nothing else."""
        sequences = {self.box_file(one.name): one for one in self.sequences(require_data(data, self.title), split)}
        actual = source.names()
        found = name_faults(actual, sequences)
        for name in sorted(sequences.keys() & set(actual)):
            sequence = sequences[name]
            found += box_faults(source, name, self.decimals, len(sequence), sequence.first_row)
        return found

    def run_sequence(self, tracker: Any, sequence: Sequence, folder: Path) -> Iterator[FrameResult]:
        times = self.time_file(sequence.name)
        with ExitStack() as stack:
            box_stream = stack.enter_context(open_text(folder / self.box_file(sequence.name)))
            time_stream = stack.enter_context(open_text(folder / times)) if times else None
            for frame in track_boxes(tracker, sequence):
                box_stream.write(format_box(frame.box + sequence.shift, self.decimals) + "\n")
                if time_stream:
                    time_stream.write(f"{frame.seconds:.8f}\n")
                yield frame


class MaskBenchmark(Benchmark):
    """A benchmark of label maps: indexed PNGs named like the images (`samn_tracker.runner.label_answers`)."""

    def create_tracker(self, spec: str, device: str, overrides: Mapping[str, str]) -> Any:
        return create_object_tracker(spec, device, overrides)

    def lint(self, source: ResultSource, data: Path | None, split: str) -> list[Fault]:
        """Faults of a layout with the label maps of every frame of the data, and nothing else."""
        sequences = self.sequences(require_data(data, self.title), split)
        expected = {
            name: one for one in sequences for index in range(len(one)) for name in answer_files(one, index).values()
        }
        actual = set(source.names())
        rules = {one.name: answer_rules(one) for one in sequences}
        found = name_faults(actual, expected)
        for name in sorted(expected.keys() & actual):
            found += png_faults(source, name, *rules[expected[name].name])
        return found

    def run_sequence(self, tracker: Any, sequence: Sequence, folder: Path) -> Iterator[FrameResult]:
        for frame in track_labels(tracker, sequence):
            write_answer(folder, sequence, frame.index, frame.labels)
            yield frame
