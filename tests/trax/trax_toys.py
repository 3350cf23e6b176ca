"""Trackers that speak TraX without the library, each with one vice; and one tracker of the contract.

    python trax_toys.py VICE [NOTES]     a line of NOTES for every start and initialisation

Their answer moves by half a pixel a frame.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import numpy as np

from samn_tracker.prediction import Prediction

FRAME = 7


class Still:
    """In process, what the toys answer."""

    start = "box"

    def initialize(self, image: np.ndarray, target: np.ndarray) -> Prediction:
        self.box = np.asarray(target, dtype=np.float64)
        return Prediction(box=self.box)

    def track(self, image: np.ndarray) -> Prediction:
        self.box = self.box + np.array([0.5, 0.25, 0, 0])
        return Prediction(box=self.box)


def say(kind: str, *arguments: str) -> None:
    sys.stdout.write(f"@@TRAX:{kind} " + " ".join(f'"{one}"' for one in arguments) + "\n")
    sys.stdout.flush()


def misbehave(vice: str) -> None:
    """What is done at the seventh frame, before the answer or in its place."""
    if vice == "hang":
        time.sleep(600)
    if vice == "crash":
        print("Segmentation fault (not really)", file=sys.stderr, flush=True)
        os._exit(3)
    if vice == "garbage":
        sys.stdout.write("\x00\xff not TraX \n" * 100_000)
        sys.stdout.flush()
        time.sleep(600)
    if vice == "endless":
        sys.stdout.write('@@TRAX:state "')
        while True:
            sys.stdout.write("1," * 50_000)
    if vice == "chatter":
        print("loading layer 3 ... ", end="")
    if vice == "quit":
        say("quit", "trax.reason=out of memory")
        sys.exit(0)


def main(vice: str, notes: str = os.devnull, version: str = "4") -> None:
    note = Path(notes)
    with note.open("a") as stream:
        stream.write("started\n")
    if vice == "mute":
        time.sleep(600)
    regions = {"mask": "mask;", "polygon": "polygon;"}.get(vice, "rectangle;")
    say("hello", f"trax.version={version}", "trax.name=toy", "trax.image=path;", f"trax.region={regions}")
    numbers, frame = [0.0] * 4, 0
    for line in sys.stdin:
        arguments = re.findall(r'"([^"]*)"', line)
        if line.startswith("@@TRAX:quit"):
            if vice == "deaf":
                time.sleep(600)
            return
        if line.startswith("@@TRAX:initialize"):
            if not arguments:  # version 4: forget all
                continue
            region = arguments[0] if version == "4" else arguments[1]
            with note.open("a") as stream:
                stream.write(" ".join([region[:40], *arguments[2:]]) + "\n")
            numbers, frame = [float(one) for one in region.removeprefix("mask:").split(",")], 0
            if version == "4":
                continue
        else:
            assert Path(arguments[0].removeprefix("file://")).is_file(), arguments
        if frame:
            numbers = [numbers[0] + 0.5, numbers[1] + 0.25, *numbers[2:]]
        frame += 1
        answer = ",".join(map(str, numbers))
        if vice == "mask":
            answer = region
        if frame == FRAME:
            misbehave(vice)
            answer = {"nan": "nan,1,5,5", "noregion": "a box", "lost": "0"}.get(vice, answer)
        say("state", answer, *(["confidence=0.5"] if vice == "confident" else []))


if __name__ == "__main__":
    main(*sys.argv[1:])
