"""What a workspace holds: its stack of experiments, its sequences, and the trajectories that a tracker owes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]

from samn_tracker.errors import ConfigError, DatasetError, EnvironmentProblemError
from samn_tracker.runner.frames import listed
from samn_tracker.runner.truth import read_names
from samn_tracker.trax.registry import read_registry
from vot_workspace.doctor import found_outside
from vot_workspace.layouts import read_folder
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart, Region

_ALIASES, _DEPTH = 20, 20
_SHOWN = 300
KINDS = ("supervised", "unsupervised", "multistart")
DETERMINISTIC_RUNS = 3  # the toolkit stops repeating a tracker that answered three times the same

_FORMER_SERVER = "samn_tracker.trax_server"


@dataclass(frozen=True)
class Experiment:
    """One experiment of a stack. `interval` are the sequence lengths that EAO averages over, None without EAO."""

    name: str
    kind: str
    repetitions: int
    realtime: bool
    skip: int
    interval: tuple[int, int] | None
    early_stop: bool = True


@dataclass(frozen=True)
class Expected:
    """One trajectory that a complete result has: its files begin with `stem`, and it has `length` regions."""

    experiment: Experiment
    sequence: str
    stem: str
    length: int


@dataclass(frozen=True)
class Workspace:
    """A workspace on disk; everything is read when asked for."""

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "config.yaml").is_file():
            raise ConfigError(f"{self.folder} is not a workspace: no config.yaml; make one with samn vot create")

    @cached_property
    def config(self) -> Mapping[str, Any]:
        return _read_yaml(self.folder / "config.yaml")

    @cached_property
    def stack(self) -> Mapping[str, Any]:
        """The stack as its file says."""
        return read_stack(str(self.config.get("stack")), self.folder)

    @cached_property
    def experiments(self) -> list[Experiment]:
        """The stack's experiments, in order."""
        return experiments_of(self.stack)

    @property
    def sequence_folder(self) -> Path:
        return self.folder / str(self.config.get("sequences", "sequences"))

    @cached_property
    def names(self) -> list[str]:
        """Names of the sequences, in the order of list.txt.

        Raises:
            DatasetError: there is no list.txt.
        """
        listing = self.sequence_folder / "list.txt"
        if not listing.is_file():
            raise DatasetError(
                f"no {listing}: `samn vot run` downloads a year's data when online; or make a workspace of data "
                "that you have: create --data"
            )
        return read_names(listing)

    @cached_property
    def sequences(self) -> dict[str, SourceSequence]:
        """The sequences by name."""
        return {name: read_folder(self.sequence_folder / name) for name in self.names}

    def require_images(self) -> None:
        """Make sure that a tracker can run here, and not only results be scored.

        Raises:
            DatasetError: sequences without images; the first ones are named.
        """
        if bare := [name for name, sequence in self.sequences.items() if not sequence.frames]:
            raise DatasetError(
                f"{len(bare)} of {len(self.names)} sequences have no images ({', '.join(bare[:3])}): results can be "
                "scored here, but no tracker can run; make a workspace with --data FOLDER, where the images are"
            )

    @cached_property
    def trackers(self) -> dict[str, dict[str, str]]:
        """The entries of trackers.ini by name, their keys in lower case.

        Raises:
            ConfigError: it is missing or malformed.
        """
        registry = read_registry(self.folder / "trackers.ini")
        return {name: {key.lower(): value for key, value in entry.items()} for name, entry in registry.items()}

    def tracker(self, name: str) -> dict[str, str]:
        """The entry of one tracker.

        Raises:
            ConfigError: there is none; the known names are listed. Or it starts our server by its former name.
        """
        if name not in self.trackers:
            known = ", ".join(self.trackers) or "none"
            raise ConfigError(f"no tracker '{name}' in {self.folder / 'trackers.ini'}; known: {known}")
        if _FORMER_SERVER in self.trackers[name].get("command", ""):
            raise ConfigError(
                f"{self.folder / 'trackers.ini'} starts {_FORMER_SERVER} for '{name}'; that is "
                "samn_tracker.trax.server now: change the line"
            )
        return self.trackers[name]

    @property
    def first_tracker(self) -> str:
        """The entry that is meant where none is named: SAMN, or the first.

        Raises:
            ConfigError: there is none.
        """
        if not self.trackers:
            raise ConfigError(f"{self.folder / 'trackers.ini'} has no tracker; `samn vot create` makes one that has")
        return "SAMN" if "SAMN" in self.trackers else next(iter(self.trackers))

    def results(self, tracker: str) -> Path:
        return self.folder / "results" / tracker

    def expected(self) -> Iterator[Expected]:
        """Every trajectory of a complete result; repetitions that a deterministic tracker is spared are included."""
        for experiment in self.experiments:
            for name, sequence in self.sequences.items():
                if experiment.kind == "multistart":
                    yield from _expected_anchors(experiment, name, sequence)
                else:
                    for stem in [f"{name}_{one}" for one in sequence.tracked] or [name]:
                        for run in range(1, experiment.repetitions + 1):
                            yield Expected(experiment, name, f"{stem}_{run:03d}", len(sequence))


def letters_problem(folder: Path, names: Iterable[str]) -> str | None:
    """Why the toolkit's TraX library cannot read the pictures of a workspace: it takes ASCII paths only; or None."""
    place = str(folder.resolve())
    strange = [one for one in (place, *names) if not one.isascii()]
    if not strange:
        return None
    what = "the workspace's path" if strange[0] == place else "the name of a sequence"
    return f"{what}, {strange[0]}, is not of ASCII letters alone, and the toolkit's TraX fails on it; choose another"


def environment_of(entry: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that an entry of trackers.ini sets, as the toolkit reads them: in upper case."""
    return {name[4:].upper(): os.path.expandvars(value) for name, value in entry.items() if name.startswith("env_")}


def _expected_anchors(experiment: Experiment, name: str, sequence: SourceSequence) -> Iterator[Expected]:
    if not any(sequence.anchors):
        raise DatasetError(f"{name} has no anchors (anchor.value), which {experiment.name} needs; create the workspace")
    if empty := empty_anchors(sequence):
        raise DatasetError(
            f"{name} has anchors in frames without target ({listed(empty)}), at which no tracker can "
            "begin; correct anchor.value, or create the workspace again"
        )
    for frame, length in _anchored(sequence):
        yield Expected(experiment, name, f"{name}_{frame:08d}", length)


def _anchored(sequence: SourceSequence) -> Iterator[tuple[int, int]]:
    """Frame of each anchor, and how many frames are tracked from there."""
    for frame, direction in enumerate(sequence.anchors):
        if direction:
            yield frame, len(sequence) - frame if direction > 0 else frame + 1


def empty_anchors(sequence: SourceSequence) -> list[int]:
    """Frames that have an anchor, but show no target."""
    return [frame for frame, _ in _anchored(sequence) if not shows_target(sequence.groundtruth[frame])]


def shows_target(region: Region) -> bool:
    """Whether the ground truth of a frame has a target."""
    return bool(region.mask.any()) if isinstance(region, MaskPart) else not isinstance(region, int)


def longest_run(experiment: Experiment, sequences: Iterable[SourceSequence]) -> int:
    """The most frames that one run of the experiment has. An EAO of longer sequences only is not defined."""
    if experiment.kind == "multistart":
        return max((length for sequence in sequences for _, length in _anchored(sequence)), default=0)
    return max(map(len, sequences), default=0)


def has_eao(experiment: Experiment, sequences: Iterable[SourceSequence]) -> bool:
    """Whether a run is as long as the shortest length that the experiment's EAO averages over."""
    return experiment.interval is not None and longest_run(experiment, sequences) >= experiment.interval[0]


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_bombs(path, text)
        content = yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read ({str(error)[:_SHOWN]})") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a table of settings")
    return content


def _refuse_bombs(path: Path, text: str) -> None:
    """Refuse what takes minutes to read: parts that repeat others, and lists in lists in lists."""
    aliases = depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if aliases > _ALIASES:
            raise ConfigError(f"{path} repeats parts of itself more than {_ALIASES} times; write them out")
        if depth > _DEPTH:
            raise ConfigError(f"{path} has more than {_DEPTH} tables in each other; it is no stack")


def read_stack(name: str, folder: Path) -> Mapping[str, Any]:
    """A stack file of `folder`, or of the toolkit, by name.

    Raises:
        ConfigError: there is none.
        EnvironmentProblemError: the toolkit is not installed.
    """
    return _read_yaml(_find_stack(name, folder))


def _find_stack(name: str, folder: Path) -> Path:
    """A stack of the workspace, or one that comes with the toolkit (which is located, not imported)."""
    if (folder / name).is_file():
        return folder / name
    toolkit = found_outside("vot")
    if toolkit is None or toolkit.origin is None:
        raise EnvironmentProblemError("the VOT toolkit is not installed; pip install samn-tracker[vot]")
    path = Path(toolkit.origin).parent / "stack" / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"no stack '{name}' in {folder} or in the toolkit")
    return path


def experiments_of(stack: Mapping[str, Any]) -> list[Experiment]:
    """The experiments of a stack, in order.

    Raises:
        ConfigError: there are none, or one is malformed or of an unknown kind.
    """
    try:
        return [_experiment(name, values) for name, values in stack["experiments"].items()]
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(
            f"the workspace's stack is malformed ({repr(error)[:_SHOWN]}); make the workspace anew"
        ) from None


def _experiment(name: str, values: Mapping[str, Any]) -> Experiment:
    if values["type"] not in KINDS:
        raise ConfigError(f"experiment '{name}' is of the kind '{values['type']}'; known are {', '.join(KINDS)}")
    scores = [analysis for analysis in values.get("analyses", []) if analysis["type"].endswith("_eao_score")]
    return Experiment(
        name,
        values["type"],
        int(values.get("repetitions", 1)),
        bool(values.get("realtime")),
        int(values.get("skip_initialize", 1)),
        (int(scores[0]["low"]), int(scores[0]["high"])) if scores else None,
        bool(values.get("early_stop", True)),
    )


def same_answers(first: Sequence[Region], second: Sequence[Region]) -> bool:
    """Whether two runs answered the same, to the whole pixels that the toolkit compares."""
    return len(first) == len(second) and all(map(_same_region, first, second))


def _same_region(first: Region, second: Region) -> bool:
    if isinstance(first, MaskPart) and isinstance(second, MaskPart):
        return first.offset == second.offset and np.array_equal(first.mask, second.mask)
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(np.round(first), np.round(second))
    return isinstance(first, int) and isinstance(second, int)
