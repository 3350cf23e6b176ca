"""Milliseconds a frame of a tracker, here and in another checkout, in turn.

    samn bench versions --against CHECKOUT
    samn bench versions --against CHECKOUT --data DATA --only car-shadow --start mask

Both follow the same frames, from files to answers, with full memories; the ratio is of the medians of their passes. A
checkout is a folder with another state of this repository, as `git worktree add` makes it; its Python is the one here.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from samn_tracker.bench import frame_times
from samn_tracker.bench.checkouts import HERE, Worker, require_checkout
from samn_tracker.bench.development import Case, read_sequences
from samn_tracker.bench.scenario import FRAME_SIZE
from samn_tracker.errors import DatasetError, SamnError
from samn_tracker.files import write_atomic
from samn_tracker.runner.digits import positive
from samn_tracker.synthetic import make_sequence, write_sequence_images


class Given(NamedTuple):
    """Frames of a video, and the target in the first one: mask (H, W), polygon (4, 2) or box (4,)."""

    name: str
    frames: list[Path]
    target: NDArray[Any]


def measure(given: Given, checkouts: Sequence[Path], tracker: str, threads: int, rounds: int) -> NDArray[np.float64]:
    """(checkouts, rounds, 2) milliseconds a frame, of the processor and of the clock.

    Raises:
        EnvironmentProblemError: it does not run there; why is on standard error.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        np.save(folder / "target.npy", given.target)
        write_atomic(folder / "frames.txt", "".join(f"{path.resolve()}\n" for path in given.frames))
        words = (frame_times.__file__, tracker, str(threads), str(folder))
        workers = [stack.enter_context(Worker(one, *words, threads=threads)) for one in checkouts]
        for worker in workers:
            worker.ask("a pass")  # one after the other, from nothing to compiled
        turns = [[worker.ask("a pass") for worker in workers] for _ in range(rounds)]
    return np.array(turns).transpose(1, 0, 2)


def row(name: str, found: NDArray[np.float64]) -> str:
    """Median milliseconds of the clock here and there and the ratios of clock and processor, of (2, rounds, 2)."""
    (cpu, clock), (cpu_there, clock_there) = np.median(found, axis=1)
    return f"{name:<26}{clock:>10.1f}{clock_there:>10.1f}{clock / clock_there:>8.3f}{cpu / cpu_there:>12.3f}"


def _videos(arguments: argparse.Namespace, folder: Path) -> Iterator[Given]:
    if arguments.data is None:
        sequence = make_sequence("moving", seed=3, length=arguments.frames, size=FRAME_SIZE)
        paths = list(write_sequence_images(sequence, folder))
        target = sequence.mask(0) if arguments.start == "mask" else sequence.box(0)
        yield Given(f"{sequence.name}, {arguments.start}", paths, target)
        return
    sequences = {one.name: one for one in read_sequences(arguments.data)}
    for name in arguments.only or sequences:
        if name not in sequences:
            raise DatasetError(f"no sequence {name} below {arguments.data}; there are {', '.join(sequences)}")
        if arguments.start == "mask" and sequences[name].masks is None:
            raise DatasetError(f"{name} has no masks; give --start box, or other sequences by --only")
        case = Case(sequences[name], "forwards", arguments.start)
        frames = case.frames()
        yield Given(f"{name}, {arguments.start}", frames.frames[: arguments.frames], case.target(frames))


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="samn bench versions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", required=True)
    parser.add_argument("--data", type=Path, help="development sequences; default: a generated video")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="of these sequences; repeat")
    parser.add_argument("--start", choices=("box", "mask"), default="box")
    parser.add_argument("--tracker", default="samn-lite")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--frames", type=positive, default=40, help="of each video (default: 40)")
    parser.add_argument("--rounds", type=positive, default=16, help="passes over the frames (default: 16)")
    arguments = parser.parse_args(argv)
    try:
        checkouts = HERE, require_checkout(arguments.against)
        print(f"{'video, start':<26}{'ms here':>10}{'ms there':>10}{'ratio':>8}{'ratio, CPU':>12}")
        with tempfile.TemporaryDirectory() as folder:
            for one in _videos(arguments, Path(folder)):
                found = measure(one, checkouts, arguments.tracker, arguments.threads, arguments.rounds)
                print(row(one.name, found), flush=True)
    except SamnError as error:
        print(f"samn bench versions: {error}", file=sys.stderr)
        return 1
    return 0
