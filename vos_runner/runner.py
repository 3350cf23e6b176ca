"""Semi-supervised video object segmentation: YouTube-VOS 2018 and 2019, MOSE, LVOS, SA-V (`vos_runner.sav`).

DATA/valid/JPEGImages/<video>/00000.jpg, DATA/valid/Annotations/<video>/00000.png (and train)
RESULTS/<video>/00000.png, of YouTube-VOS RESULTS/Annotations/<video>/00000.png   indexed PNG, ids as annotated

An object begins in the first annotation that shows it, which may be any frame. The truth of validation sets is with
their servers, which take the archive that `pack` writes; `score` needs annotations of more frames than those in which
objects begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from samn_tracker.errors import DatasetError, ImageError, ResultError
from samn_tracker.runner.benchmark import MaskBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import folders, listed, read_frames
from samn_tracker.runner.label_png import read_labels
from samn_tracker.runner.layout import first_existing, raise_all
from samn_tracker.runner.mask_pairs import pair_by_number, require_same_size
from samn_tracker.runner.metrics import davis as metrics
from samn_tracker.runner.metrics.curves import FloatArray
from samn_tracker.runner.object_map import read_objects, size_and_ids
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from vos_runner import sav


@dataclass(frozen=True)
class Split:
    """One set: its folder below the data's root, how many videos it has, and what its archive puts before them."""

    title: str
    folder: str
    count: int
    prefix: str = ""


SPLITS: Mapping[str, Split] = {
    "youtube-2018/valid": Split("YouTube-VOS 2018", "valid", 474, "Annotations"),
    "youtube-2019/valid": Split("YouTube-VOS 2019", "valid", 507, "Annotations"),
    "youtube/train": Split("YouTube-VOS", "train", 3471, "Annotations"),
    "mose/valid": Split("MOSE", "valid", 311),
    "mose/train": Split("MOSE", "train", 1507),
    "lvos-v1/valid": Split("LVOS", "valid", 50),
    "lvos-v2/valid": Split("LVOS v2", "valid", 140),
    "sav/val": Split("SA-V", "sav_val", 155),
    "sav/test": Split("SA-V", "sav_test", 150),
}
"""By the name that `--split` takes."""


class Vos(MaskBenchmark):
    """The data sets of video object segmentation as a benchmark of the shared layer."""

    name, title, splits = "vos", "Video object segmentation", tuple(SPLITS)
    official: ClassVar[Mapping[str, int]] = {name: one.count for name, one in SPLITS.items()}

    def names(self, data: Path, split: str) -> list[str]:
        if _is_sav(split):
            return sav.video_names(_root(data, split))
        return [path.name for path in _videos(_root(data, split) / "JPEGImages")]

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        root = _root(data, split)
        if _is_sav(split):
            return collect(self.names(data, split), lambda name: sav.read_sequence(root, name))
        prefix = SPLITS[split].prefix
        return collect(self.names(data, split), lambda name: _read_sequence(root, name, prefix))

    def notes(self, data: Path, split: str) -> list[str]:
        """Also the frames that are missing in the middle of videos: results go by name, so that none moves."""
        images = _root(data, split) / (sav.IMAGES if _is_sav(split) else "JPEGImages")
        gaps = {name: read_frames(images / name).gaps for name in self.names(data, split)}
        lacking = [f"{name} lacks {gap}" for name, gap in gaps.items() if gap]
        found = [f"frames are missing in the middle of {len(lacking)} videos: {listed(lacking)}"] if lacking else []
        return [*super().notes(data, split), *found]

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """J and F of every object over the annotated frames after its first one; all objects weigh alike.

        Servers may count otherwise (YouTube-VOS: seen and unseen classes apart); this is for comparisons of one's own.
        """
        place = sav.ANNOTATIONS if _is_sav(split) else "Annotations"
        annotations = first_existing([_root(truth, split) / place], "annotations")
        folder = results / SPLITS[split].prefix
        rows: dict[str, Mapping[str, float | None]] = {}
        overlaps: dict[str, FloatArray] = {}
        faults: list[str] = []
        videos = _videos(annotations)
        for video in videos:
            try:
                scored = (sav.score_video if _is_sav(split) else _score_video)(video, folder / video.name)
                for one, frames in scored.items():
                    rows[one] = metrics.score_row(list(frames.values()))
                    own = one.rpartition("_")[2] if _is_sav(split) else ""
                    overlaps[one] = _by_frame(frames, folder / video.name / own)
            except (ImageError, ResultError) as error:
                faults.append(str(error))
        raise_all(faults, results)
        if not rows:
            raise DatasetError(f"{annotations} shows first frames only: this split is scored by its server alone")
        notes = tuple(self.partial_notes(len(videos), split))
        return ScoreTable(self.name, split, metrics.mean_row(rows.values()), rows, notes=notes, overlaps=overlaps)


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(Vos(), argv, "samn vos")


def _is_sav(split: str) -> bool:
    return split.startswith("sav/")


def _root(data: Path, split: str) -> Path:
    """The set's folder: below the root of the data, or the root itself."""
    return first_existing([data / SPLITS[split].folder, data], SPLITS[split].title)


def _videos(folder: Path) -> list[Path]:
    videos = folders(folder)
    if not videos:
        raise DatasetError(f"no folder of a video in {folder}; check the root folder and --split")
    return videos


def _read_sequence(root: Path, name: str, prefix: str) -> Sequence:
    frames = read_frames(root / "JPEGImages" / name)
    masks = read_frames(root / "Annotations" / name)
    return Sequence(name, frames.paths, annotations=pair_by_number(frames, masks.paths), prefix=prefix)


def _score_video(video: Path, results: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """J and F of every object by the name of the frame; none where objects begin in every annotation: no truth."""
    values: dict[int, dict[str, tuple[float, float]]] = {}
    paths = read_frames(video).paths
    for path in paths if _shows_truth(paths) else ():
        truth = read_objects(path, white_is_object=False)
        if values:
            answer = results / f"{path.stem}.png"
            if not answer.is_file():
                raise ResultError(f"{video.name}/{path.stem}.png is missing")
            result = read_labels(answer)
            require_same_size(truth, result, answer)
            for one, frames in values.items():
                pair = (truth == one).view(np.uint8), (result == one).view(np.uint8)
                frames[path.stem] = metrics.region_and_contour(*pair)
        for one in np.unique(truth[truth > 0]):
            values.setdefault(int(one), {})
    return {f"{video.name}_{one}": frames for one, frames in sorted(values.items()) if frames}


def _by_frame(frames: Mapping[str, tuple[float, float]], results: Path) -> FloatArray:
    """J of every frame that was answered, in order; NaN in those that are not annotated."""
    stems = [path.stem for path in read_frames(results).paths]
    return np.array([frames[stem][0] if stem in frames else np.nan for stem in stems])


def _shows_truth(annotations: tuple[Path, ...]) -> bool:
    """Whether an annotation shows objects that have begun before, and none that begins."""
    known: set[int] = set()
    for path in annotations:
        ids = set(size_and_ids(path)[1])
        if known and ids <= known:
            return True
        known |= ids
    return False
