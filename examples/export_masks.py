"""Track every object of a first mask through a folder of images, and write a mask for each image.

    python examples/export_masks.py frames first.png masks

`first.png` is an indexed PNG whose values are object ids, as DAVIS and most annotation tools write them; so are the
masks, named like the images. All objects are tracked in one pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from samn_tracker.files import write_atomic
from samn_tracker.images import read_image
from samn_tracker.runner.frames import read_frames
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.object_map import read_objects
from samn_tracker.runner.objects import create_object_tracker


def main(argv: Sequence[str] | None = None) -> int:
    """Track and write; prints each object's share of the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="folder of images, in the order of their names")
    parser.add_argument("mask", type=Path, help="indexed PNG of the first image")
    parser.add_argument("output", type=Path, help="folder for the masks")
    parser.add_argument("--weights", default="samn-lite", help="a shipped name or a .safetensors file")
    arguments = parser.parse_args(argv)

    first = read_objects(arguments.mask)
    ids = [int(one) for one in np.unique(first) if one]
    tracker = create_object_tracker(arguments.weights)
    for index, path in enumerate(read_frames(arguments.images).paths):
        image = read_image(path)
        labels = tracker.track_objects(image) if index else tracker.initialize_objects(image, first)
        write_atomic(arguments.output / f"{path.stem}.png", encode_labels(labels))
        print(path.stem, {one: f"{(labels == one).mean():.1%}" for one in ids})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
