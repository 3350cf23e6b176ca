"""What only a GPU can show: the same answers as on a CPU, few waits, and memory that does not grow.

tests/runtime/test_device_path.py looks at the same steps without one.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker import load_tracker
from samn_tracker.core.config import SAMN_R50
from samn_tracker.core.multi_tracker import MultiTracker
from samn_tracker.core.tracker import Tracker
from samn_tracker.loading import find_weights
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig
from samn_tracker.model.network import Network
from samn_tracker.model.weights import load_weights
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.synthetic import make_multi_object, make_sequence

pytestmark = pytest.mark.gpu

SETTINGS = {"box_start.patch_size": 160, "mask_start.patch_size": 160}


def _tracker(device: str, precision: str, **settings: object) -> Tracker:
    return load_tracker("samn-lite", device, {**SETTINGS, "runtime.precision": precision, **settings})


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.98), ("bfloat16", 0.95)])
def test_masks_are_those_of_a_cpu(precision: str, least: float) -> None:
    """From the same place in every frame, for a patch cut elsewhere changes more than rounding does."""
    sequence = make_sequence("moving", seed=8, length=12, textures="procedural")
    fast, plain = _tracker("cuda", precision), _tracker("cpu", "float32")
    overlaps = []
    for index in range(sequence.length):
        image = sequence.frame(index)
        if index == 0:
            masks = [one.initialize(image, sequence.mask(0)).mask for one in (fast, plain)]
        else:
            assert fast.state is not None and plain.state is not None
            fast.state.centre, fast.state.size, fast.state.extent = (
                plain.state.centre,
                plain.state.size,
                plain.state.extent,
            )
            masks = [one.track(image).mask for one in (fast, plain)]
        assert masks[0] is not None and masks[1] is not None
        overlaps.append(mask_iou(masks[0], masks[1]))
    assert np.mean(overlaps) > least


def test_several_objects_are_those_of_a_cpu() -> None:
    sequence = make_multi_object(seed=1, length=6, objects=3)
    network, info = load_weights(find_weights("samn-lite"))
    config = replace(_tracker("cpu", "float32").config, model=info.model)
    trackers = [MultiTracker(Engine(network, device, config.runtime), config) for device in ("cuda", "cpu")]
    for one in trackers:
        one.initialize_objects(sequence.frame(0), sequence.labels(0))
    for index in range(1, sequence.length):
        fast, plain = (one.track_objects(sequence.frame(index)) for one in trackers)
        assert (fast == plain).mean() > 0.99


@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("weighting", ["emd", "cosine", "linear"])
def test_the_memory_answers_as_on_a_cpu(weighting: str, similarity: str) -> None:
    dynamic = DynamicConfig(weighting=weighting, solver="entropic")  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(4)
    frames = [
        (torch.randn(2, 16, 9, 9, generator=generator), torch.randn(2, 24, 9, 9, generator=generator)) for _ in range(9)
    ]
    query = torch.randn(1, 16, 9, 9, generator=generator)
    reads, weights = [], []
    for device in ("cpu", "cuda"):
        bank = AppearanceBank(AppearanceConfig(capacity=4, interval=2), dynamic, similarity)  # type: ignore[arg-type]
        for index, (key, value) in enumerate(frames):
            if index == 0:
                bank.start(key.to(device), value.to(device))
            else:
                bank.memorise(key.to(device), value.to(device), index)
            reads.append(bank.read(query.to(device)).cpu())
            weights.append(bank.weights.cpu())
    for found in (reads, weights):
        for here, there in zip(found[: len(frames)], found[len(frames) :], strict=True):
            torch.testing.assert_close(there, here, atol=1e-3, rtol=1e-3)


def test_a_frame_waits_for_the_device_a_few_times() -> None:
    """For the peak, for the mask, and at times for the frame to forget; each wait is a warning in this mode."""
    sequence = make_sequence("moving", seed=8, length=20, textures="procedural")
    tracker = _tracker("cuda", "auto")
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    for index in range(1, 10):
        tracker.track(sequence.frame(index))
    waits = []
    torch.cuda.set_sync_debug_mode("warn")
    try:
        for index in range(10, 20):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                tracker.track(sequence.frame(index))
            waits.append(sum("synchroniz" in str(one.message) for one in caught))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert 1 <= np.median(waits) <= 3


def test_memory_of_the_device_does_not_grow() -> None:
    sequence = make_sequence("moving", seed=8, length=30, textures="procedural")
    tracker = _tracker("cuda", "auto", **{"appearance.capacity": 4})
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    allocated = []
    for index in [*range(1, 30), *range(28, -1, -1), *range(1, 30)]:
        tracker.track(sequence.frame(index))
        allocated.append(torch.cuda.memory_allocated())
    assert max(allocated[58:]) <= max(allocated[29:58])


def test_the_paper_widths_run_in_bfloat16() -> None:
    engine = Engine(Network(SAMN_R50.model), "cuda")
    assert engine.dtype == torch.bfloat16
    encoded = engine.encode(np.zeros((1, 128, 128, 3), np.uint8))
    memory = engine.memorise(encoded, np.ones((2, 128, 128), np.float32))
    assert memory.value.shape == (2, 512, 8, 8)
    assert np.isfinite(engine.segment(memory.value, encoded)).all()
