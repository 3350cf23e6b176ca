"""GOT-10k (Huang, Zhao and Huang, TPAMI 2021): its folders, result files, rules and scores.

DATA/{val,test,train}/list.txt, <sequence>/00000001.jpg ..., groundtruth.txt, cover.label, meta_info.ini
RESULTS/<sequence>/<sequence>_001.txt   x,y,w,h, three decimals, a row per frame, the first one as given
RESULTS/<sequence>/<sequence>_time.txt  seconds, eight decimals
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.images import read_image
from samn_tracker.runner.benchmark import BoxBenchmark
from samn_tracker.runner.commands import run_command
from samn_tracker.runner.frames import listed, read_frames, visible
from samn_tracker.runner.layout import first_existing, raise_all, read_results
from samn_tracker.runner.lint import Fault, ResultSource, box_faults, name_faults, result_text
from samn_tracker.runner.metrics import got10k as metrics
from samn_tracker.runner.metrics.curves import mean_speed
from samn_tracker.runner.scores import ScoreTable
from samn_tracker.runner.sequences import Sequence, collect
from samn_tracker.runner.truth import decode_text, first_box, read_boxes, read_lines, read_names, read_text

TEST_NAMES = tuple(f"GOT-10k_Test_{number:06d}" for number in range(1, 181))
_TIME = re.compile(r"[0-9]+\.[0-9]{8}")
_LEVELS = frozenset("012345678")
_RESOLUTION = re.compile(r"resolution:\s*\(\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*\)")


class Got10k(BoxBenchmark):
    """GOT-10k as a benchmark of the shared layer."""

    name, title, splits, decimals = "got10k", "GOT-10k", ("test", "val", "train"), 3
    official: ClassVar[Mapping[str, int]] = {"test": len(TEST_NAMES), "val": 180, "train": 9335}

    def box_file(self, name: str) -> str:
        return f"{name}/{name}_001.txt"

    def time_file(self, name: str) -> str:
        return f"{name}/{name}_time.txt"

    def names(self, data: Path, split: str) -> list[str]:
        return read_names(data / split / "list.txt")

    def sequences(self, data: Path, split: str) -> list[Sequence]:
        return collect(self.names(data, split), lambda name: _read_sequence(data / split / name, split))

    def lint(self, source: ResultSource, data: Path | None, split: str) -> list[Fault]:
        if data is None and split != "test":
            raise DatasetError(f"the names of GOT-10k {split} come from its data folder; give --data")
        known = {one.name: one for one in self.sequences(data, split)} if data else dict.fromkeys(TEST_NAMES)
        actual = set(source.names())
        expected = {place(name) for name in known for place in (self.box_file, self.time_file)}
        repeats = {name for name in actual if _is_repetition(name, known)}
        found = name_faults(actual - repeats, expected)
        for name in sorted(actual & (expected | repeats)):
            sequence = known[PurePosixPath(name).parts[0]]
            rows = len(sequence) if sequence else None
            if name.endswith("_time.txt"):
                found += _time_faults(source, name, rows)
            else:
                found += box_faults(source, name, self.decimals, rows, sequence.first_row if sequence else None)
        return found

    def score(self, truth: Path, results: Path, split: str) -> ScoreTable:
        """AO, SR.50, SR.75 and speed as the got10k toolkit reports them; repetitions of a sequence are pooled."""
        folder = first_existing([truth / split, truth], "ground truth")
        overlaps: dict[str, NDArray[np.float64]] = {}
        faults, notes, times = [], [], []
        for name in _truth_names(folder):
            boxes = read_boxes(folder / name / "groundtruth.txt")
            if len(boxes) == 1:
                raise DatasetError(f"{folder / name} has the first box only: this split is scored by the server alone")
            cover = _labels(folder / name / "cover.label", len(boxes))
            if cover is None:
                notes.append(f"{name} has no cover.label; the target is taken as visible in every frame")
            try:
                overlaps[name] = self._overlaps(folder / name, boxes, cover, results / name)
                times.append(_times(results / self.time_file(name)))
            except ResultError as error:
                faults.append(str(error))
        raise_all(faults, results)
        notes += self.partial_notes(len(overlaps), split)
        return _table(split, overlaps, np.concatenate(times), tuple(notes))

    def _overlaps(
        self, truth: Path, boxes: NDArray[np.float64], cover: NDArray[np.float64] | None, results: Path
    ) -> NDArray[np.float64]:
        """(repetitions, N) IoU of every frame, NaN in those that are not scored."""
        files = sorted(results.glob(f"{truth.name}_[0-9]*.txt")) or [results / f"{truth.name}_001.txt"]
        visible = np.ones(len(boxes)) if cover is None else cover
        size = _image_size(truth)
        return np.stack(
            [metrics.frame_overlaps(boxes, read_results(path, len(boxes)), visible, *size) for path in files]
        )


def main(argv: list[str] | None = None) -> int:
    """The command line; see `samn_tracker.runner.commands`."""
    return run_command(Got10k(), argv, "samn got10k")


def _read_sequence(folder: Path, split: str) -> Sequence:
    boxes = read_boxes(folder / "groundtruth.txt")
    frames = read_frames(folder)
    if split == "test":
        frames.require_no_gap()
    else:
        frames.require_one_row_each(len(boxes))
    return Sequence(folder.name, frames.paths, first_box(folder.name, boxes))


def _truth_names(folder: Path) -> list[str]:
    if (folder / "list.txt").is_file():
        return read_names(folder / "list.txt")
    names = [path.name for path in visible(one.parent for one in folder.glob("*/groundtruth.txt"))]
    if not names:
        raise DatasetError(f"no list.txt and no <sequence>/groundtruth.txt in {folder}; check --truth and --split")
    return names


def _labels(path: Path, rows: int) -> NDArray[np.float64] | None:
    """Levels 0 (hidden) to 8 (all of it is to be seen) of each frame; None where there is no file."""
    if not path.is_file():
        return None
    words = " ".join(read_lines(path)).split()
    if len(words) != rows:
        raise DatasetError(f"{path} has {len(words)} labels for {rows} frames")
    if strange := sorted({word for word in words if word not in _LEVELS}):
        raise DatasetError(f"{path} has {listed(strange)}; cover is a level from 0 to 8")
    return np.array(words, dtype=np.float64)


def _image_size(folder: Path) -> tuple[float, float]:
    """Width and height from meta_info.ini, else from the first image."""
    path = folder / "meta_info.ini"
    if path.is_file():
        match = _RESOLUTION.search(read_text(path))
        if match and 0 in (int(match[1]), int(match[2])):
            raise DatasetError(
                f"{path} says resolution ({match[1]}, {match[2]}), which would cut every box away; correct it, or "
                "remove the line: the first image tells the size then"
            )
        if match:
            return float(match[1]), float(match[2])
    height, width = read_image(read_frames(folder).paths[0]).shape[:2]
    return float(width), float(height)


def _times(path: Path) -> NDArray[np.float64]:
    """Seconds of all frames and repetitions; none where there is no file."""
    if not path.is_file():
        return np.zeros(0)
    try:
        return np.array(decode_text(path.read_bytes()).replace(",", " ").split(), dtype=np.float64)
    except ValueError as error:
        raise ResultError(f"{path.name}: {error}") from None


def _is_repetition(name: str, known: dict[str, Sequence] | dict[str, None]) -> bool:
    """Whether a file is the second or a later run of a sequence, as trackers that are not deterministic have."""
    match = re.fullmatch(r"([^/]+)/\1_([0-9]{3})\.txt", name)
    return bool(match) and match[1] in known and match[2] not in ("000", "001")  # type: ignore[index]


def _time_faults(source: ResultSource, name: str, rows: int | None) -> list[Fault]:
    text = result_text(source, name)
    if isinstance(text, Fault):
        return [text]
    lines = text.splitlines()
    found = [] if rows in (None, len(lines)) else [Fault(name, 0, f"{len(lines)} rows instead of {rows}, one a frame")]
    bad = [number for number, line in enumerate(lines, 1) if not all(map(_TIME.fullmatch, line.split(",")))]
    return found + [Fault(name, number, f"not seconds with 8 decimals: {lines[number - 1][:60]}") for number in bad]


def _table(
    split: str, overlaps: dict[str, NDArray[np.float64]], times: NDArray[np.float64], notes: tuple[str, ...]
) -> ScoreTable:
    try:
        total = metrics.summarise([one.ravel() for one in overlaps.values()])
    except ValueError as error:
        raise DatasetError(str(error)) from None
    rows: dict[str, dict[str, float | None]] = {}
    for name, values in overlaps.items():
        one = metrics.summarise([values.ravel()]) if np.isfinite(values).any() else None
        rows[name] = (
            {"ao": one.ao, "sr50": one.sr50, "sr75": one.sr75} if one else dict.fromkeys(("ao", "sr50", "sr75"))
        )
    overall = {"ao": total.ao, "sr50": total.sr50, "sr75": total.sr75, "frames_per_second": mean_speed(times)}
    curves = {"success": {"x": metrics.THRESHOLDS.tolist(), "y": total.curve.tolist()}}
    means = {name: values.mean(axis=0) for name, values in overlaps.items()}
    return ScoreTable("got10k", split, overall, rows, curves, notes, overlaps=means)
