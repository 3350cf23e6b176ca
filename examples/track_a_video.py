"""Track one object through a video with the Python API, and draw what was found.

    python examples/track_a_video.py holiday.mp4 310,120,80,60 out.mp4

`samn track` does the same and more; this is what to start from when the answers are needed in a program.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from samn_tracker import load_tracker
from samn_tracker.app.sources import open_source
from samn_tracker.app.video import VideoWriter
from samn_tracker.shapes.overlay import draw_answers


def main(argv: Sequence[str] | None = None) -> int:
    """Track, print each frame's answer, write the video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", help="video file, or folder of images")
    parser.add_argument("box", help="x,y,w,h in the first frame")
    parser.add_argument("output", type=Path, help="MP4 file")
    parser.add_argument("--weights", default="samn-lite", help="a shipped name or a .safetensors file")
    arguments = parser.parse_args(argv)

    source = open_source(arguments.video)
    writer = VideoWriter(arguments.output, source.frames_per_second)
    tracker = load_tracker(arguments.weights)
    for position, frame in enumerate(source):
        if position == 0:
            answer = tracker.initialize(frame.image, np.array(arguments.box.split(","), dtype=float))
        else:
            answer = tracker.track(frame.image)
        print(frame.index, answer.box.round(1).tolist(), f"{answer.confidence:.2f}", answer.found)
        writer.write(draw_answers(frame.image, {1: answer}))
    writer.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
