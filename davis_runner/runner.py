"""DAVIS 2016 and 2017, semi-supervised (Perazzi et al., CVPR 2016; Pont-Tuset et al., 2017): folders, rules, scores.

DATA/JPEGImages/480p/<sequence>/00000.jpg, Annotations/480p/<sequence>/00000.png, ImageSets/{2016,2017}/val.txt
RESULTS/<sequence>/00000.png   indexed PNG with the palette of DAVIS; ids as annotated, or 0 and 1 for 2016
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from samn_tracker.errors import DatasetError, ImageError
from samn_tracker.runner.benchmark import MaskBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.label_png import read_labels
from samn_tracker.runner.layout import first_existing, raise_all, require_data
from samn_tracker.runner.lint import Fault, ResultSource, name_faults, png_faults
from samn_tracker.runner.metrics import davis as metrics
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect, image_paths, read_names

_VOID = 255


class Davis(MaskBenchmark):
    """DAVIS as a benchmark of the shared layer. Of 2016 everything non-zero is the one object; of 2017, 255 is void."""

    name, title = "davis", "DAVIS"
    official: ClassVar[Mapping[str, int]] = {
        "2016/val": 20,
        "2016/train": 30,
        "2017/val": 30,
        "2017/train": 60,
        "2017/test-dev": 30,
        "2017/test-challenge": 30,
    }
    splits = tuple(official)

    def names(self, data: Path, split: str) -> list[str]:
        return read_names(data / "ImageSets" / f"{split}.txt")

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        return collect(self.names(data, split), lambda name: _read_sequence(data, name, _is_binary(split)))

    def lint(self, source: ResultSource, data: Path | None, split: str) -> list[Fault]:
        sequences = self.sequences(require_data(data, self.title), split)
        expected = {f"{one.name}/{path.stem}.png": one for one in sequences for path in one.frames}
        actual = set(source.names())
        rules = {one.name: (_shape(one), _object_ids(one)) for one in sequences}
        found = name_faults(actual, expected)
        for name in sorted(expected.keys() & actual):
            found += png_faults(source, name, *rules[expected[name].name])
        return found

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """J and F, each with mean, recall and decay, and their average; a row per object, all objects weigh alike."""
        annotations = first_existing([truth / "Annotations" / "480p", truth], "annotations")
        rows: dict[str, Mapping[str, float | None]] = {}
        faults: list[str] = []
        notes: list[str] = []
        names = _truth_names(truth, annotations, split)
        for name in names:
            paths = image_paths(annotations / name)
            missing = [path.name for path in paths[1:-1] if not (results / name / path.name).is_file()]
            if missing:
                faults.append(f"{name}: {len(missing)} of {len(paths)} masks are missing, the first is {missing[0]}")
                continue
            try:
                rows |= _score_sequence(paths, results / name, _is_binary(split), notes)
            except ImageError as error:
                faults.append(str(error))
        raise_all(faults, results)
        notes += self.partial_notes(len(names), split)
        overall = {key: float(np.mean([row[key] for row in rows.values()])) for key in next(iter(rows.values()))}  # type: ignore[misc]
        return ScoreTable(self.name, split, overall, rows, notes=tuple(notes))


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(Davis(), argv, "samn davis")


def _is_binary(split: str) -> bool:
    return split.startswith("2016")


def _read_sequence(data: Path, name: str, binary: bool) -> Sequence:
    frames = image_paths(data / "JPEGImages" / "480p" / name)
    index = {path.stem: number for number, path in enumerate(frames)}
    folder = data / "Annotations" / "480p" / name
    annotations = {index[path.stem]: path for path in image_paths(folder) if path.stem in index}
    if 0 not in annotations:
        raise DatasetError(f"{folder} has no annotation of the first frame {frames[0].name}")
    return Sequence(name, frames, annotations={0: annotations[0]} if binary else annotations, binary=binary)


def _shape(sequence: Sequence) -> tuple[int, int]:
    height, width = read_labels(sequence.annotations[0]).shape
    return height, width


def _object_ids(sequence: Sequence) -> set[int]:
    if sequence.binary:
        return {1}
    seen = {int(one) for path in sequence.annotations.values() for one in np.unique(read_labels(path))}
    return seen - {0, _VOID}


def _truth_names(truth: Path, annotations: Path, split: str) -> list[str]:
    listed = truth / "ImageSets" / f"{split}.txt"
    if listed.is_file():
        return read_names(listed)
    names = sorted(path.name for path in annotations.iterdir() if path.is_dir())
    if not names:
        raise DatasetError(f"no {listed} and no folder of masks in {annotations}; check --truth and --split")
    return names


def _score_sequence(
    paths: tuple[Path, ...], results: Path, binary: bool, notes: list[str]
) -> dict[str, Mapping[str, float | None]]:
    """Scores of every object of a sequence; objects of 2017 are 1 to the highest id of the first frame, officially."""
    if len(paths) < 3:
        raise DatasetError(f"{results.name} has {len(paths)} annotations: the first and last are not scored")
    objects = [1] if binary else list(range(1, _highest(read_labels(paths[0])) + 1))
    if not objects:
        raise DatasetError(f"the first annotation of {results.name} shows no object")
    values: dict[int, list[tuple[float, float]]] = {one: [] for one in objects}
    strange: set[int] = set()
    for path in paths[1:-1]:
        truth, result = read_labels(path), read_labels(results / path.name)
        if truth.shape != result.shape:
            raise ImageError(f"{results / path.name} is {result.shape}, its annotation {truth.shape} (height, width)")
        if binary:
            truth, result = (truth > 0).astype(np.uint8), (result > 0).astype(np.uint8)
        strange |= set(np.unique(np.concatenate([np.unique(truth), np.unique(result)])).tolist()) - {0, _VOID, *objects}
        for one in objects:
            frame = metrics.region_and_contour((truth == one).view(np.uint8), (result == one).view(np.uint8))
            values[one].append(frame)
    if strange:
        notes.append(f"{results.name}: ids {sorted(strange)} are not in the first annotation and are not scored")
    return {results.name if binary else f"{results.name}_{one}": _row(values[one]) for one in objects}


def _highest(labels: np.ndarray[Any, Any]) -> int:
    return int(labels[labels != _VOID].max(initial=0))


def _row(frames: list[tuple[float, float]]) -> dict[str, float | None]:
    region, contour = (metrics.summarise(column) for column in zip(*frames, strict=True))
    return {
        "j_mean": region.mean,
        "j_recall": region.recall,
        "j_decay": region.decay,
        "f_mean": contour.mean,
        "f_recall": contour.recall,
        "f_decay": contour.decay,
        "jf_mean": (region.mean + contour.mean) / 2,
    }
