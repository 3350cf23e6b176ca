"""Is every result of a tracker there, whole and plausible? The toolkit itself only asks whether files exist."""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from samn_tracker.errors import ResultError
from vot_workspace.manifest import is_sealed, read_seals
from vot_workspace.overlaps import corners_of
from vot_workspace.trajectory import (
    FAILURE,
    INITIALISATION,
    UNKNOWN,
    Region,
    read_trajectory,
    read_values,
    trajectory_file,
)
from vot_workspace.workspace import DETERMINISTIC_RUNS, Expected, Experiment, Workspace, same_answers


@dataclass(frozen=True)
class Fault:
    """Something wrong with one trajectory; `files` are to be deleted before it is run again (none: it is missing)."""

    experiment: str
    sequence: str
    stem: str
    text: str
    files: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.experiment}/{self.sequence}/{self.stem}: {self.text}"


def check(workspace: Workspace, tracker: str) -> list[Fault]:
    """Every fault in the results of `tracker`: missing, damaged, of a wrong length, without times or confidences."""
    expected = defaultdict(list)
    for item in workspace.expected():
        expected[item.experiment.name, item.sequence, _target(item)].append(item)
    results = workspace.results(tracker)
    confidences = any(results.rglob("*_confidence.value"))
    seals = read_seals(results)
    faults: list[Fault] = []
    for items in expected.values():
        groundtruth = workspace.sequences[items[0].sequence].groundtruth
        faults += _check_group(results, items, groundtruth, confidences, seals)
    return faults


def _target(item: Expected) -> str:
    """The sequence, or the object of one that has several."""
    return item.stem.rpartition("_")[0]


def _check_group(
    results: Path, items: Sequence[Expected], groundtruth: Sequence[Region], confidences: bool, seals: Mapping[str, str]
) -> list[Fault]:
    """The faults of one experiment on one object of a sequence: all its repetitions or anchors."""
    faults: list[Fault] = []
    missing: list[Expected] = []
    runs: list[list[Region]] = []
    for item in items:
        folder = results / item.experiment.name / item.sequence
        try:
            path = trajectory_file(folder, item.stem)
            if path is None:
                missing.append(item)
                continue
            runs.append(check_trajectory(path, item, confidences))
            if item.experiment.kind == "supervised" and (
                text := one_pass_fault(runs[-1], item.experiment, groundtruth)
            ):
                raise ResultError(f"was not made with resets: {text}")
            if not is_sealed(path, results, seals):
                raise ResultError("is not what its run left here: it was changed, or comes from elsewhere")
        except ResultError as error:
            faults.append(Fault(item.experiment.name, item.sequence, item.stem, str(error), _files(folder, item.stem)))
    if not faults and _spared(items[0].experiment, runs):
        return []
    return faults + [Fault(item.experiment.name, item.sequence, item.stem, "missing") for item in missing]


def _spared(experiment: Experiment, runs: Sequence[Sequence[Region]]) -> bool:
    """Whether the toolkit spares the rest of the repetitions because the first ones were alike."""
    return (
        experiment.kind != "multistart"
        and experiment.early_stop
        and len(runs) >= DETERMINISTIC_RUNS
        and all(same_answers(runs[0], run) for run in runs[1:])
    )


def _files(folder: Path, stem: str) -> list[Path]:
    return [path for path in sorted(folder.glob(f"{stem}*")) if path.name[len(stem)] in "._"]


def check_trajectory(path: Path, item: Expected, confidences: bool) -> list[Region]:
    """The regions of one result, which has its times (and confidences) beside it.

    Raises:
        ResultError: anything about it is wrong.
    """
    regions = read_trajectory(path)
    if len(regions) != item.length:
        raise ResultError(f"{len(regions)} regions instead of {item.length}")
    if text := wrong_codes(regions, item.experiment):
        raise ResultError(text)
    codes = _codes(regions)
    _check_values(path, "time", [code != UNKNOWN for code in codes])
    if confidences:
        _check_values(path, "confidence", [code in (None, FAILURE) for code in codes])
    return regions


def _codes(regions: Sequence[Region]) -> list[int | None]:
    """The special code of each frame, None where there is a region."""
    return [region if isinstance(region, int) else None for region in regions]


def one_pass_fault(regions: Sequence[Region], experiment: Experiment, groundtruth: Sequence[Region]) -> str | None:
    """What shows that a trajectory of a reset-based experiment was not made with resets, None if nothing does.

    Its codes are wrong, or an answer lies wholly beside the target and no failure follows.
    """
    if text := wrong_codes(regions, experiment):
        return text
    beside = _frames_beside(regions, groundtruth)
    return f"frame {beside[0]} lies beside the target and is no failure ({len(beside)} such frames)" if beside else None


def _frames_beside(regions: Sequence[Region], groundtruth: Sequence[Region]) -> list[int]:
    """Frames with at least a pixel between two boxes or polygons."""
    drawn = [
        frame
        for frame, (answer, target) in enumerate(zip(regions, groundtruth, strict=False))
        if isinstance(answer, np.ndarray) and isinstance(target, np.ndarray)
    ]
    if not drawn:
        return []
    answers, targets = (corners_of([given[frame] for frame in drawn]) for given in (regions, groundtruth))
    gap = np.maximum(answers.min(axis=1) - targets.max(axis=1), targets.min(axis=1) - answers.max(axis=1))
    return [drawn[index] for index in np.flatnonzero((gap >= 1).any(axis=1))]


def wrong_codes(regions: Sequence[Region], experiment: Experiment) -> str | None:
    """What is wrong with the special codes, None if nothing: where tracking starts, fails and starts again."""
    codes = _codes(regions)
    if codes[0] != INITIALISATION:
        return "does not begin with an initialisation"
    if experiment.kind != "supervised":
        wrong = [frame for frame, code in enumerate(codes) if frame and code is not None]
        return f"frame {wrong[0]} has the code {codes[wrong[0]]} instead of a region" if wrong else None
    return _wrong_restarts(codes)


def _wrong_restarts(codes: Sequence[int | None]) -> str | None:
    tracking = True
    for frame, code in enumerate(codes[1:], start=1):
        if tracking and code not in (None, FAILURE):
            return f"frame {frame} has the code {code} while tracking"
        if not tracking and code not in (UNKNOWN, INITIALISATION):
            return f"frame {frame} has an answer between a failure and the next initialisation"
        tracking = code in (None, INITIALISATION)
    return None


def _check_values(path: Path, name: str, needed: Sequence[bool]) -> None:
    """Raise ResultError unless there is one row a frame, and a number where needed (times not negative)."""
    values = read_values(path.with_name(f"{path.stem}_{name}.value"))
    if len(values) != len(needed):
        raise ResultError(f"{len(values)} rows of {name} instead of {len(needed)}")
    lowest = 0.0 if name == "time" else -math.inf
    wrong = [
        frame
        for frame, (value, is_needed) in enumerate(zip(values, needed, strict=True))
        if is_needed and not (value is not None and lowest <= value < math.inf)
    ]
    if wrong:
        raise ResultError(f"the {name} of frame {wrong[0]} is {values[wrong[0]]} ({len(wrong)} such frames)")


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot check`."""
    parser = argparse.ArgumentParser(prog="samn vot check", description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("trackers", nargs="*", help="default: all that have results")
    given = parser.parse_args(argv)
    workspace = Workspace(given.workspace)
    found = sorted(path.name for path in (given.workspace / "results").glob("*") if path.is_dir())
    trackers = given.trackers or found
    if not trackers:
        print(f"{given.workspace / 'results'} is empty; run a tracker first", file=sys.stderr)
        return 1
    total = 0
    for tracker in trackers:
        faults = check(workspace, tracker)
        total += len(faults)
        print(f"{tracker}: {f'{len(faults)} faults' if faults else 'complete'}")
        for fault in faults:
            print(f"  {fault}")
    return 1 if total else 0
