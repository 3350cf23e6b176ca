"""The files and functions of the product that one tracked frame passes:

    python docs/story.py [--each]

A frame in which both memories learn and the filter is updated, by torch on a CPU. Every function of the product that
has a name counts once, however often it is called: methods, properties, functions inside others and `forward` of each
kind of module, too. Those without a name of their own (lambdas, generators, comprehensions, what dataclasses write) and
those of libraries do not.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

import samn_tracker
from samn_tracker.loading import load_tracker
from samn_tracker.synthetic import make_sequence

ROOT = Path(samn_tracker.__file__).parent
FRAME = 10
"""The first frame whose update of the filter is due."""


def passed() -> dict[str, set[tuple[str, int]]]:
    """File -> name and line of each of its functions that the frame passes."""
    seen: dict[str, set[tuple[str, int]]] = defaultdict(set)

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(ROOT)) and not code.co_name.startswith("<"):
            seen[Path(code.co_filename).relative_to(ROOT).as_posix()].add((code.co_name, code.co_firstlineno))

    sequence = make_sequence("moving", 1, FRAME + 1, textures="procedural")
    tracker = load_tracker("samn-lite", "cpu", {"runtime.backend": "torch", "runtime.threads": 1})
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    for index in range(1, FRAME):
        tracker.track(sequence.frame(index))
    image = sequence.frame(FRAME)
    sys.setprofile(note)
    tracker.track(image)
    sys.setprofile(None)
    return dict(sorted(seen.items()))


def main() -> None:
    """Print the counts, and with `--each` every function."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", action="store_true", help="name them")
    story = passed()
    if parser.parse_args().each:
        for file, functions in story.items():
            print(file, *sorted(name for name, _ in functions))
    print(f"{len(story)} files, {sum(map(len, story.values()))} functions")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
