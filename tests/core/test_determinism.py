"""The same answer in every run and process, and with any number of threads: bit for bit, in float32 on the CPU."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE
from samn_tracker.core.tracker import Tracker
from samn_tracker.loading import load_tracker
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.synthetic import make_sequence

FRAMES = 6


def random_tracker(threads: int) -> Tracker:
    """With random weights that are the same in every process."""
    config = replace(
        SAMN_LITE.with_patch_size(128),
        spatial=replace(SAMN_LITE.spatial, patch_size=128),
        runtime=RuntimeConfig(precision="float32", threads=threads),
    )
    torch.manual_seed(5)
    return Tracker(Engine(Network(config.model), "cpu", config.runtime), config)


def answers(tracker: Tracker) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Boxes, masks and confidences on a short sequence."""
    sequence = make_sequence("moving", 0, FRAMES, (160, 120), "procedural")
    found = [tracker.initialize(sequence.frame(0), sequence.mask(0))]
    found += [tracker.track(sequence.frame(index)) for index in range(1, FRAMES)]
    return [(one.box, one.mask, one.confidence) for one in found if one.mask is not None]


def digest(threads: int) -> str:
    whole = hashlib.sha256()
    for box, mask, confidence in answers(random_tracker(threads)):
        whole.update(box.tobytes() + mask.tobytes() + np.float64(confidence).tobytes())
    return whole.hexdigest()


def in_a_process(threads: int, hash_seed: str) -> str:
    code = f"from test_determinism import digest; print(digest({threads}))"
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])  # noqa: PTH120
    environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_two_processes_answer_the_same_bits() -> None:
    assert in_a_process(1, "1") == in_a_process(1, "2")


def test_the_number_of_threads_changes_nothing_that_matters() -> None:
    """Sums are split among threads, so bits differ, and the filter's solver enlarges that; see docs/reliability.md."""
    settings = {"runtime.precision": "float32", "mask_start.patch_size": 192}
    before = torch.get_num_threads()
    try:
        one, two = (
            answers(load_tracker("samn-lite", "cpu", settings | {"runtime.threads": threads})) for threads in (1, 2)
        )
    finally:
        torch.set_num_threads(before)
    for (box, mask, confidence), (other_box, other_mask, other_confidence) in zip(one, two, strict=True):
        assert mask_iou(mask, other_mask) >= 0.99
        assert box == pytest.approx(other_box, abs=1)
        assert confidence == pytest.approx(other_confidence, abs=0.02)


def test_tracking_draws_no_random_numbers() -> None:
    """So there is no seed that a run could forget to record."""
    tracker = random_tracker(1)
    before = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    answers(tracker)
    after = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    assert before[0] == after[0]
    assert str(before[1]) == str(after[1])
    assert torch.equal(before[2], after[2])
