"""One-pass evaluation: a tracker starts on the first box of a sequence and is never corrected.

RESULTS/<sequence>.txt   x,y,w,h, four decimals, a row an image, in the pixels of the data set's own files

`--dataset` names the data set (`ope_runner.datasets`); its root folder is in the official layout
(`ope_runner.layouts`), or it is one of pysot's JSON files beside the images. Scores follow the rule of the data set's
own toolkit (`samn_tracker.runner.metrics.ope`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ope_runner.datasets import DATASETS, DataSet
from ope_runner.pysot_json import dataset_of, frames_of, json_of, read_entries, truth_of
from ope_runner.results import ResultFiles
from ope_runner.video import Truth, read_frames, read_truth
from samn_tracker.errors import ConfigError, DatasetError, ResultError
from samn_tracker.runner.benchmark import BoxBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import listed
from samn_tracker.runner.layout import raise_all
from samn_tracker.runner.metrics import ope as metrics
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from samn_tracker.runner.truth import first_box


class Ope(BoxBenchmark):
    """The data sets of one-pass evaluation as a benchmark of the shared layer; a split is a data set."""

    name, title, splits, decimals = "ope", "One-pass evaluation", tuple(DATASETS), 4
    official: ClassVar[Mapping[str, int]] = {name: one.count for name, one in DATASETS.items() if one.count}
    split_words = ("--dataset",)

    def default_split(self, data: Path | None) -> str:
        """What the name of one of pysot's files, or a layout that only one data set has, says.

        Folders in OTB's layout are of one's own, with pixels counted from 1, where no name is that of OTB.
        """
        known = json_of(data) if data else None
        found = (dataset_of(known) if known else None) or (_by_layout(data) if data else None)
        if not found:
            raise ConfigError(f"say which data set this is: --dataset {'|'.join(self.splits)}")
        return found

    def box_file(self, name: str) -> str:
        return f"{name}.txt"

    def names(self, data: Path, split: str) -> list[str]:
        return list(_source(data, DATASETS[split]).names)

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        source = _source(data, DATASETS[split])
        return collect(source.names, source.sequence)

    def notes(self, data: Path, split: str) -> list[str]:
        dataset = DATASETS[split]
        missing = dataset.missing(self.names(data, split))
        if not missing:
            return []
        return [f"{data} is not all of {dataset.title}: {listed(missing)}: good for trials, not for comparisons"]

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """Success, precision and normalised precision as fractions: of the set, each attribute and each sequence.

        Raises:
            DatasetError, ResultError: the set is not complete, as `score_part` would tell.
        """
        return self._score(truth, results, split, partial=False)

    def score_part(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """As `score`, of what is there and whole; `part` and the notes of the table say what is not."""
        return self._score(truth, results, split, partial=True)

    def _score(self, truth: Path, results: Path, split: str, partial: bool) -> ScoreTable:
        dataset = DATASETS[split]
        source = _source(truth, dataset)
        missing = [f"{name}: no ground truth in {truth}" for name in dataset.missing(source.names)]
        if missing and not partial:
            raise DatasetError(
                f"{truth} is not all of {dataset.title}: {listed(missing)}; --partial scores what is there"
            )
        curves: dict[str, metrics.SequenceCurves] = {}
        overlaps: dict[str, NDArray[np.float64]] = {}
        attributes: dict[str, list[str]] = {}
        faults = []
        for name, answer in _scored(source, ResultFiles(results)):
            if isinstance(answer, str):
                faults.append(answer)
                continue
            curves[name], sequence_attributes, overlaps[name] = answer
            for one in sequence_attributes:
                attributes.setdefault(one, []).append(name)
        if not partial:
            raise_all(faults, results, "--partial scores the others, and the table says so")
        if not curves:
            raise ResultError(f"{results} has no result of {dataset.title}: {listed(faults)}")
        table = _table(dataset, curves, attributes, [*missing, *faults])
        return replace(table, overlaps=overlaps)


class _Source:
    """Sequences by name in a folder of the official layout."""

    def __init__(self, root: Path, dataset: DataSet) -> None:
        self.dataset = dataset
        self._places = dataset.places(root)
        self.names = tuple(self._places)

    def truth(self, name: str) -> Truth:
        return read_truth(self._places[name], self.dataset.attributes)

    def frames(self, name: str, rows: int) -> tuple[Path, ...]:
        return read_frames(self._places[name], rows)

    def sequence(self, name: str) -> Sequence:
        """The sequence as it is run.

        Raises:
            DatasetError: it is not whole.
        """
        boxes = self.truth(name).boxes
        frames = self.frames(name, len(boxes))
        x, y, width, height = first_box(name, boxes)
        shift = self.dataset.one_based
        return Sequence(name, frames, (x - shift, y - shift, width, height), one_based=shift)


class _JsonSource(_Source):
    """Sequences by name in one of pysot's files."""

    def __init__(self, path: Path, dataset: DataSet) -> None:
        self.dataset = dataset
        self._root = path.parent
        entries = read_entries(path)
        self._entries = {name: entries[name] for name in entries if not dataset.names or name in dataset.names}
        self.names = tuple(self._entries)

    def truth(self, name: str) -> Truth:
        return truth_of(name, self._entries[name])

    def frames(self, name: str, rows: int) -> tuple[Path, ...]:
        return frames_of(name, self._entries[name], self._root)


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(Ope(), argv, "samn ope")


def _source(root: Path, dataset: DataSet) -> _Source:
    """Raises DatasetError where no sequence of the data set is."""
    index = json_of(root)
    source = _JsonSource(index, dataset) if index else _Source(root, dataset)
    if not source.names:
        raise DatasetError(f"no sequence of {dataset.title} in {root}; check the folder and --dataset")
    return source


def _by_layout(data: Path) -> str | None:
    """The data set whose layout no other one has."""
    layouts = {
        "uav123": "anno/UAV123/*.txt",
        "avist": "full_occlusion/*_full_occlusion.txt",
        "tc128": "*/*_gt.txt",
        "lasot": "airplane/airplane-*/groundtruth.txt",
        "lasot-ext": "atv/atv-*/groundtruth.txt",
        "nfs30": "*/30/*.txt",
        "nfs240": "*/240/*.txt",
    }
    fitting = [name for name, pattern in layouts.items() if next(data.glob(pattern), None)]
    if not fitting and not DATASETS["otb100"].places(data) and DATASETS["one-based"].places(data):
        return "one-based"
    return fitting[0] if len(fitting) == 1 else None


def _scored(
    source: _Source, results: ResultFiles
) -> Iterator[tuple[str, tuple[metrics.SequenceCurves, tuple[str, ...], NDArray[np.float64]] | str]]:
    """By sequence, its curves, attributes and the IoU of each frame, or what is wrong with it."""
    for name in source.names:
        try:
            truth = source.truth(name)
            boxes = results.boxes(name, len(truth.boxes), source.dataset.cut)
            curves = metrics.sequence_curves(truth.boxes, boxes, source.dataset.rule, truth.absent)
            yield name, (curves, truth.attributes, metrics.frame_overlaps(truth.boxes, boxes, truth.absent))
        except (DatasetError, ResultError) as error:
            yield name, str(error) if name in str(error) else f"{name}: {error}"


def _table(
    dataset: DataSet,
    curves: Mapping[str, metrics.SequenceCurves],
    attributes: Mapping[str, list[str]],
    left_out: list[str],
) -> ScoreTable:
    mean = metrics.mean_curves(list(curves.values()))
    axes = {
        "success": metrics.OVERLAPS,
        "precision": metrics.DISTANCES,
        "normalized_precision": metrics.NORMALISED_DISTANCES,
    }
    notes = []
    if left_out:
        official = dataset.count or len(curves) + len(left_out)
        notes = [f"PARTIAL: {len(curves)} of {official} sequences; not comparable with scores of {dataset.title}"]
        notes += [f"left out: {fault}" for fault in left_out]
    return ScoreTable(
        Ope.name,
        dataset.name,
        metrics.scores(mean),
        {name: metrics.scores(one) for name, one in curves.items()},
        {name: {"x": axis.tolist(), "y": getattr(mean, name).tolist()} for name, axis in axes.items()},
        tuple(notes),
        {
            f"{name} ({len(members)})": metrics.scores(metrics.mean_curves([curves[one] for one in members]))
            for name, members in sorted(attributes.items())
        },
        (len(curves), official) if left_out else None,
    )
