"""Do the fast and the plain path answer the same masks? Mean IoU between them on the development sequences.

    samn bench agreement --data ../shared/data/sequences

Every optimisation that has a switch is turned off alone, and then all of them. Each side has memories of its own, and
learns from its own masks; but before every frame the fast side is put where the plain one is, for a patch that is cut a
fraction of a pixel beside another changes a mask more than any rounding does. With --free both go their own way, as in
use, and differences add up; there J says more than agreement. J is given where a sequence has true masks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.bench.development import DevelopmentSequence, first_target, read_mask, read_sequences
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import SamnError
from samn_tracker.files import write_atomic
from samn_tracker.images import read_image
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.digits import positive
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.settings import add_behaviour, key_values
from samn_tracker.shapes.regions import mask_iou

_FLOAT32 = {"runtime.precision": "float32"}
_BFLOAT16 = {"runtime.precision": "bfloat16"}
_INT8 = {"runtime.precision": "int8"}
_WHOLE_PATCH = {"segmentation.decode_margin": "0"}
_ALL_SEEN = {"segmentation.decode_halo": "7"}

# What is compared: the settings of the fast and of the plain path.
COMPARISONS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "only the expected region decoded, all that it depends on read": (
        {**_FLOAT32, **_ALL_SEEN},
        {**_FLOAT32, **_WHOLE_PATCH},
    ),
    "less read around it": (_FLOAT32, {**_FLOAT32, **_ALL_SEEN}),
    "bfloat16": (_BFLOAT16, _FLOAT32),
    "int8": (_INT8, _FLOAT32),
    "all of them": ({}, {**_FLOAT32, **_WHOLE_PATCH}),
}


@dataclass(frozen=True)
class Agreement:
    """One comparison on one sequence: mean and least IoU between the two masks of a frame, and both sides' J."""

    comparison: str
    sequence: str
    frames: int
    mean_iou: float
    least_iou: float
    fast_jaccard: float | None
    plain_jaccard: float | None


def compare(
    comparison: str,
    fast: TrackerProtocol,
    plain: TrackerProtocol,
    sequence: DevelopmentSequence,
    frames: int | None = None,
    free: bool = False,
) -> Agreement:
    """Run both trackers over the sequence, or over its first `frames` frames after the start.

    Unless `free`, the fast one starts every frame from the plain one's place.
    """
    paths = sequence.frames[: None if frames is None else frames + 1]
    image, target = read_image(paths[0]), first_target(sequence)
    for tracker in (fast, plain):
        tracker.initialize(image, target)
    overlaps: list[float] = []
    jaccards: tuple[list[float], list[float]] = ([], [])
    for index, path in enumerate(paths[1:], start=1):
        image = read_image(path)
        if not free:
            put(fast, plain)
        masks = [_mask(tracker, image) for tracker in (fast, plain)]
        overlaps.append(mask_iou(masks[0], masks[1]))
        if sequence.masks is not None:
            truth = read_mask(sequence.masks[index])
            for side, mask in zip(jaccards, masks, strict=True):
                side.append(mask_iou(mask, truth))
    means = [float(np.mean(side)) if side else None for side in jaccards]
    return Agreement(
        comparison, sequence.name, len(paths) - 1, float(np.mean(overlaps)), float(np.min(overlaps)), means[0], means[1]
    )


def put(tracker: TrackerProtocol, other: TrackerProtocol) -> None:
    """Make `tracker` look where `other` will; nothing where they are not ours."""
    if isinstance(tracker, Tracker) and isinstance(other, Tracker):
        state, given = tracker.state, other.state
        assert state is not None and given is not None
        state.centre, state.size, state.extent = given.centre, given.size, given.extent


def _mask(tracker: TrackerProtocol, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mask = tracker.track(image).mask
    if mask is None:
        raise SamnError("this tracker answers no masks, so there is nothing to compare; take one of samn-…")
    return mask


def table(results: Sequence[Agreement]) -> str:
    """One line a comparison: the mean IoU over sequences, the sequence that agrees least, and J of both sides."""
    lines = [f"{'comparison':<64}{'mean IoU':>9}{'least sequence':>26}{'J fast':>8}{'J plain':>8}"]
    for comparison in dict.fromkeys(one.comparison for one in results):
        rows = [one for one in results if one.comparison == comparison]
        least = min(rows, key=lambda one: one.mean_iou)
        mean = float(np.mean([one.mean_iou for one in rows]))
        fast, plain = (
            _mean_text([getattr(one, side) for one in rows if getattr(one, side) is not None])
            for side in ("fast_jaccard", "plain_jaccard")
        )
        where = f"{least.mean_iou:.4f} {least.sequence}"
        lines.append(f"{comparison:<64}{mean:>9.4f}{where:>26}{fast:>8}{plain:>8}")
    return "\n".join(lines)


def _mean_text(values: Sequence[float]) -> str:
    return f"{float(np.mean(values)):.4f}" if values else "-"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; with --json also write every sequence's figures."""
    arguments = _parser().parse_args(argv)
    try:
        sequences = [one for one in read_sequences(arguments.data) if not arguments.only or one.name in arguments.only]
        settings = key_values(arguments.set)
        results = [
            one
            for title, sides in COMPARISONS.items()
            if not arguments.comparison or title in arguments.comparison
            for one in _compared(title, sides, sequences, settings, arguments)
        ]
    except SamnError as error:
        print(f"agreement: {error}", file=sys.stderr)
        return 1
    print(table(results))
    if arguments.json:
        write_atomic(arguments.json, json.dumps([asdict(one) for one in results], indent=1) + "\n")
    return 0


def _compared(
    title: str,
    sides: tuple[Mapping[str, str], Mapping[str, str]],
    sequences: Sequence[DevelopmentSequence],
    settings: Mapping[str, str],
    arguments: argparse.Namespace,
) -> list[Agreement]:
    fast, plain = (create_tracker(arguments.tracker, arguments.device, {**settings, **side}) for side in sides)
    results = []
    for sequence in sequences:
        results.append(compare(title, fast, plain, sequence, arguments.frames, arguments.free))
        print(f"agreement: {results[-1]}", file=sys.stderr)
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn bench agreement", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of development sequences")
    parser.add_argument("--tracker", default="samn-lite")
    parser.add_argument("--device", default="auto")
    add_behaviour(parser, "a setting of both sides")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this sequence; repeatable")
    parser.add_argument(
        "--comparison", action="append", default=[], choices=list(COMPARISONS), help="only this one; repeatable"
    )
    parser.add_argument("--frames", type=positive, help="only so many frames of each sequence")
    parser.add_argument("--free", action="store_true", help="both sides go their own way; differences add up")
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
