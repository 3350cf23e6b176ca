"""Three ways in which trackers of this kind fail, as generated video whose truth is exact, with the shipped weights.

Beside each case stands what the weights and rules of 2026-11-27 (no cues, no wrong memories in training) reached on it.
"""

from __future__ import annotations

import numpy as np
import pytest

from samn_tracker import load_tracker
from samn_tracker.core.tracker import Tracker
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.synthetic import make_sequence

FRAMES = 80


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return load_tracker("samn-lite", device="cpu", overrides={"runtime.threads": 1})


@pytest.mark.parametrize(
    ("kind", "seed", "least", "before"),
    [
        pytest.param("distractors", 1, 0.8, 0.03, id="a second object of the same kind crosses"),
        pytest.param("distractors", 2, 0.8, 0.22, id="two of the same kind cross"),
        pytest.param("decoy", 3, 0.95, 0.82, id="it leaves and comes back to where something of its colours is"),
        pytest.param("camouflage", 1, 0.9, 0.97, id="it passes over ground of its own colours"),
    ],
)
def test_the_target_is_kept(tracker: Tracker, kind: str, seed: int, least: float, before: float) -> None:
    sequence = make_sequence(kind, seed, FRAMES, textures="procedural")
    tracker.initialize(sequence.frame(0), sequence.box(0))
    overlaps, seen_absent = [], 0
    for index in range(1, FRAMES):
        answer = tracker.track(sequence.frame(index))
        visible = sequence.visibility(index)
        if visible == 0:
            seen_absent += answer.found
        elif visible > 0.3:
            assert answer.mask is not None
            overlaps.append(mask_iou(answer.mask * np.uint8(answer.found), sequence.mask(index)))
    assert np.mean(overlaps) >= least, f"{np.mean(overlaps):.3f}; it was {before} before"
    assert seen_absent == 0
