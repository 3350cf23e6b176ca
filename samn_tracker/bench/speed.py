"""Milliseconds of a frame, on one thread and on two, of everything that is compared, in turn in one run.

    samn bench speed --json speed.json --picture frame.svg

From JPEG files of 854 x 480 to mask and box (OpenCV: box alone): `samn-lite` after a start from a box and from a mask,
by every backend after one from a box, and OpenCV's MIL and CSRT, ten frames a turn. On one thread the files are read
in between, on two beside it. Our memories are full: 236 frames were tracked before. `samn-r50` and the authors'
schedule track one frame with 1, 20 and 60 stored ones, without files.

Given are the least of all turns: milliseconds of the processor, which other programs on the machine spoil little, and
those of the clock, which they do spoil. Where nothing else runs, both are alike on one thread.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import torch

from samn_tracker.bench.frames import STORED_FRAMES
from samn_tracker.bench.machine import describe_machine
from samn_tracker.bench.picture import write_picture
from samn_tracker.bench.reference import Reference
from samn_tracker.bench.scenario import FRAME_SIZE, ProductFrame, ReferenceFrame, Still, Variant, make_variants
from samn_tracker.bench.stopwatch import Stopwatch
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.files import write_atomic
from samn_tracker.images import ImageReader
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.digits import positive, within
from samn_tracker.runner.loop import prefetched
from samn_tracker.runner.opencv_trackers import create_opencv_tracker
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.regions import mask_to_box
from samn_tracker.synthetic import make_sequence, write_sequence_images

THREADS = (1, 2)
TURN = 10
"""Frames: with so many there is one update of the spatial memory in each turn."""
VIDEO = 60
DRAWN = 20
"""Stored frames of what the picture shows."""
OTHER_BACKENDS = (
    RuntimeConfig("openvino", "bfloat16"),
    RuntimeConfig("torch", "bfloat16"),
    RuntimeConfig("torch", "float32"),
)


Drawn = dict[str, list[dict[str, float]]]
"""For each thing, the milliseconds of the parts of every frame that it tracked."""


class Row(NamedTuple):
    """Least milliseconds a frame, of processor and clock, of one thing on so many threads."""

    what: str
    threads: int
    cpu_ms: float
    wall_ms: float


class Turn(NamedTuple):
    """A thing to measure: what is done in a turn on so many threads, and how many frames that are."""

    what: str
    threads: int
    act: Callable[[], object]
    frames: int


class FromFiles:
    """A tracker that goes on through the files of a video, to and fro, `TURN` frames a call."""

    def __init__(self, tracker: TrackerProtocol, paths: Sequence[Path], ahead: bool) -> None:
        self._tracker = tracker
        self._upcoming = cycle([*paths[1:], *paths[-2::-1]])
        self._ahead = ahead

    def __call__(self, frames: int = TURN) -> None:
        """Track the next frames; `ahead`, each file is read while the frame before is tracked."""
        paths = tuple(islice(self._upcoming, frames))
        for image in prefetched(paths) if self._ahead else map(ImageReader().read, paths):
            self._tracker.track(image)


def measure(turns: Sequence[Turn], rounds: int) -> list[Row]:
    """Every turn once in every round, after one that is not counted."""
    least = {turn: (float("inf"), float("inf")) for turn in turns}
    for index in range(rounds + 1):
        _say(f"round {index} of {rounds}")
        for turn in turns:
            torch.set_num_threads(turn.threads)
            cv2.setNumThreads(turn.threads)
            began = time.process_time(), time.perf_counter()
            turn.act()
            ended = time.process_time(), time.perf_counter()
            if index:
                taken = [1000 * (end - begin) / turn.frames for begin, end in zip(began, ended, strict=True)]
                least[turn] = (min(least[turn][0], taken[0]), min(least[turn][1], taken[1]))
    return [Row(turn.what, turn.threads, *least[turn]) for turn in turns]


def video_turns(light: Variant, folder: Path, laps: int, threads_of_turns: Sequence[int] = THREADS) -> list[Turn]:
    """`samn-lite` from box and mask, by its backends, and OpenCV's trackers, on the files of a generated video."""
    sequence = make_sequence("moving", seed=3, length=VIDEO, size=FRAME_SIZE)
    paths = write_sequence_images(sequence, folder)
    image, mask = sequence.frame(0), sequence.mask(0)
    config = replace(SAMN_LITE, model=light.config.model)
    engines: dict[tuple[RuntimeConfig, int], Engine] = {}

    def engine(runtime: RuntimeConfig, threads: int) -> Engine:
        if (runtime, threads) not in engines:
            chosen = replace(light, config=replace(config, runtime=replace(runtime, threads=threads)))
            engines[runtime, threads] = chosen.engine("cpu")
        return engines[runtime, threads]

    turns = []
    for start, target in (("box", mask_to_box(mask)), ("mask", mask)):
        _say(f"a memory that is full, after a start from a {start}")
        warmed = Tracker(engine(config.runtime, 1), config)
        warmed.initialize(image, target)
        FromFiles(warmed, paths, ahead=False)(laps * (2 * VIDEO - 2))
        for runtime in (config.runtime, *(OTHER_BACKENDS if start == "box" else ())):
            plan = "" if runtime == config.runtime else f", {runtime.backend} {runtime.precision}"
            for threads in threads_of_turns:
                tracker = Tracker(engine(runtime, threads), config)
                tracker.state = copy.deepcopy(warmed.state)
                act = FromFiles(tracker, paths, ahead=threads > 1)
                turns.append(Turn(f"samn-lite, {start} start{plan}", threads, act, TURN))
        for threads in threads_of_turns:
            starting = Tracker(engine(config.runtime, threads), config)
            turns.append(Turn(f"the {start} start itself", threads, partial(starting.initialize, image, target), 1))
    for name in ("opencv-mil", "opencv-csrt"):
        for threads in threads_of_turns:
            try:
                other = create_opencv_tracker(name)
            except EnvironmentProblemError as error:
                _say(f"left out: {error}")
                continue
            other.initialize(image, mask_to_box(mask))
            turns.append(Turn(name, threads, FromFiles(other, paths, ahead=threads > 1), TURN))
    return turns


def frame_turns(heavy: Variant, threads_of_turns: Sequence[int] = THREADS) -> tuple[list[Turn], Drawn]:
    """`samn-r50` and the authors' schedule with 1, 20 and 60 stored frames; processor times of the parts to draw."""
    still = Still()
    turns: list[Turn] = []
    drawn: Drawn = {}
    torch.set_num_threads(max(threads_of_turns))
    _say("start of the authors' schedule")
    reference = Reference(heavy.network, heavy.config, "cpu")
    reference.parts = Stopwatch("cpu", time.process_time)
    reference.start(still.image, still.mask)
    for threads in threads_of_turns:
        runtime = replace(heavy.config.runtime, threads=threads)
        engine = replace(heavy, config=replace(heavy.config, runtime=runtime)).engine("cpu")
        for stored in STORED_FRAMES:
            theirs = ReferenceFrame(reference, still, stored)
            ours = ProductFrame(engine, heavy.config, still, stored, time.process_time)
            turns.append(Turn(f"authors' schedule, T = {stored}", threads, theirs.run, 1))
            turns.append(Turn(f"samn-r50, T = {stored}", threads, ours.run, 1))
            if threads == 1 and stored == DRAWN:
                drawn = {turns[-2].what: theirs.samples, turns[-1].what: ours.samples}
    return turns, drawn


def table(rows: Sequence[Row]) -> str:
    """One line a thing with its figures on every number of threads, and how many times faster than the authors."""
    by = {(row.what, row.threads): row for row in rows}
    used = sorted({row.threads for row in rows})
    heads = "".join(f"{f'{threads} thread: CPU':>16}{'clock':>9}{'frames/s':>10}" for threads in used)
    lines = [f"{'milliseconds a frame':<40}{heads}"]
    for what in dict.fromkeys(row.what for row in rows):
        found = [by[what, threads] for threads in used]
        figures = (f"{one.cpu_ms:>16.1f}{one.wall_ms:>9.1f}{1000 / one.wall_ms:>10.1f}" for one in found)
        lines.append(f"{what:<40}{''.join(figures)}")
    for stored in STORED_FRAMES:
        pairs = [[by.get((f"{who}, T = {stored}", n)) for who in ("authors' schedule", "samn-r50")] for n in used]
        ratios = [
            f"{theirs.cpu_ms / ours.cpu_ms:>16.1f}{theirs.wall_ms / ours.wall_ms:>9.1f}{'':>10}"
            for theirs, ours in pairs
            if theirs and ours
        ]
        if ratios:
            lines.append(f"{f'times faster, T = {stored}':<40}{''.join(ratios)}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, and write JSON and picture where asked."""
    arguments = _parser().parse_args(argv)
    machine = describe_machine(torch.device("cpu"))
    heavy, _, light = make_variants()
    with tempfile.TemporaryDirectory() as folder:
        threads = arguments.threads or THREADS
        turns = [] if arguments.only == "frames" else video_turns(light, Path(folder), arguments.laps, threads)
        still_turns, drawn = ([], {}) if arguments.only == "videos" else frame_turns(heavy, threads)
        rows = measure([*turns, *still_turns], arguments.rounds)
    print(
        f"{machine['processor']}, {machine['cores']} cores, products by {', '.join(machine['products']) or 'nothing'}"
    )
    print(f"load {machine['load_average']}, torch {machine['torch']}, OpenCV {machine['opencv']}")
    print(table(rows))
    if arguments.json:
        results: dict[str, Any] = {"machine": machine, "rows": [row._asdict() for row in rows]}
        write_atomic(arguments.json, json.dumps(results, indent=1) + "\n")
    if arguments.picture and drawn:
        title = f"One frame with {DRAWN} stored frames, CPU milliseconds on one thread of {machine['processor']}"
        write_picture(arguments.picture, title, [bars(rows, drawn)])
    return 0


def bars(rows: Sequence[Row], drawn: Drawn) -> dict[str, dict[str, float]]:
    """The least milliseconds of every part, and what they leave of the least of a whole frame."""
    whole = {row.what: row.cpu_ms for row in rows if row.threads == 1}
    found = {}
    for what, samples in drawn.items():
        names = dict.fromkeys(name for sample in samples for name in sample)
        parts = {name: min(sample[name] for sample in samples if name in sample) for name in names}
        found[what] = {**parts, "rest": max(whole[what] - sum(parts.values()), 0.0)}
    return found


def _say(what: str) -> None:
    print(f"samn bench speed: {what}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn bench speed", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each that are counted")
    parser.add_argument(
        "--laps", type=within(0, 1000), default=2, help="of the video, tracked before; 2 fill the memories"
    )
    parser.add_argument(
        "--only", choices=("videos", "frames"), help="samn-lite and OpenCV, or samn-r50 and the authors"
    )
    parser.add_argument("--threads", type=within(1, 1024), action="append", help="repeatable; default 1 and 2")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--picture", type=Path, help="write stacked bars of a frame's parts to this SVG file")
    return parser
