"""Running the cases of the accuracy protocol in several processes, each case kept as soon as it is done."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from samn_tracker.bench.development import Case, read_mask
from samn_tracker.errors import ResultError
from samn_tracker.files import write_atomic
from samn_tracker.images import read_image
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.metrics.davis import region_and_contour
from samn_tracker.runner.trackers import create_tracker, describe_tracker, is_own
from samn_tracker.shapes.regions import box_iou


@dataclass(frozen=True)
class Setting:
    """A tracker and its settings, under a title of its own in tables."""

    title: str
    tracker: str
    overrides: Mapping[str, str]
    device: str = "auto"


@dataclass(frozen=True)
class Result:
    """One case; the first frame is not scored, nor is a frame without truth.

    Attributes:
        name: of the case, SEQUENCE/DIRECTION/START.
        jaccard, contour: J and F of each scored frame, of the empty mask where the target is answered as not found;
            as DAVIS does, the last frame is left out. Empty without masks.
        overlaps: IoU of the answered box with the truth's, of each scored frame.
        confidences, found: what was answered in those frames.
        seconds: of the tracker alone, without the first frame.
    """

    name: str
    sequence: str
    group: str
    jaccard: list[float]
    contour: list[float]
    overlaps: list[float]
    confidences: list[float]
    found: list[bool]
    frames: int
    seconds: float


def run_case(tracker: TrackerProtocol, case: Case) -> Result:
    """Track a case from its first truth to its end and compare."""
    frames = case.frames()
    tracker.initialize(read_image(frames.frames[0]), case.target(frames))
    jaccard, contour, overlaps, confidences, found, seconds = [], [], [], [], [], 0.0
    count = len(frames.frames)
    for index in range(1, count):
        image = read_image(frames.frames[index])
        start = time.perf_counter()
        answer = tracker.track(image)
        seconds += time.perf_counter() - start
        if frames.masks is not None and answer.mask is not None and index < count - 1:
            j, f = region_and_contour(read_mask(frames.masks[index]), answer.mask * np.uint8(answer.is_seen))
            jaccard.append(round(j, 5))
            contour.append(round(f, 5))
        if np.isfinite(frames.boxes[index]).all():
            overlaps.append(round(float(box_iou(answer.box, frames.boxes[index])), 5))
            confidences.append(round(float(answer.confidence), 5))
            found.append(bool(answer.found))
    sequence = case.sequence
    return Result(
        case.name, sequence.name, sequence.group, jaccard, contour, overlaps, confidences, found, count - 1, seconds
    )


def run_cases(setting: Setting, cases: Sequence[Case], folder: Path, processes: int) -> list[Result]:
    """Results of all cases, in order; those that `folder` holds of the very same tracker are not run again.

    Raises:
        ResultError: a kept result cannot be read.
        ConfigError, WeightsError, DatasetError: the tracker or the data cannot be used.
    """
    kept = Kept(folder, setting)
    todo = [case for case in cases if not kept.has(case)]
    print(f"{setting.title}: {len(cases) - len(todo)} cases kept, {len(todo)} to run", file=sys.stderr)
    for number, result in enumerate(_results(setting, todo, processes), start=1):
        kept.write(result)
        print(f"{setting.title}: {number}/{len(todo)} {result.name}", file=sys.stderr)
    return [kept.read(case) for case in cases]


def _results(setting: Setting, todo: Sequence[Case], processes: int) -> Iterator[Result]:
    if processes <= 1 or len(todo) <= 1:
        _begin(setting, threads=0)
        yield from map(_run, todo)
        return
    context = multiprocessing.get_context("spawn")
    longest_first = sorted(todo, key=lambda case: -len(case.sequence.frames))
    with context.Pool(processes, _begin, (setting, 1)) as pool:
        yield from pool.imap_unordered(_run, longest_first)


_TRACKER: list[TrackerProtocol] = []
"""The tracker of this process, one at most."""


def _begin(setting: Setting, threads: int) -> None:
    if threads:
        cv2.setNumThreads(threads)
    overrides = dict(setting.overrides)
    if threads and "runtime.threads" not in overrides and is_own(setting.tracker):
        overrides["runtime.threads"] = str(threads)
    _TRACKER[:] = [create_tracker(setting.tracker, setting.device, overrides)]


def _run(case: Case) -> Result:
    return run_case(_TRACKER[0], case)


class Kept:
    """Results on disk, one file a case, below a folder named after everything that decides the answers."""

    def __init__(self, folder: Path, setting: Setting) -> None:
        identity = describe_tracker(setting.tracker, setting.device, setting.overrides)
        text = json.dumps(identity, sort_keys=True, default=str)
        self._folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self._folder / "identity.json", json.dumps(identity, indent=1, default=str))

    def has(self, case: Case) -> bool:
        return self._path(case.name).is_file()

    def read(self, case: Case) -> Result:
        path = self._path(case.name)
        try:
            return Result(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ResultError(f"{path} cannot be read ({error}); remove it to run the case again") from None

    def write(self, result: Result) -> None:
        write_atomic(self._path(result.name), json.dumps(asdict(result)))

    def _path(self, name: str) -> Path:
        return self._folder / (name.replace("/", "_") + ".json")
