"""Every program that runs for long, small enough to be stopped in its middle: how it starts, where it writes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from conftest import FRAMES, samn, still

from samn_tracker.runner.label_png import encode_labels
from samn_tracker.synthetic import make_sequence, write_sequence_images

BOX = ["--box", "50,35,20,20"]
DELAY = 0.15
_SIZE = (128, 96)
_NAMES = ("ball", "cube")

_TRAINING = """
variant = "samn-lite"
data_root = "{root}"

[run]
iterations = 8
batch = 1
size = 64
threads = 1
workers = 0
log_every = 2
checkpoint_every = 2

[[sets]]
name = "stills"
path = "stills"
binary = true
paste = 1.0
still = 1.0
background = 1.0

[sampling]
longest_gap = 3

[[sets]]
name = "clips"
reader = "sequences"
path = "clips"
binary = true
clip = 1.0
"""


@dataclass(frozen=True)
class Program:
    """One command.

    Attributes:
        prepare: makes the data in a new folder.
        line: the words after `samn`, given that folder and the output.
        begun: whether it is in the middle of its work, given the output.
        results: what it left that does not depend on time, given the output.
    """

    prepare: Callable[[Path], None]
    line: Callable[[Path, Path], list[object]]
    begun: Callable[[Path], bool]
    results: Callable[[Path], Mapping[str, bytes]]


def _sequences() -> list[tuple[str, list[np.ndarray], np.ndarray, np.ndarray]]:
    """Name, frames, (N, 4) boxes and first mask of each."""
    made = [(name, make_sequence("moving", seed, FRAMES, _SIZE, "procedural")) for seed, name in enumerate(_NAMES)]
    return [(name, list(one.frames), np.stack([one.box(i) for i in range(FRAMES)]), one.mask(0)) for name, one in made]


def _write(folder: Path, frames: list[np.ndarray], first: int = 1) -> None:
    folder.mkdir(parents=True)
    for index, frame in enumerate(frames, start=first):
        cv2.imwrite(str(folder / f"{index:08d}.jpg"), frame[..., ::-1])


def _rows(path: Path, boxes: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(f"{value:.4f}" for value in box) + "\n" for box in boxes))


def _got10k(place: Path) -> None:
    for name, frames, boxes, _ in _sequences():
        _write(place / "test" / name, frames)
        _rows(place / "test" / name / "groundtruth.txt", boxes[:1])
    (place / "test/list.txt").write_text("ball\ncube\n")


def _trackingnet(place: Path) -> None:
    for name, frames, boxes, _ in _sequences():
        folder = place / "TEST/frames" / name
        folder.mkdir(parents=True)
        for index, frame in enumerate(frames):
            cv2.imwrite(str(folder / f"{index}.jpg"), frame)
        _rows(place / "TEST/anno" / f"{name}.txt", boxes[:1])


def _ope(place: Path) -> None:
    for name, frames, boxes, _ in _sequences():
        _write(place / name / "img", frames)
        _rows(place / name / "groundtruth_rect.txt", boxes)


def _davis(place: Path) -> None:
    for name, frames, _, mask in _sequences():
        _write(place / "JPEGImages/480p" / name, frames, first=0)
        folder = place / "Annotations/480p" / name
        folder.mkdir(parents=True)
        for index in range(FRAMES):
            (folder / f"{index:08d}.png").write_bytes(encode_labels(mask))
    (place / "ImageSets/2016").mkdir(parents=True)
    (place / "ImageSets/2016/val.txt").write_text("ball\ncube\n")


def _vos(place: Path) -> None:
    for name, frames, _, mask in _sequences():
        _write(place / "valid/JPEGImages" / name, frames, first=0)
        folder = place / "valid/Annotations" / name
        folder.mkdir(parents=True)
        (folder / f"{0:08d}.png").write_bytes(encode_labels(mask))


def _images(place: Path) -> None:
    write_sequence_images(make_sequence("moving", 0, FRAMES, _SIZE, "procedural"), place / "frames")


def _vot(place: Path) -> None:
    """A workspace with the reset-based experiment alone: times decide what a real-time one answers."""
    for name, frames, boxes, _ in _sequences():
        _write(place / "data" / name, frames)
        x, y, w, h = boxes.T
        corners = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1)
        _rows(place / "data" / name / "groundtruth.txt", corners)
    (place / "data/list.txt").write_text("ball\ncube\n")
    tracker = ["--tracker", "fault_toys:still", "--set", f"delay={DELAY}", "--device", "cpu", "--name", "SAMN"]
    made = samn("vot", "create", place / "W", "--data", place / "data", "--rules", "demo", *tracker)
    assert made.returncode == 0, made.stderr
    stack = (place / "W/stack.yaml").read_text()
    (place / "W/stack.yaml").write_text(stack[: stack.index("  realtime:")])


def _training(place: Path) -> None:
    """Two stills and two clips of all frames, with masks of 0 and 255."""
    for seed, name in enumerate(_NAMES):
        sequence = make_sequence("moving", seed, FRAMES, _SIZE, "procedural")
        for folder, indices in ((place / "stills", [0]), (place / "clips" / name, range(FRAMES))):
            for index in indices:
                stem = f"{name}{index:03d}"
                for kind, suffix, image in (
                    ("img", "jpg", sequence.frame(index)),
                    ("mask", "png", sequence.mask(index)),
                ):
                    (folder / kind).mkdir(parents=True, exist_ok=True)
                    picture = image[..., ::-1] if kind == "img" else image * 255
                    cv2.imwrite(str(folder / kind / f"{stem}.{suffix}"), picture)
    (place / "small.toml").write_text(_TRAINING.format(root=place))


def _files(*patterns: str) -> Callable[[Path], Mapping[str, bytes]]:
    """The content of the files of these patterns below the output, those of times left out."""

    def read(output: Path) -> Mapping[str, bytes]:
        found = [path for one in patterns for path in output.glob(one) if "_time" not in path.name]
        return {path.relative_to(output).as_posix(): path.read_bytes() for path in found}

    return read


def _parameters(output: Path) -> Mapping[str, bytes]:
    state = torch.load(output / "checkpoint.pt", weights_only=True)
    return {name: value.numpy().tobytes() for name, value in (state["network"] | state["average"]).items()}


def _runner(*words: str, pattern: str, prepare: Callable[[Path], None]) -> Program:
    return Program(
        prepare,
        lambda place, output: [*words, "--data", place, "--output", output, *still(delay=DELAY)],
        lambda output: any((output / "partial").glob("*")),
        _files(pattern),
    )


def _boxes_of(output: Path) -> int:
    path = output / "boxes.txt"
    return len(path.read_text().splitlines()) if path.is_file() else 0


PROGRAMS: dict[str, Program] = {
    "track": Program(
        _images,
        lambda place, output: [
            *("track", place / "frames", *BOX, *still(delay=DELAY), "--output", output),
            *("--save", "overlay,masks,txt,json,coco"),
        ],
        lambda output: _boxes_of(output) > 1,
        _files("boxes.*", "coco.json", "masks/*.png"),
    ),
    "got10k run": _runner("got10k", "run", pattern="results/*/*.txt", prepare=_got10k),
    "trackingnet run": _runner("trackingnet", "run", pattern="results/*.txt", prepare=_trackingnet),
    "davis run": _runner("davis", "run", pattern="results/*/*.png", prepare=_davis),
    "ope run": _runner("ope", "run", "--split", "zero-based", pattern="results/*.txt", prepare=_ope),
    "vos run": _runner("vos", "run", "--split", "mose/valid", pattern="results/*/*.png", prepare=_vos),
    "vot run": Program(
        _vot,
        lambda place, output: ["vot", "run", output / "W"],
        lambda output: any((output / "W/results/SAMN").glob("*/*/*")),
        _files("W/results/SAMN/*/*/*.bin"),
    ),
    "train": Program(
        _training,
        lambda place, output: ["train", place / "small.toml", "--run", output],
        lambda output: (output / "checkpoint.pt").is_file(),
        _parameters,
    ),
}
"""By what a person types after `samn`."""


def prepared(name: str, place: Path, output: Path) -> list[object]:
    """The program's command line, its data made in `place`; a VOT workspace is copied to the output, where it runs."""
    program = PROGRAMS[name]
    if not place.exists():
        program.prepare(place)
    if name == "vot run" and not output.exists():
        shutil.copytree(place / "W", output / "W", symlinks=True)
    return program.line(place, output)
