"""A demonstration from nothing: generated sequences, both kinds of rules, the real toolkit, tables and pictures.

The sequences are short, so the demo's stacks average EAO over lengths of 10 to 30 frames: its figures compare trackers
on the demo, and are not comparable with published ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from samn_tracker.errors import ResultError, SamnError
from samn_tracker.runner.digits import positive
from samn_tracker.synthetic import SyntheticSequence, make_sequence, write_sequence_images
from vot_workspace.conversions import with_anchors, with_masks, with_polygons
from vot_workspace.create import create
from vot_workspace.demo_pictures import LEGEND, Picture, drawn_frames, write_strip, write_video
from vot_workspace.run import run
from vot_workspace.score import pysot_scores, table
from vot_workspace.score_pysot import Score
from vot_workspace.score_toolkit import analyse_workspace
from vot_workspace.sequence_files import write_sequences
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart
from vot_workspace.workspace import Workspace

KINDS = ("rotating", "partial_occlusion", "distractors")
LENGTH, SEED, SIZE = 40, 1, (320, 240)
ANCHOR_SPACING = 20
TRACKER = "SAMN"
RULES = {"polygons": "demo", "masks": "demo/masks"}
TITLES = {
    "polygons": "Reset-based rules (as VOT2018), polygons",
    "masks": "Multistart rules (as VOT2020), masks",
}
OWNED = (*RULES, "frames", "overlay.png", "overlay.mp4")


def make_sequences(frames: Path, length: int = LENGTH) -> list[tuple[SourceSequence, SourceSequence]]:
    """Draw the demo's sequences into `frames`; each with polygons and with masks as ground truth."""
    sequences = []
    for kind in KINDS:
        drawn = make_sequence(kind, SEED, length, SIZE)
        paths = write_sequence_images(drawn, frames / drawn.name)
        sequences.append((_source(drawn, paths, masks=False), _source(drawn, paths, masks=True)))
    return sequences


def _source(drawn: SyntheticSequence, paths: list[Path], masks: bool) -> SourceSequence:
    regions: list[Any] = [
        MaskPart((0, 0), drawn.mask(index)) if masks else drawn.polygon(index) for index in range(drawn.length)
    ]
    return SourceSequence(drawn.name, paths, regions, drawn.size)


def fill(folder: Path) -> None:
    """Put the sequences into the ready workspaces `folder` and `folder/masks`, for `vot evaluate` by hand."""
    pairs = make_sequences(folder / "sequences" / "frames")
    write_sequences(folder / "sequences", [with_polygons(one) for one, _ in pairs])
    masks = [with_anchors(with_masks(one), ANCHOR_SPACING) for _, one in pairs]
    write_sequences(folder / "masks" / "sequences", masks)


class Demo:
    """The steps of the demo in one folder; `failures` tells what went wrong on the way."""

    def __init__(self, folder: Path, tracker: str, length: int = LENGTH) -> None:
        self.folder, self.tracker, self.length = folder, tracker, length
        self.failures: list[str] = []
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:4.0f} s] {text}", file=sys.stderr, flush=True)

    def prepare(self) -> dict[str, Workspace]:
        """Draw the sequences and make both workspaces, in place of those of an earlier demo."""
        for name in OWNED:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self.say(f"drawing {len(KINDS)} sequences of {self.length} frames")
        pairs = make_sequences(self.folder / "frames", self.length)
        workspaces = {}
        for number, (name, rules) in enumerate(RULES.items()):
            chosen = [pair[number] for pair in pairs]
            create(self.folder / name, rules, chosen, self.tracker, anchor_spacing=ANCHOR_SPACING)
            workspaces[name] = Workspace(self.folder / name)
        return workspaces

    def evaluate(self, name: str, workspace: Workspace) -> None:
        """`vot evaluate` once, and a check of everything that it should have left."""
        self.say(f"{name}: vot evaluate ({', '.join(experiment.name for experiment in workspace.experiments)})")
        faults = run(workspace, TRACKER, workers=min(2, os.cpu_count() or 1), attempts=1)
        self.failures += [f"{name}: {fault}" for fault in faults]

    def score(self, name: str, workspace: Workspace) -> str:
        """`vot analysis`, pysot's computation beside it, and their table."""
        self.say(f"{name}: vot analysis")
        toolkit = analyse_workspace(workspace, TRACKER)
        pysot = pysot_scores(list(workspace.sequences.values()), workspace.stack, workspace.results(TRACKER))
        self.failures += [f"{name}: no EAO for {experiment}" for experiment in _without_eao(workspace, toolkit, pysot)]
        return f"{TITLES[name]}; EAO over lengths of 10 to 30 frames\n{table(toolkit, pysot)}"

    def draw(self, workspaces: dict[str, Workspace]) -> list[Path]:
        """The overlay strip, and the video where OpenCV can encode one."""
        self.say("drawing the answers")
        masks, polygons = workspaces["masks"], workspaces["polygons"]
        frames: list[list[Picture]] = [list(drawn_frames(masks, polygons, TRACKER, name)) for name in masks.names]
        strip, video = self.folder / "overlay.png", self.folder / "overlay.mp4"
        write_strip(strip, frames)
        return [strip, video] if write_video(video, frames) else [strip]

    def attempt(self, what: str, step: Any, *arguments: Any) -> Any:
        """Run one step; an error of ours becomes a failure, and the next step is tried."""
        try:
            return step(*arguments)
        except SamnError as error:
            self.failures.append(f"{what}: {error}")
            return None


def _without_eao(workspace: Workspace, toolkit: dict[str, dict[str, Any]], pysot: dict[str, Score]) -> Sequence[str]:
    scored = [experiment.name for experiment in workspace.experiments if experiment.interval]
    values = {name: [toolkit.get(name, {}).get("eao")] for name in scored}
    for name, one in pysot.items():
        values[name].append(one.eao)
    return [name for name, found in values.items() if any(value is None or value != value for value in found)]


def demonstrate(folder: Path, tracker: str, length: int = LENGTH) -> int:
    """The whole demo; prints tables and paths, and returns 1 if any part failed."""
    demo = Demo(folder, tracker, length)
    workspaces = demo.prepare()
    for name, workspace in workspaces.items():
        demo.attempt(name, demo.evaluate, name, workspace)
    for name, workspace in workspaces.items():
        if text := demo.attempt(name, demo.score, name, workspace):
            print(f"\n{text}")
    if paths := demo.attempt("pictures", demo.draw, workspaces):
        print(f"\n{LEGEND}")
        for path in paths:
            print(path)
    for failure in demo.failures:
        print(f"FAILED {failure}", file=sys.stderr)
    demo.say("failed" if demo.failures else "done, all results complete")
    return 1 if demo.failures else 0


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot demo`."""
    parser = argparse.ArgumentParser(prog="samn vot demo", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("runs/demo"), help="default: runs/demo")
    parser.add_argument("--tracker", default="samn-lite", help="samn-lite, opencv-mil, package.module:factory, ...")
    parser.add_argument("--length", type=positive, default=LENGTH, help=f"frames a sequence (default: {LENGTH})")
    parser.add_argument(
        "--fill",
        type=Path,
        metavar="FOLDER",
        help="only put the sequences into a ready workspace, vot_workspace/demo",
    )
    given = parser.parse_args(argv)
    if given.fill:
        fill(given.fill)
        print(f"{given.fill}, {given.fill / 'masks'}: {len(KINDS)} sequences")
        print(f"next: vot evaluate --workspace {given.fill} MIL", file=sys.stderr)
        return 0
    if given.length < 35:
        raise ResultError("the demo needs sequences of 35 frames and more, EAO averages lengths up to 30")
    return demonstrate(given.directory, given.tracker, given.length)
