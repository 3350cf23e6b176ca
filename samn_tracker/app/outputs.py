"""What `samn track` leaves behind. Everything is written frame by frame; what a stopped run wrote is complete files,
and what a killed one wrote is there up to its last frame."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from samn_tracker.app.datasets import CocoOutput, MotOutput, YoloOutput
from samn_tracker.app.frames import Frame
from samn_tracker.app.video import VideoWriter
from samn_tracker.errors import ConfigError, ResultError
from samn_tracker.files import open_text, write_new
from samn_tracker.output_folder import OutputFolder
from samn_tracker.prediction import Prediction
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.objects import merge_masks
from samn_tracker.shapes.overlay import draw_answers

KINDS: dict[str, str] = {
    "overlay": "overlay.mp4, the answers drawn over the video (H.264)",
    "masks": "masks/00000000.png, ...: indexed PNG of object ids with the palette of DAVIS",
    "txt": "boxes.txt, one x,y,w,h a frame; boxes_ID.txt for several objects",
    "json": "boxes.json, box, polygon, confidence and found of each object in each frame",
    "coco": "coco.json, a COCO data set with run-length masks",
    "yolo": "yolo/, a YOLO data set: images, segments, boxes",
    "mot": "mot.txt, MOTChallenge's lines",
    "sam2": "sam2/video/00000.png, ...: as SAM 2 writes and reads masks",
}
"""What can be saved, and as what."""

_YOLO = (("images", "jpg"), ("labels", "txt"), ("boxes", "txt"))
PATTERNS: dict[str, tuple[str, ...]] = {
    "overlay": ("overlay.mp4", "overlay.part.mp4"),
    "masks": (f"masks/{'[0-9]' * 8}.png",),
    "txt": ("boxes.txt", "boxes_*.txt"),
    "json": ("boxes.json",),
    "coco": ("coco.json",),
    "yolo": (*(f"yolo/{name}/{'[0-9]' * 8}.{kind}" for name, kind in _YOLO), "yolo/data.yaml"),
    "mot": ("mot.txt",),
    "sam2": (f"sam2/video/{'[0-9]' * 5}.png",),
}
"""Where each kind is below the folder."""


DEBUG_PATTERNS = (f"{'[0-9]' * 8}.png", "frames.jsonl")
"""Where `DebugOutput` writes below its folder."""


class Output(Protocol):
    """One kind of result."""

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """Add a frame."""

    def close(self) -> Path | None:
        """Finish; the file or folder, or None if nothing was written."""


class OverlayOutput:
    """The video with the answers drawn over it."""

    def __init__(self, folder: OutputFolder, frames_per_second: float) -> None:
        folder.new("overlay.part.mp4")  # where the writer writes until it is closed
        self._writer = VideoWriter(folder.new("overlay.mp4"), frames_per_second)

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        self._writer.write(draw_answers(frame.image, answers), frame.seconds)

    def close(self) -> Path | None:
        """As `Output.close`."""
        self._writer.close()
        return self._writer.path if self._writer.path.exists() else None


class MaskOutput:
    """One indexed PNG a frame, with the palette of DAVIS; the name is the frame's number."""

    def __init__(self, folder: OutputFolder, name: str = "masks/{:08d}.png") -> None:
        self._folder = folder
        self._name = name
        self._written = False

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        labels = merge_masks(answers, frame.image.shape[:2])
        write_new(self._folder.new(self._name.format(frame.index)), encode_labels(labels))
        self._written = True

    def close(self) -> Path | None:
        """As `Output.close`."""
        return self._folder.root / self._name.partition("/")[0] if self._written else None


class TextOutput:
    """Boxes as text, two decimals, a line for every frame; one file for each object.

    The box of an object in a frame without an answer, such as before it is first shown, is nan,nan,nan,nan.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._streams: dict[int, TextIO] = {}
        self._paths: dict[int, Path] = {}
        self._frames = 0

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        for number in answers:
            if number not in self._streams:
                self._begin(number, alone=len(answers) == 1 and not self._streams)
        for number, stream in self._streams.items():
            stream.write(_row(answers.get(number)))
        self._frames += 1

    def close(self) -> Path | None:
        """As `Output.close`; the folder if there are several files."""
        with ExitStack() as stack:
            for stream in self._streams.values():
                stack.callback(stream.close)
        paths = list(self._paths.values())
        return paths[0] if len(paths) == 1 else self._folder.root if paths else None

    def _begin(self, number: int, alone: bool) -> None:
        """A file for another object; the first one's gets a number once there are several."""
        for first, path in self._paths.items():
            if path.name == "boxes.txt":
                self._paths[first] = path.replace(self._folder.new(f"boxes_{first}.txt"))
        path = self._folder.new("boxes.txt" if alone else f"boxes_{number}.txt")
        self._paths[number], self._streams[number] = path, open_text(path, "x")
        self._streams[number].write(_row(None) * self._frames)


def _row(answer: Prediction | None) -> str:
    box = np.full(4, np.nan) if answer is None else answer.box
    return ",".join(f"{value:.2f}" for value in box) + "\n"


class RecordOutput:
    """A JSON array with one record an object and frame, one a line."""

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._stream: TextIO | None = None

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        for number, answer in answers.items():
            record = _record(frame.index, number, answer)
            if self._stream is None:
                self._stream = open_text(self._folder.new("boxes.json"), "x")
                self._stream.write("[\n")
            else:
                self._stream.write(",\n")
            json.dump(record, self._stream, allow_nan=False)

    def close(self) -> Path | None:
        """As `Output.close`."""
        if self._stream is None:
            return None
        with self._stream as stream:
            stream.write("\n]\n")
        return self._folder.root / "boxes.json"


def _record(index: int, number: int, answer: Prediction) -> dict[str, Any]:
    return {
        "frame": index,
        "object": number,
        "box": np.round(answer.box, 3).tolist(),
        "polygon": None if answer.polygon is None else np.round(answer.polygon, 3).tolist(),
        "confidence": round(float(answer.confidence), 4),
        "found": bool(answer.found),
    }


def open_outputs(folder: OutputFolder, kinds: list[str], frames_per_second: float) -> dict[str, Output]:
    """The outputs of these kinds in the opened `folder`.

    Raises:
        EnvironmentProblemError: an overlay is wanted and PyAV is not installed.
    """
    makers: dict[str, Callable[[OutputFolder], Output]] = {
        "overlay": lambda inside: OverlayOutput(inside, frames_per_second),
        "masks": MaskOutput,
        "txt": TextOutput,
        "json": RecordOutput,
        "coco": CocoOutput,
        "yolo": YoloOutput,
        "mot": MotOutput,
        "sam2": lambda inside: MaskOutput(inside, "sam2/video/{:05d}.png"),
    }
    return {kind: makers[kind](folder) for kind in kinds}


def patterns_of(kinds: list[str]) -> list[str]:
    """The patterns of all files that these kinds are written to."""
    return [pattern for kind in kinds for pattern in PATTERNS[kind]]


def words_of_earlier(folder: OutputFolder, kinds: list[str]) -> str:
    """Which kinds an earlier run left, and what becomes of them; empty where there was none."""
    earlier = [kind for kind, patterns in PATTERNS.items() if any(folder.earlier(one) for one in patterns)]
    listed = {
        "replaced": [one for one in earlier if one in kinds],
        "kept": [one for one in earlier if one not in kinds],
    }
    words = [f"its {', '.join(names)} {end}" for end, names in listed.items() if names]
    return f"{folder.root} has an earlier run: {'; '.join(words)}" if words else ""


def parse_kinds(text: str) -> list[str]:
    """["overlay", "txt"] of "overlay,txt".

    Raises:
        ConfigError: an unknown kind.
    """
    kinds = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigError(
            f"--save {text}: {', '.join(unknown) or 'nothing'} cannot be saved; known: {', '.join(KINDS)}"
        )
    return kinds


def check_masks(kinds: list[str], answers: Mapping[int, Prediction]) -> None:
    """Refuse a tracker without masks where masks are asked for.

    Raises:
        ResultError: masks cannot be saved.
    """
    wanted = [kind for kind in kinds if kind in ("masks", "coco", "sam2")]
    if wanted and any(answer.mask is None for answer in answers.values()):
        rest = [kind for kind in kinds if kind not in wanted] or ["overlay"]
        raise ResultError(
            f"this tracker answers boxes only, so {' and '.join(wanted)} cannot be saved; use --save {','.join(rest)}"
        )
