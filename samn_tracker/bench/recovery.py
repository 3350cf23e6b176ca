"""Losing and finding again: how soon a target that comes back is followed, and how often one is seen that is not there.

    samn bench recovery --tracker samn-lite --seeds 20
    samn bench recovery --tracker samn-lite --seeds 20 --set recovery.enabled=false

Generated sequences in which the target leaves the frame and comes back where it left, passes behind a pillar, or leaves
and comes back at the other end of the frame. "Found again" is an overlap of at least 0.3 within 10 frames of the first
frame in which a fifth of the target is seen again; false alarms are answers in frames in which nothing of it is seen.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from samn_tracker.errors import SamnError
from samn_tracker.files import write_atomic
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.digits import positive
from samn_tracker.runner.trackers import create_tracker
from samn_tracker.settings import add_behaviour, key_values
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.synthetic import SyntheticSequence, make_sequence

SCENARIOS = ("out of view", "full occlusion", "returns elsewhere")
_KINDS = {"out of view": "out_of_view", "full occlusion": "full_occlusion", "returns elsewhere": "out_of_view"}
_GENERATED = 140
_FRAMES_BEFORE = _FRAMES_AFTER = 10
_FULL_VIEW = 0.9
_SEEN_AGAIN = 0.2
_OVERLAP = 0.3


def sequences(scenario: str, count: int) -> Iterator[tuple[int, SyntheticSequence]]:
    """The first `count` seeds, with their sequences, in which the target is out of sight for a while and comes back."""
    for seed in itertools.count():
        if count == 0:
            return
        sequence = make_sequence(_KINDS[scenario], seed, _GENERATED, textures="procedural")
        visible = np.array([sequence.visibility(index) for index in range(sequence.length)])
        if (visible[np.argmax(visible == 0) :] >= _SEEN_AGAIN).any() and (visible == 0).any():
            count -= 1
            yield seed, sequence


@dataclass(frozen=True)
class Outcome:
    """One sequence: frames from the return to the first overlap (None: not within reach), and the false alarms."""

    scenario: str
    seed: int
    absent: int
    false_alarms: int
    found_after: int | None
    mean_overlap: float


def frame_indices(sequence: SyntheticSequence, scenario: str) -> tuple[list[int], int]:
    """The frames to show, from ten in full view to ten after the return, and the place of the return among them."""
    visible = np.array([sequence.visibility(index) for index in range(sequence.length)])
    gone = int(np.flatnonzero(visible == 0)[0])
    back = gone + int(np.flatnonzero(visible[gone:] >= _SEEN_AGAIN)[0])
    start = back
    if scenario == "returns elsewhere":
        start = _farthest(sequence, visible, gone)
    first = max(0, int(np.flatnonzero(visible[:gone] > _FULL_VIEW)[-1]) + 1 - _FRAMES_BEFORE)
    return [*range(first, back), *range(start, start + _FRAMES_AFTER)], back - first


def _farthest(
    sequence: SyntheticSequence, visible: np.ndarray[tuple[int, ...], np.dtype[np.float64]], gone: int
) -> int:
    """The frame in full view, late enough for what follows, in which the target is farthest from where it left."""
    boxes = np.array([sequence.box(index) for index in range(sequence.length)])
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    candidates = np.flatnonzero(visible[: sequence.length - _FRAMES_AFTER] > _FULL_VIEW)
    distances = np.linalg.norm(centres[candidates] - centres[gone], axis=1)
    return int(candidates[np.argmax(distances)])


def run(tracker: TrackerProtocol, scenario: str, seed: int, sequence: SyntheticSequence) -> Outcome:
    """Show one sequence to the tracker."""
    indices, back = frame_indices(sequence, scenario)
    tracker.initialize(sequence.frame(indices[0]), sequence.mask(indices[0]))
    absent, false_alarms, overlaps, after = 0, 0, [], None
    for place, index in enumerate(indices[1:], start=1):
        answer, truth = tracker.track(sequence.frame(index)), sequence.mask(index)
        if not truth.any():
            absent += 1
            false_alarms += answer.found
            continue
        overlap = mask_iou(answer.mask, truth) if answer.found and answer.mask is not None else 0.0
        overlaps.append(overlap)
        if place >= back and after is None and overlap >= _OVERLAP:
            after = place - back
    return Outcome(scenario, seed, absent, false_alarms, after, float(np.mean(overlaps)))


def table(outcomes: Sequence[Outcome]) -> str:
    """A line a scenario: share found again, median frames to it, share of absent frames with an answer."""
    lines = [
        f"{'scenario':<20}{'sequences':>10}{'found again':>13}{'frames to it':>14}{'false alarms':>14}{'overlap':>9}"
    ]
    for scenario in SCENARIOS:
        some = [one for one in outcomes if one.scenario == scenario]
        if some:
            waits = [one.found_after for one in some if one.found_after is not None]
            found = f"{len(waits) / len(some):.0%}"
            wait = f"{np.median(waits):.0f}" if waits else "-"
            alarms = f"{sum(one.false_alarms for one in some) / sum(one.absent for one in some):.1%}"
            overlap = np.mean([one.mean_overlap for one in some])
            lines.append(f"{scenario:<20}{len(some):>10}{found:>13}{wait:>14}{alarms:>14}{overlap:>9.3f}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="samn bench recovery", description=__doc__.split("\n")[0])
    parser.add_argument("--tracker", default="samn-lite")
    parser.add_argument("--device", default="auto")
    add_behaviour(parser, "a setting, e.g. recovery.enabled=false")
    parser.add_argument("--seeds", type=positive, default=20)
    parser.add_argument("--only", action="append", default=[], choices=SCENARIOS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    outcomes = []
    try:
        settings = key_values(arguments.set)
        tracker = create_tracker(arguments.tracker, arguments.device, settings)
        for scenario in arguments.only or SCENARIOS:
            for seed, sequence in sequences(scenario, arguments.seeds):
                outcomes.append(run(tracker, scenario, seed, sequence))
                print(outcomes[-1], file=sys.stderr)
    except SamnError as error:
        print(f"recovery: {error}", file=sys.stderr)
        return 1
    print(table(outcomes))
    if arguments.json:
        write_atomic(arguments.json, json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
