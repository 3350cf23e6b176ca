"""DAVIS 2016 and 2017, semi-supervised (Perazzi et al., CVPR 2016; Pont-Tuset et al., 2017): folders, rules, scores.

DATA/JPEGImages/480p/<sequence>/00000.jpg, Annotations/480p/<sequence>/00000.png, ImageSets/{2016,2017}/val.txt
RESULTS/<sequence>/00000.png   indexed PNG with the palette of DAVIS; ids as annotated, or 0 and 1 for 2016
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from samn_tracker.errors import DatasetError, ImageError, ResultError
from samn_tracker.runner.benchmark import MaskBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import FrameList, folders, image_files, read_frames
from samn_tracker.runner.label_png import Labels, read_labels
from samn_tracker.runner.layout import first_existing, raise_all
from samn_tracker.runner.mask_pairs import match_by_number, pair_by_number, require_same_size
from samn_tracker.runner.metrics import davis as metrics
from samn_tracker.runner.metrics.curves import FloatArray
from samn_tracker.runner.object_map import VOID, read_objects
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from samn_tracker.runner.truth import read_names


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

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """J and F, each with mean, recall and decay, and their average; a row per object, all objects weigh alike."""
        annotations = first_existing([truth / "Annotations" / "480p", truth], "annotations")
        rows: dict[str, Mapping[str, float | None]] = {}
        overlaps: dict[str, FloatArray] = {}
        faults: list[str] = []
        notes: list[str] = []
        names = _truth_names(truth, annotations, split)
        for name in names:
            masks = read_frames(annotations / name)
            masks.require_no_gap()
            try:
                pairs = _pairs(masks, results / name)
                for one, frames in _score_sequence(name, masks.paths[0], pairs, _is_binary(split), notes).items():
                    rows[one] = metrics.score_row(frames)
                    overlaps[one] = np.array([np.nan, *(region for region, _ in frames), np.nan])
            except (ImageError, ResultError) as error:
                faults.append(str(error))
        raise_all(faults, results)
        notes += self.partial_notes(len(names), split)
        return ScoreTable(
            self.name, split, metrics.mean_row(rows.values()), rows, notes=tuple(notes), overlaps=overlaps
        )


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(Davis(), argv, "samn davis")


def _is_binary(split: str) -> bool:
    return split.startswith("2016")


def _read_sequence(data: Path, name: str, binary: bool) -> Sequence:
    frames = read_frames(data / "JPEGImages" / "480p" / name)
    masks = read_frames(data / "Annotations" / "480p" / name)
    annotations = pair_by_number(frames, masks.paths)
    if 0 not in annotations:
        raise DatasetError(f"{masks.place} has no annotation of the first frame {frames.paths[0].name}")
    if len(annotations) < len(frames):
        frames.require_no_gap()
    return Sequence(name, frames.paths, annotations={0: annotations[0]} if binary else annotations, binary=binary)


def _truth_names(truth: Path, annotations: Path, split: str) -> list[str]:
    listed = truth / "ImageSets" / f"{split}.txt"
    if listed.is_file():
        return read_names(listed)
    names = [path.name for path in folders(annotations)]
    if not names:
        raise DatasetError(f"no {listed} and no folder of masks in {annotations}; check --truth and --split")
    return names


def _pairs(masks: FrameList, results: Path) -> list[tuple[Path, Path]]:
    """Annotation and answer of every frame that is scored: all but the first and the last.

    Raises:
        DatasetError: there is no such frame.
        ResultError: answers are missing; the first one is named.
    """
    if len(masks) < 3:
        raise DatasetError(f"{masks.place} has {len(masks)} annotations: the first and last are not scored")
    answers = match_by_number(masks, image_files(results, (".png",)) if results.is_dir() else ())[0]
    scored = range(1, len(masks) - 1)
    if missing := [masks.paths[index].stem for index in scored if index not in answers]:
        raise ResultError(
            f"{results.name}: {len(missing)} of {len(masks)} masks are missing, the first is {missing[0]}.png"
        )
    return [(masks.paths[index], answers[index]) for index in scored]


def _score_sequence(
    name: str, first: Path, pairs: list[tuple[Path, Path]], binary: bool, notes: list[str]
) -> dict[str, list[tuple[float, float]]]:
    """J and F of the scored frames of every object of a sequence.

    Objects of 2017 are 1 to the highest id of the first frame, officially.
    """
    objects = [1] if binary else list(range(1, int(_read_objects(first, binary).max()) + 1))
    if not objects:
        raise DatasetError(f"the first annotation of {name} shows no object")
    values: dict[int, list[tuple[float, float]]] = {one: [] for one in objects}
    strange: set[int] = set()
    for path, answer in pairs:
        truth = _read_objects(path, binary)
        result = _read_objects(answer, binary) if binary else read_labels(answer)
        require_same_size(truth, result, answer)
        strange |= set(np.unique(np.concatenate([np.unique(truth), np.unique(result)])).tolist()) - {0, VOID, *objects}
        for one in objects:
            frame = metrics.region_and_contour((truth == one).view(np.uint8), (result == one).view(np.uint8))
            values[one].append(frame)
    if strange:
        notes.append(f"{name}: ids {sorted(strange)} are not in the first annotation and are not scored")
    return {name if binary else f"{name}_{one}": values[one] for one in objects}


def _read_objects(path: Path, binary: bool) -> Labels:
    """An annotation, or an answer of 2016: 1 for all that is not black, or the ids without void."""
    return read_objects(path, single=binary, white_is_object=False)
