"""Milliseconds a frame of a tracker; run as a file, with any checkout of ours on the path.

    frame_times.py TRACKER THREADS FOLDER

FOLDER holds `target.npy` and `frames.txt`, a path a line. Each line of standard input is answered by the milliseconds a
frame, of the processor and of the clock, of one pass over the frames after the first, from files to answers. Only what
every checkout has is used here.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

PASSES_BEFORE = 2
"""So that the memories are full, and everything is compiled."""


def main() -> None:
    """Answer until the input ends."""
    from samn_tracker.images import read_image
    from samn_tracker.loading import load_tracker

    spec, threads, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    first, *frames = (folder / "frames.txt").read_text(encoding="utf-8").splitlines()
    tracker = load_tracker(spec, "cpu", {"runtime.threads": str(threads)})
    tracker.initialize(read_image(Path(first)), np.load(folder / "target.npy"))

    def passes(count: int) -> None:
        for _ in range(count):
            for path in frames:
                tracker.track(read_image(Path(path)))

    passes(PASSES_BEFORE)
    for _ in sys.stdin:
        start = time.process_time(), time.perf_counter()
        passes(1)
        taken = time.process_time() - start[0], time.perf_counter() - start[1]
        print(*(1000 * seconds / len(frames) for seconds in taken), flush=True)


if __name__ == "__main__":
    main()
