"""The run of `samn track`: frame by frame, everything written at once, and nothing lost when it ends early."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from samn_tracker.app.followers import Answers, Follower
from samn_tracker.app.frames import Frame, FrameSource
from samn_tracker.app.later import Changes
from samn_tracker.app.outputs import Output
from samn_tracker.app.selection import Viewer
from samn_tracker.errors import SamnError
from samn_tracker.images import next_frame
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.overlay import draw_answers

INTERRUPTED = "interrupted"
"""The fault of a run that the person stopped; stopping a camera is how its recording ends, and no fault."""


@dataclass
class Run:
    """What happened so far: counted, never collected, so that memory does not grow."""

    source: FrameSource
    tracker: str
    frames: int = 0
    last_frame: int | None = None
    seconds: float = 0.0
    shown: dict[int, int] = field(default_factory=dict)
    found: dict[int, int] = field(default_factory=dict)
    confidence: dict[int, float] = field(default_factory=dict)
    last: Answers = field(default_factory=dict)

    def add(self, frame: Frame, answers: Mapping[int, Prediction], seconds: float) -> None:
        """Count one frame; the first one, which the person answers, takes no time."""
        self.seconds += seconds
        self.frames += 1
        self.last_frame = frame.index
        self.last |= answers
        for number, answer in answers.items():
            self.shown[number] = self.shown.get(number, 0) + 1
            self.found[number] = self.found.get(number, 0) + answer.found
            self.confidence[number] = self.confidence.get(number, 0.0) + float(answer.confidence)

    @property
    def frames_per_second(self) -> float:
        """Of the tracker alone, without reading, drawing and writing."""
        return (self.frames - 1) / self.seconds if self.seconds else 0.0

    def summary(self, files: Mapping[str, Path], fault: str | None) -> dict[str, Any]:
        """Everything a machine wants to know, ready for JSON."""
        return {
            "input": self.source.name,
            "tracker": self.tracker,
            "complete": fault is None,
            "fault": fault,
            "frames": self.frames,
            "last_frame": self.last_frame,
            "tracker_frames_per_second": round(self.frames_per_second, 2),
            "objects": {
                str(number): {
                    "frames": self.shown[number],
                    "frames_found": self.found[number],
                    "mean_confidence": round(self.confidence[number] / self.shown[number], 4),
                    "last_box": np.round(answer.box, 2).tolist(),
                }
                for number, answer in self.last.items()
            },
            "files": {kind: str(path) for kind, path in files.items()},
        }


def track_all(
    run: Run,
    follower: Follower,
    first: tuple[Frame, Answers],
    frames: Iterator[Frame],
    outputs: Mapping[str, Output],
    changes: Changes,
    viewer: Viewer | None = None,
    before: Callable[[], None] | None = None,
    every: int = 1,
) -> str | None:
    """Follow through all frames, filling `run` and every output; says what ended it early, or None.

    Args:
        first: the first frame and its answers; `frames` begins after it.
        changes: objects that come and go later.
        before: called before each frame is followed.
        every: how many frames lie between those that are written, the first one counted; 1 writes all.
    """
    try:
        for place, (frame, answers, seconds) in enumerate(_answered(run, follower, first, frames, changes, before)):
            for output in outputs.values() if place % every == 0 else ():
                output.write(frame, answers)
            run.add(frame, answers, seconds)
            if viewer and not viewer.show(draw_answers(frame.image, answers)):
                return None
    except (SamnError, OSError) as error:
        return str(error)
    except KeyboardInterrupt:
        return None if run.source.live else INTERRUPTED
    return changes.missed()


def close_all(outputs: Mapping[str, Output]) -> tuple[dict[str, Path], list[str]]:
    """Finish every output, whatever happens to the others; what each one wrote, and what went wrong."""
    files: dict[str, Path] = {}
    faults: list[str] = []
    for kind, output in outputs.items():
        try:
            if (path := output.close()) is not None:
                files[kind] = path
        except (SamnError, OSError) as error:
            faults.append(str(error))
    return files, faults


def _answered(
    run: Run,
    follower: Follower,
    first: tuple[Frame, Answers],
    frames: Iterator[Frame],
    changes: Changes,
    before: Callable[[], None] | None,
) -> Iterator[tuple[Frame, Answers, float]]:
    """Frame, answers and the tracker's seconds; the progress goes to a terminal only."""
    with tqdm(total=run.source.total, unit="frame", desc="tracking", disable=None, file=sys.stderr) as progress:
        yield *first, 0.0
        progress.update()
        shape = first[0].image.shape[:2]
        for frame in frames:
            if before:
                before()
            image = next_frame(frame.image, shape, frame.index)
            start = time.perf_counter()
            added, removed = changes.due(frame.index)
            for number in removed:
                follower.remove(number)
            answers = follower.follow(image, added)
            yield frame, answers, time.perf_counter() - start
            progress.update()
