"""Small generated images, boxes and label maps, and how the real command lines are started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.worker import RunRequest

HERE = Path(__file__).parent
SIZE = (48, 64)
DRIFT = "toy_trackers:Drift"


def environment() -> dict[str, str]:
    places = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    return os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


def start(*arguments: object, cwd: Path | None = None, stdout: int | None = None) -> subprocess.Popen[str]:
    """Begin `python -m MODULE ARGUMENTS`."""
    line = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.Popen(line, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment(), cwd=cwd)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def kill_when(line: Sequence[object], condition: Callable[[], bool], cwd: Path, seconds: float = 60) -> None:
    """Start `python -m ...` and end it with SIGKILL as soon as the condition holds; it must not have ended before."""
    process = start(*line, cwd=cwd)
    wait_for(lambda: condition() or process.poll() is not None, seconds)
    ended = process.poll()
    process.kill()
    _, said = process.communicate()
    assert ended is None, f"it ended with {ended} before it could be killed: {said}"


def write_images(folder: Path, names: list[str], seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for name in names:
        cv2.imwrite(str(folder / name), rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))


def truth_boxes(frames: int, seed: int) -> np.ndarray:
    """Boxes that wander, some of them over the border."""
    rng = np.random.default_rng(seed)
    corners = np.array([20.0, 15.0]) + rng.normal(0, 4, (frames, 2)).cumsum(axis=0)
    boxes = np.hstack([corners, np.full((frames, 2), [18.0, 14.0])]).round(3)
    boxes[0] = [20, 15, 18, 14]
    return boxes


def save_boxes(path: Path, boxes: np.ndarray, decimals: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, np.atleast_2d(boxes), fmt=f"%.{decimals}f", delimiter=",")


def write_meta(folder: Path, frames: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, frames) * 2
    (folder / "cover.label").write_text("".join(f"{one}\n" for one in labels))
    for name in ("absence", "cut_by_image"):
        (folder / f"{name}.label").write_text("0\n" * frames)
    (folder / "meta_info.ini").write_text(f"[METAINFO]\nurl: none\nresolution: ({SIZE[1]}, {SIZE[0]})\n")


def label_map(frame: int, late: bool) -> np.ndarray:
    """Two objects that move right; a third one from frame 4 on if `late`."""
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[10:25, 5 + frame : 20 + frame] = 1
    labels[28:40, 12 + frame : 30 + frame] = 2
    if late and frame >= 4:
        labels[2:8, 40:52] = 3
    return labels


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` but times, by relative path."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("_time.txt")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def request(benchmark: Benchmark, data: Path, split: str, output: Path, **more: object) -> RunRequest:
    return RunRequest(**({"tracker": DRIFT} | more), benchmark=benchmark, data=data, split=split, output=output)  # type: ignore[arg-type]
