"""How far a run is, and its results drawn on the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.files import refuse_what_is_read, write_atomic
from samn_tracker.images import encode_image, read_image
from samn_tracker.runner.benchmark import Benchmark, BoxBenchmark
from samn_tracker.runner.box_text import read_rows
from samn_tracker.runner.label_answers import read_answer
from samn_tracker.runner.label_png import palette
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.sequences import Sequence

_BOX_COLOUR = (255, 60, 0)
_OPACITY = 0.5


@dataclass(frozen=True)
class RunSummary:
    """A run in a few facts; `faults` says of each sequence that is not done why; the speed is the tracker's alone."""

    benchmark: str
    split: str
    tracker: str
    weights_sha256: str | None
    device: str
    started: str
    sequences: int
    done: int
    frames: int
    frames_per_second: float | None
    faults: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether every sequence of the split is done."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON-able values."""
        return asdict(self)

    def to_text(self) -> str:
        """One fact a line."""
        rows = {key.replace("_", " "): value for key, value in self.as_dict().items() if key != "faults"}
        if self.frames_per_second is not None:
            rows["frames per second"] = f"{self.frames_per_second:.1f} (reading of images excluded)"
        lines = [f"{key:18} {'-' if value is None else value}" for key, value in rows.items()]
        return "\n".join([*lines, *(f"not done: {name} ({why})" for name, why in self.faults.items())]) + "\n"


def summary(run: RunFolder) -> RunSummary:
    """The state of a run, every result file checked against its record.

    Raises:
        ResultError: there is no run.
    """
    manifest = run.manifest
    if manifest is None:
        raise ResultError(f"{run.root} is not the folder of a run (no manifest.json); check --results")
    records = {name: one for name, one in run.records().items() if name in manifest["sequences"]}
    faults = {}
    for name in manifest["sequences"]:
        fault = run.damage(name)
        if fault is None and records[name]["configuration"] != manifest["configuration"]:
            fault = "made by another configuration"
        if fault:
            faults[name] = fault
    frames = sum(record["frames"] for record in records.values())
    seconds = sum(record["seconds"] for record in records.values())
    identity = manifest["identity"]
    return RunSummary(
        benchmark=manifest["benchmark"],
        split=manifest["split"],
        tracker=identity["tracker"],
        weights_sha256=identity["weights_sha256"],
        device=identity["device"],
        started=manifest["started"],
        sequences=len(manifest["sequences"]),
        done=len(manifest["sequences"]) - len(faults),
        frames=frames,
        frames_per_second=frames / seconds if seconds else None,
        faults=faults,
    )


def save_overlays(
    benchmark: Benchmark, run: Path, data: Path | None, names: list[str], every: int, target: Path
) -> int:
    """Draw every `every`-th result of the named sequences (all if none is named); returns the number of images.

    Raises:
        DatasetError: `data` is not given, or a name is unknown.
        ResultError: a result is missing.
    """
    if data is None:
        raise DatasetError("drawing results needs the images; give --data")
    folder = RunFolder(run)
    sequences = {one.name: one for one in benchmark.sequences(data, str((folder.manifest or {}).get("split")))}
    unknown = sorted(set(names) - set(sequences))
    if unknown:
        raise DatasetError(f"no sequence is called {', '.join(unknown)}; check --sequences")
    count = 0
    for name in names or list(sequences):
        if fault := folder.damage(name):
            raise ResultError(f"{name} has no complete result ({fault}); run it first")
        for path in sequences[name].frames:
            refuse_what_is_read(target / name / f"{path.stem}.jpg", [path.parent, run], "--save")
    for name in names or list(sequences):
        count += _draw_sequence(benchmark, folder, sequences[name], every, target / name)
    return count


def _draw_sequence(benchmark: Benchmark, run: RunFolder, sequence: Sequence, every: int, target: Path) -> int:
    boxes = None
    if isinstance(benchmark, BoxBenchmark):
        boxes, _ = read_rows((run.results / benchmark.box_file(sequence.name)).read_text(encoding="ascii"))
    indices = range(0, len(sequence), every)
    for index in indices:
        path = sequence.frames[index]
        image = read_image(path)
        if boxes is not None:
            image = _with_box(image, boxes[index] - sequence.shift)
        else:
            image = _with_labels(image, read_answer(run.results, sequence, index))
        write_atomic(target / f"{path.stem}.jpg", encode_image(image, ".jpg"))
    return len(indices)


def _with_box(image: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = np.rint(box[:2]).astype(int), np.rint(box[:2] + box[2:]).astype(int)
    drawn = image.copy()
    cv2.rectangle(drawn, low.tolist(), high.tolist(), _BOX_COLOUR, thickness=max(1, min(image.shape[:2]) // 200))
    return drawn


def _with_labels(image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    tinted = (1 - _OPACITY) * image + _OPACITY * palette()[labels]
    return np.where(labels[..., None] > 0, tinted, image).astype(np.uint8)
