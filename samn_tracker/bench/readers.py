"""Milliseconds of the processor that every reader of a data set takes for one sequence, here and in another checkout.

    samn bench readers --against CHECKOUT

Both are asked in turn, reader by reader; the ratio is the median over the rounds. A checkout is a folder with another
state of this repository, as `git worktree add` makes it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np

from samn_tracker.bench import reader_times
from samn_tracker.bench.checkouts import HERE, Worker, require_checkout
from samn_tracker.errors import SamnError
from samn_tracker.runner.digits import positive
from samn_tracker.runner.label_png import encode_labels

_SIZE = (48, 64)


def make_data(root: Path, frames: int) -> None:
    """A sequence `a` of `frames` images with whole truth, and results equal to it, in the layout of each reader."""
    image = cv2.imencode(".jpg", np.full((*_SIZE, 3), 90, dtype=np.uint8))[1].tobytes()
    labels = np.zeros(_SIZE, dtype=np.uint8)
    labels[10:30, 12:40] = 1
    mask = encode_labels(labels)
    rows = "".join(f"{12 + index % 9}.0000,10.0000,28.0000,20.0000\n" for index in range(frames))
    texts = {
        "ope/a/groundtruth_rect.txt": rows,
        "ope results/a.txt": rows,
        "got10k/val/list.txt": "a\n",
        "got10k/val/a/groundtruth.txt": rows,
        "got10k/val/a/cover.label": "8\n" * frames,
        "got10k/val/a/meta_info.ini": f"[METAINFO]\nresolution: ({_SIZE[1]}, {_SIZE[0]})\n",
        "got10k results/a/a_001.txt": rows,
        "got10k results/a/a_time.txt": "0.01000000\n" * frames,
        "trackingnet/TRAIN_0/anno/a.txt": rows,
        "trackingnet results/a.txt": rows,
        "davis/ImageSets/2016/val.txt": "a\n",
        "vot/list.txt": "a\n",
        "vot/a/groundtruth.txt": rows,
    }
    for name, text in texts.items():
        _write(root / name, text.encode())
    for index in range(frames):
        for name in ("ope/a/img/{:04d}.jpg", "got10k/val/a/{:08d}.jpg", "vot/a/{:08d}.jpg"):
            _write(root / name.format(index + 1), image)
        _write(root / f"trackingnet/TRAIN_0/frames/a/{index}.jpg", image)
        _write(root / f"davis/JPEGImages/480p/a/{index:05d}.jpg", image)
        for name in ("davis/Annotations/480p/a", "davis results/a"):
            _write(root / name / f"{index:05d}.png", mask)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def measure(checkouts: Sequence[Path], data: Path, rounds: int) -> dict[str, list[list[float]]]:
    """By reader, the seconds of each round, of each checkout.

    Raises:
        EnvironmentProblemError: a reader fails there.
    """
    found: dict[str, list[list[float]]] = {}
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(one, reader_times.__file__, str(data))) for one in checkouts]
        for reader in reader_times.READERS:
            for worker in workers:
                worker.ask(reader)  # the first one imports
            turns = [[worker.ask(reader)[0] for worker in workers] for _ in range(rounds)]
            found[reader] = [list(column) for column in zip(*turns, strict=True)]
            print(f"samn bench readers: {reader}", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, list[list[float]]]) -> str:
    """A line a reader: median milliseconds here, there, and the median ratio of the rounds."""
    lines = [f"{'reader':<26}{'ms here':>10}{'ms there':>10}{'ratio':>8}"]
    for reader, (here, *others) in found.items():
        line = f"{reader:<26}{1000 * statistics.median(here):>10.2f}"
        for there in others:
            ratio = statistics.median(one / other for one, other in zip(here, there, strict=True))
            line += f"{1000 * statistics.median(there):>10.2f}{ratio:>8.2f}"
        lines.append(line)
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="samn bench readers", description=__doc__.split("\n")[0])
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="another state of the repository")
    parser.add_argument("--frames", type=positive, default=1000, help="of the sequence (default: 1000)")
    parser.add_argument("--rounds", type=positive, default=7, help="default: 7")
    given = parser.parse_args(argv)
    try:
        others = [require_checkout(given.against)] if given.against else []
        with tempfile.TemporaryDirectory() as place:
            make_data(Path(place), given.frames)
            print(table(measure([HERE, *others], Path(place), given.rounds)))
    except SamnError as error:
        print(f"samn bench readers: {error}", file=sys.stderr)
        return 1
    return 0
