"""Seconds that scoring a whole benchmark takes, by the commands that a person would give.

    samn bench scores
    samn bench scores --repetitions 15      VOT2018's baseline as of a tracker that is not deterministic

Generated truth and results of many long sequences: wall time, and seconds of the processor of all processes together.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import EnvironmentProblemError, SamnError
from samn_tracker.runner.digits import positive

SIZE = (640, 480)
BOX = (100.0, 100.0, 60.0, 50.0)


@dataclass(frozen=True)
class Generated:
    """How much is generated: sequences, frames of each, and repetitions of VOT's baseline."""

    sequences: int
    frames: int
    repetitions: int

    def boxes(self) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
        """Of each sequence the name, the truth's boxes and the answered ones, (frames, 4) each."""
        rng = np.random.default_rng(0)
        found = []
        for number in range(self.sequences):
            truth = np.tile(BOX, (self.frames, 1))
            truth[:, :2] += np.cumsum(rng.normal(0, 1.5, (self.frames, 2)), axis=0) % 200
            answers = truth + rng.normal(0, 3, truth.shape)
            answers[0] = truth[0]
            found.append((f"GOT-10k_Val_{number + 1:06d}", truth, answers))
        return found


def _ope(root: Path, generated: Generated) -> list[str]:
    for name, truth, answers in generated.boxes():
        _images(root / "data" / name / "img", generated.frames)
        (root / "data" / name / "groundtruth_rect.txt").write_text(_rows(truth))
        (root / "results").mkdir(exist_ok=True)
        (root / "results" / f"{name}.txt").write_text(_rows(answers))
    return ["ope", "score", "--truth", f"{root}/data", "--results", f"{root}/results", "--split", "zero-based"]


def _got10k(root: Path, generated: Generated) -> list[str]:
    names = []
    for name, truth, answers in generated.boxes():
        names.append(name)
        folder, results = root / "data/val" / name, root / "results" / name
        _images(folder, generated.frames)
        results.mkdir(parents=True)
        (folder / "groundtruth.txt").write_text(_rows(truth))
        (folder / "cover.label").write_text("8\n" * generated.frames)
        (folder / "meta_info.ini").write_text(f"[METAINFO]\nresolution: ({SIZE[0]}, {SIZE[1]})\n")
        (results / f"{name}_001.txt").write_text(_rows(answers))
        (results / f"{name}_time.txt").write_text("0.01000000\n" * generated.frames)
    (root / "data/val/list.txt").write_text("\n".join(names) + "\n")
    return ["got10k", "score", "--truth", f"{root}/data", "--results", f"{root}/results", "--split", "val"]


def _vot2018(root: Path, generated: Generated) -> list[str]:
    write = import_module("vot_workspace.trajectory").write_trajectory
    root.mkdir()
    (root / "config.yaml").write_text("stack: vot2018/shortterm\nregistry:\n  - ./trackers.ini\n")
    (root / "trackers.ini").write_text("[SAMN]\nprotocol = trax\ncommand = false\n")
    rng, names = np.random.default_rng(1), []
    repetitions = {"baseline": generated.repetitions, "realtime": 1, "unsupervised": 1}
    for name, truth, _ in generated.boxes():
        names.append(name)
        folder = root / "sequences" / name
        folder.mkdir(parents=True)
        (folder / "groundtruth.txt").write_text(_rows(_polygons(truth)))
        properties = f"name={name}\nfps=30\nformat=default\nchannels.color=color/%08d.jpg\n"
        (folder / "sequence").write_text(f"{properties}length={len(truth)}\nwidth={SIZE[0]}\nheight={SIZE[1]}\n")
        for experiment, count in repetitions.items():
            results = root / "results/SAMN" / experiment / name
            results.mkdir(parents=True)
            for number in range(1, count + 1):
                answers = _polygons(truth) + rng.normal(0, 3, (len(truth), 8))
                regions = [1, *answers[1:].reshape(-1, 4, 2)]
                if experiment != "unsupervised":
                    _fail(regions, rng)
                write(results / f"{name}_{number:03d}.bin", regions)
                (results / f"{name}_{number:03d}_time.value").write_text("0.01\n" * len(truth))
    (root / "sequences/list.txt").write_text("\n".join(names) + "\n")
    return ["vot", "score", str(root), "SAMN"]


BENCHMARKS: dict[str, Callable[[Path, Generated], list[str]]] = {"ope": _ope, "got10k": _got10k, "vot2018": _vot2018}


def _fail(regions: list[object], rng: np.random.Generator) -> None:
    """Failures every 50 to 600 frames, and a new start five frames after each."""
    frame = int(rng.integers(50, 600))
    while frame + 6 < len(regions):
        regions[frame : frame + 6] = [2, 0, 0, 0, 0, 1]
        frame += 6 + int(rng.integers(50, 600))


def _polygons(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 8) corners of slanted quadrilaterals in place of the boxes (n, 4)."""
    x, y, width, height = boxes.T
    return np.stack([x, y, x + width, y + 5, x + width - 5, y + height, x - 2, y + height - 3], axis=1)


def _rows(values: NDArray[np.float64]) -> str:
    return "".join(",".join(f"{value:.4f}" for value in row) + "\n" for row in values)


def _images(folder: Path, count: int) -> None:
    """`count` frames, all of them one file."""
    folder.mkdir(parents=True)
    first = folder / f"{1:08d}.jpg"
    cv2.imwrite(str(first), np.full((SIZE[1], SIZE[0], 3), 90, dtype=np.uint8))
    for number in range(2, count + 1):
        os.link(first, folder / f"{number:08d}.jpg")


def measure(name: str, root: Path, generated: Generated) -> tuple[float, float]:
    """Seconds on the clock and of the processor that scoring one benchmark takes.

    Raises:
        EnvironmentProblemError: the command failed; what it said is in the message.
    """
    words = BENCHMARKS[name](root, generated)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "samn_tracker", *words], capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise EnvironmentProblemError(f"samn {' '.join(words[:2])}: {done.stderr.strip()[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="samn bench scores", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=positive, default=100, help="default: 100")
    parser.add_argument("--frames", type=positive, default=1000, help="of each sequence (default: 1000)")
    parser.add_argument("--repetitions", type=positive, default=1, help="of VOT2018's baseline (default: 1)")
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="repeatable; default: all")
    given = parser.parse_args(argv)
    generated = Generated(given.sequences, given.frames, given.repetitions)
    print(f"{'benchmark':<12}{'seconds':>9}{'of the processor':>18}")
    try:
        for name in given.only or BENCHMARKS:
            with tempfile.TemporaryDirectory() as place:
                seconds, of_processor = measure(name, Path(place) / name, generated)
            print(f"{name:<12}{seconds:>9.1f}{of_processor:>18.1f}", flush=True)
    except SamnError as error:
        print(f"samn bench scores: {error}", file=sys.stderr)
        return 1
    return 0
