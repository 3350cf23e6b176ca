"""What the released loop decides on what was seen: a table of cases, each worked out by hand.

The patch is the whole image of 128 x 128, cut around its middle, where the spatial memory's peak is: so the contour's
middle is the next centre. A contour runs through the centres of pixels: one of 20 x 20 pixels has 19 x 19.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from frame_cases import SIDE, TARGET, blobs, some_observation, some_state

from samn_tracker.core.config import VARIANTS, StartConfig
from samn_tracker.core.decide import decide

CONFIG = VARIANTS["published"]
PLACE = (64.0, 64.0)
LOW = {"start": StartConfig(threshold=0.2, scale_step=0.1)}
FLAT = {"size": np.array([20.0, 8.0])}
"""The next smaller side of at least 10 pixels makes (25, 10) of it."""


def beside(probability: float) -> dict[str, Any]:
    """The target, and five columns to its right."""
    return {"probability": blobs((TARGET, 0.9), ((70, 40, 5, 20), probability))}


LARGER = {"probability": blobs(((50, 40, 21, 21), 0.9))}

# Each row: its name, changes of the observation and of the state, and what is decided.
FOUND = [
    ("as always", {}, {}, {"box": TARGET, "confidence": 0.9, "centre": (59.5, 49.5), "size": (20, 20), "pixels": 361}),
    ("reaches from the centre", {}, {}, {"extent": [[-9.5, -9.5], [10.5, 10.5]], "lost_frames": 0, "elsewhere": 0}),
    (
        "reaches further across than down",
        {"probability": blobs(((50, 40, 24, 20), 0.9))},
        {},
        {"centre": (61.5, 49.5), "extent": [[-11.5, -9.5], [12.5, 10.5]]},
    ),
    ("the contour's middle is taught", {}, {"lost_frames": 3}, {"taught": (29.75, 24.75), "lost_frames": 0}),
    ("all is kept", {"trusted": False}, {}, {"appearance": True, "taught": None}),
    ("less sure where the filter is", {"uncertainty": 2.0}, {}, {"confidence": 0.45}),
    ("unsure, but not ruled out", {"uncertainty": 9.9}, {}, {"confidence": 0.9 / 9.9}),
    ("larger than the least contour", {"probability": blobs(((58, 48, 9, 9), 0.9))}, {}, {"pixels": 64}),
    ("on the threshold is outside", beside(0.5), {}, {"box": TARGET, "mask": 400}),
    ("above it is inside", beside(0.51), {}, {"box": (50, 40, 25, 20), "mask": 500}),
    ("the box has the start's threshold", beside(0.3), LOW, {"box": (50, 40, 25, 20), "mask": 400}),
    ("and the mask its own", beside(0.5), LOW, {"box": (50, 40, 25, 20), "mask": 400}),
    (
        "a patch pixel is two of the image",
        {"scale": 2.0, "place": (128.0, 128.0), "probability": blobs(((40, 40, 20, 20), 0.9))},
        {"size": np.array([30.0, 30.0])},
        {"centre": (99, 99), "box": (80, 80, 40, 40), "size": (33, 33), "pixels": 361},
    ),
    # how large
    ("grows", LARGER, {}, {"size": (21, 21)}),
    ("the filter is sure enough", {**LARGER, "uncertainty": 3.4}, {}, {"size": (21, 21)}),
    ("it is not", {**LARGER, "uncertainty": 3.5}, {}, {"size": (20, 20)}),
    ("no jump yet", {}, {"areas": deque([181])}, {"centre": (59.5, 49.5), "size": (20, 20)}),
    ("a jump", {}, {"areas": deque([180]), **FLAT}, {"centre": PLACE, "size": (25, 10)}),
    ("a jump, unsure", {"trusted": False}, {"areas": deque([180]), **FLAT}, {"centre": (55, 50), "size": (20, 8)}),
]
UNSEEN = [
    ("the filter rules it out", {"uncertainty": 10.0}),
    ("nothing is seen", {"probability": blobs()}),
    ("too small a contour", {"probability": blobs(((58, 48, 8, 8), 0.9))}),
    ("outside of the image", {"scale": 2.0, "probability": blobs(((100, 100, 20, 20), 0.9))}),
]


@pytest.mark.parametrize(("seen", "before", "expected"), [pytest.param(*row[1:], id=row[0]) for row in FOUND])
def test_a_found_target(seen: dict[str, Any], before: dict[str, Any], expected: dict[str, Any]) -> None:
    decision = decide(some_state(**before), some_observation(**{"place": PLACE, **seen}), CONFIG)
    assert decision.answer.found and decision.answer.mask is not None
    remembered = decision.remember
    got = {
        "box": decision.answer.box,
        "mask": int(decision.answer.mask.sum()),
        "confidence": decision.answer.confidence,
        "centre": decision.centre,
        "size": decision.size,
        "extent": decision.extent,
        "pixels": decision.pixels,
        "lost_frames": decision.lost_frames,
        "elsewhere": len(decision.elsewhere),
        "appearance": remembered.appearance is not None,
        "taught": None if remembered.filter is None else remembered.filter.centre_crop,
    }
    for name, value in expected.items():
        if value is None or isinstance(value, bool):
            assert got[name] is value, name
        else:
            np.testing.assert_allclose(got[name], value, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("seen", [pytest.param(row[1], id=row[0]) for row in UNSEEN])
def test_an_unseen_target_is_answered_at_the_peak_in_its_old_size(seen: dict[str, Any]) -> None:
    state = some_state(lost_frames=4, **FLAT)
    decision = decide(state, some_observation(**{"place": PLACE, **seen}), CONFIG)
    answer = decision.answer
    assert (answer.found, answer.confidence) == (False, 0.0)
    assert answer.box.tolist() == [51.5, 59, 25, 10]
    assert answer.polygon is not None and answer.polygon[0].tolist() == [51.5, 59]
    assert (decision.centre.tolist(), decision.size.tolist()) == ([64, 64], [20, 8])
    assert decision.extent is state.extent and decision.lost_frames == 5
    assert decision.pixels is None and len(decision.elsewhere) == 0
    assert decision.remember.appearance is None and decision.remember.filter is None


def test_the_patch_of_the_cases_is_the_image() -> None:
    window = some_observation(place=PLACE).window
    assert (window.centre, window.side, window.size) == (PLACE, SIDE, SIDE)
