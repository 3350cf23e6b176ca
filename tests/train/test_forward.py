"""The training pass and the tracker are one and the same computation."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.core.start import first_mask_crop
from samn_tracker.core.tracker import Tracker
from samn_tracker.memory.config import DynamicConfig
from samn_tracker.model.network import Network, target_probability
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.geometry import Window
from samn_tracker.train.forward import Batch, recall, segment

SIZE = 128


def scene(seed: int, frames: int = 3) -> tuple[list[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Images (128, 128, 3) and the first mask: a square of 32 pixels in the middle, so that the tracker's window
    is the image itself."""
    rng = np.random.default_rng(seed)
    images = [cv2.resize(rng.integers(0, 255, (16, 16, 3), np.uint8), (SIZE, SIZE)) for _ in range(frames)]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[48:80, 48:80] = 1
    return images, mask


def settings(base: TrackerConfig, weighting: str) -> TrackerConfig:
    """A tracker that neither moves nor rescales its window, takes every pixel for the target and reads every cell."""
    return base.with_overrides(
        {
            "box_start.patch_size": SIZE,
            "mask_start.patch_size": SIZE,
            "segmentation.follow": "peak",
            "segmentation.search_factor": 4.0,
            "mask_start.threshold": 0.0,
            "mask_start.thin_background": False,
            "spatial.enabled": False,
            "first_look.enabled": False,
            "appearance.interval": 1,
            "dynamic.weighting": weighting,
            "runtime.precision": "float32",
        }
    )


def batch_of(images: list[NDArray[np.uint8]], first: NDArray[np.uint8], box_start: bool, shown: bool = False) -> Batch:
    frames = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)[None].float() / 255
    given = torch.from_numpy(first)[None, None].float()
    count = len(images)
    masks = torch.zeros(1, count, SIZE, SIZE, dtype=torch.uint8)
    still, no = torch.eye(3).expand(1, count, 3, 3), torch.zeros(1, count, dtype=torch.bool)
    middle = torch.full((1, count, 2), SIZE / 2)
    return Batch(frames, masks, given, torch.tensor([box_start]), middle, still, masks.float(), no, no | shown)


def trained(base: TrackerConfig) -> Network:
    """A network with random weights, its answer stretched so that masks are not flat."""
    torch.manual_seed(4)
    network = Network(base.model).eval()
    with torch.no_grad():
        for parameter in list(network.decoder.parameters())[-2:]:
            parameter.mul_(20)
    return network


@pytest.mark.parametrize("frames", [3, 5])
@pytest.mark.parametrize("weighting", ["none", "emd"])
@pytest.mark.parametrize("variant", ["lite", "r50", "published"])
def test_training_and_tracker_give_the_same_masks(variant: str, weighting: str, frames: int) -> None:
    base = SAMN_LITE
    if variant != "lite":
        published = {"aggregate_single": True, "location_sampling": "corner"} if variant == "published" else {}
        base = replace(SAMN_R50, model=replace(SAMN_R50.model, trunk="resnet18", **published))
    network, config = trained(base), settings(base, weighting)
    images, mask = scene(0, frames)
    tracker = Tracker(Engine(network, "cpu", config.runtime), config)
    tracker.keep_observation = True
    tracker.initialize(images[0], mask)
    shown = []
    for image in images[1:]:
        assert tracker.track(image).found
        assert tracker.observation is not None
        shown.append(tracker.observation.probability)
    with torch.no_grad():
        dynamic = DynamicConfig(weighting="emd") if weighting == "emd" else None
        logits = segment(network, batch_of(images, mask, False), dynamic)
    for expected, answer in zip(shown, logits, strict=True):
        assert expected.std() > 1e-3
        np.testing.assert_allclose(target_probability(answer)[0, 0].numpy(), expected, atol=2e-4)


@pytest.mark.parametrize(("cue", "frames"), [("previous_mask", 4), ("pixel_score", 2)])
def test_training_and_tracker_are_told_the_same_cues(cue: str, frames: int) -> None:
    """The tracker's pixel model learns every third frame, training's every one: they agree on the first prediction."""
    base = replace(SAMN_LITE, model=replace(SAMN_LITE.model, **{cue: True}))
    network, config = trained(base), settings(base, "none")
    assert network.cue is not None
    plain = scene_masks(network, config, frames)
    torch.nn.init.normal_(network.cue.weight, 0, 0.5)
    shown = scene_masks(network, config, frames)
    images, mask = scene(0, frames)
    with torch.no_grad():
        logits = segment(network, batch_of(images, mask, False, shown=True))
    for expected, answer in zip(shown, logits, strict=True):
        np.testing.assert_allclose(target_probability(answer)[0, 0].numpy(), expected, atol=2e-3)
    assert np.abs(shown[-1] - plain[-1]).max() > 0.05  # the cue is heard


def scene_masks(network: Network, config: TrackerConfig, frames: int) -> list[NDArray[np.float32]]:
    """What the tracker sees in the scene's frames after the first."""
    images, mask = scene(0, frames)
    tracker = Tracker(Engine(network, "cpu", config.runtime), config)
    tracker.keep_observation = True
    tracker.initialize(images[0], mask)
    seen = []
    for image in images[1:]:
        assert tracker.track(image).found
        assert tracker.observation is not None
        seen.append(tracker.observation.probability)
    return seen


@pytest.mark.parametrize("aggregated", [False, True])
def test_training_and_tracker_start_alike_from_a_box(aggregated: bool) -> None:
    base = replace(SAMN_LITE, model=replace(SAMN_LITE.model, aggregate_single=aggregated))
    network = trained(base)
    config = settings(base, "none").with_overrides(
        {"segmentation.box_start_minimum_fill": 0.0, "box_start.threshold": 0.0}
    )
    images, box = scene(1)
    engine, window = Engine(network, "cpu", config.runtime), Window((64, 64), SIZE, SIZE)
    given = np.array([48.0, 48.0, 32.0, 32.0])
    started = first_mask_crop(engine, config, engine.encode(images[0][None]), window, given, (SIZE, SIZE)).crop
    with torch.no_grad():
        logits = segment(network, batch_of([images[0], images[0], images[2]], box, True))
    predicted = target_probability(logits[0])[0, 0].numpy()
    inside = started > 0
    assert 32 * 32 <= inside.sum() <= 42 * 42
    np.testing.assert_allclose(predicted[inside], started[inside], atol=2e-4)


def test_a_box_start_remembers_the_predicted_mask_instead_of_the_box() -> None:
    network = trained(SAMN_LITE)
    images, box = scene(2)
    images[1] = images[0]
    batch = batch_of(images, box, True)
    allowed = torch.from_numpy(cv2.dilate(box, np.ones((11, 11), np.uint8)))[None, None]
    with torch.no_grad():
        second, third = segment(network, batch)
        pseudo = target_probability(second) * allowed
        start, now = (network.encode_query(batch.frames[:, frame]) for frame in (0, 2))
        memory = network.encode_memory(batch.frames[:, 0], pseudo, start)
        expected = recall(network, now, [memory], torch.full((1, 2), SIZE / 2), None)
    torch.testing.assert_close(third, expected, atol=1e-4, rtol=1e-4)


def test_aggregated_weights_are_trained_on_the_aggregated_probability() -> None:
    """Same parameters, read both ways: the logits double, and so does the margin that the loss sees."""
    plain = trained(SAMN_LITE)
    aggregated = Network(replace(SAMN_LITE.model, aggregate_single=True))
    aggregated.load_state_dict(plain.state_dict())
    images, mask = scene(5, 2)
    with torch.no_grad():
        (one,), (other,) = (segment(network.eval(), batch_of(images, mask, False)) for network in (plain, aggregated))
    p, q = target_probability(one), target_probability(other)
    torch.testing.assert_close(q, p**2 / (p**2 + (1 - p) ** 2))
    assert float((p - q).abs().max()) > 0.05


def test_gradients_reach_every_learning_part() -> None:
    torch.manual_seed(0)
    network = Network(SAMN_LITE.model)
    images, mask = scene(3)
    sum(answer.square().mean() for answer in segment(network, batch_of(images, mask, False))).backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []
