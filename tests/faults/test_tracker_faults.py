"""What the tracker itself can meet: bad weights and numbers, targets of every size, images of every size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Note, last_line, samn

from samn_tracker import load_tracker
from samn_tracker.core.config import SAMN_LITE, TrackerConfig
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import EnvironmentProblemError, WeightsError
from samn_tracker.model.network import Network
from samn_tracker.model.weights import load_weights, save_weights
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.synthetic import make_sequence

CONFIG: TrackerConfig = replace(
    SAMN_LITE.with_patch_size(96),
    spatial=replace(SAMN_LITE.spatial, patch_size=96),
    runtime=RuntimeConfig(precision="float32"),
)


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    torch.manual_seed(5)
    yield Tracker(Engine(Network(CONFIG.model), "cpu", CONFIG.runtime), CONFIG)


def _sound(answer: Prediction, shape: tuple[int, int]) -> None:
    assert np.isfinite(answer.box).all() and (answer.box[2:] > 0).all()
    assert answer.polygon is not None and np.isfinite(answer.polygon).all()
    assert answer.mask is not None and answer.mask.shape == shape
    assert 0 <= answer.confidence <= 1


def _frames(count: int, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(0)
    ground = generator.integers(0, 255, (*shape, 3), dtype=np.uint8)
    for index in range(count):
        yield np.roll(ground, index, axis=1)


def test_weights_that_are_not_finite(tmp_path: Path, note: Note) -> None:
    network = Network(CONFIG.model)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = float("nan")
    path = tmp_path / "nan.safetensors"
    save_weights(path, network, "samn-lite", {})
    with pytest.raises(WeightsError, match="not finite") as caught:
        load_weights(path)
    note("weights with a NaN: load", str(caught.value).replace(str(tmp_path), "..."))
    result = samn("weights", "verify", path)
    note("samn weights verify: weights with a NaN", last_line(result).replace(str(tmp_path), "..."))
    assert result.returncode == 1


def test_weights_file_cut_off(tmp_path: Path, note: Note) -> None:
    path = tmp_path / "cut.safetensors"
    save_weights(path, Network(CONFIG.model), "samn-lite", {})
    path.write_bytes(path.read_bytes()[:-100])
    result = samn("weights", "verify", path)
    note("samn weights verify: file cut off", last_line(result).replace(str(tmp_path), "..."))
    assert result.returncode == 1


def test_activations_that_are_not_finite(tracker: Tracker, note: Note) -> None:
    sequence = make_sequence("moving", 0, 4, (128, 96), "procedural")
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    weight = next(tracker.engine.backend.network.query_encoder.parameters())
    kept = weight.detach().clone()
    with torch.inference_mode():
        weight.fill_(float("inf"))
    answer = tracker.track(sequence.frame(1))
    _sound(answer, (96, 128))
    assert not answer.found
    with torch.inference_mode():
        weight.copy_(kept)
    tracker.track(sequence.frame(2))
    with torch.inference_mode():
        weight.fill_(float("inf"))
    with pytest.raises(WeightsError, match="not finite") as caught:
        tracker.initialize(sequence.frame(0), sequence.mask(0))
    note("activations become infinite between frames", "target lost, last answer kept, next good frame is tracked")
    note("activations infinite at the start", str(caught.value))


def test_memory_that_runs_out(tracker: Tracker, monkeypatch: pytest.MonkeyPatch, note: Note) -> None:
    """Here what torch raises on a full GPU is raised by hand; test_memory_of_the_gpu fills a real one."""

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    sequence = make_sequence("moving", 0, 4, (128, 96), "procedural")
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    with monkeypatch.context() as patch:
        patch.setattr(tracker.engine.backend, "run", full)
        with pytest.raises(EnvironmentProblemError, match="--device cpu") as caught:
            tracker.track(sequence.frame(1))
    note("memory of the device runs out", str(caught.value))
    _sound(tracker.track(sequence.frame(1)), (96, 128))


@pytest.mark.gpu
def test_memory_of_the_gpu(note: Note) -> None:
    hog = []
    with pytest.raises(EnvironmentProblemError, match="--device cpu") as caught:
        torch.cuda.set_per_process_memory_fraction(0.001)
        engine = Engine(Network(CONFIG.model), "cuda", CONFIG.runtime)
        hog.append(engine.encode(np.zeros((64, 384, 384, 3), np.uint8)))
    torch.cuda.set_per_process_memory_fraction(1.0)
    note("memory of the GPU runs out", str(caught.value))


def test_target_absent_for_hundreds_of_frames(note: Note) -> None:
    """With the shipped weights, which are to know better; what is left is the ground without the target."""
    settings = {
        "box_start.patch_size": "96",
        "mask_start.patch_size": "96",
        "segmentation.minimum_pixels": "10",
        "recovery.enabled": "true",
    }
    tracker = load_tracker("samn-lite", "cpu", settings | {"runtime.precision": "float32"})
    sequence = make_sequence("moving", 0, 12, (128, 96), "procedural")
    tracker.initialize(sequence.frame(0), sequence.mask(0))
    followed = sum(tracker.track(sequence.frame(index)).found for index in range(1, 12))
    grey = np.full((96, 128, 3), 90, np.uint8)
    found = 0
    for _ in range(300):
        answer = tracker.track(grey)
        _sound(answer, (96, 128))
        found += answer.found
    again = tracker.track(sequence.frame(11))
    assert followed == 11 and found == 0 and again.found
    assert tracker.state is not None
    assert len(tracker.state.bank.frame_indices) <= CONFIG.appearance.capacity
    note("target absent for 300 frames", f"{found} answers believed, memory bounded, found again in the first frame")


@pytest.mark.parametrize(
    ("name", "box", "shape"),
    [
        ("target covers the whole image", (0, 0, 128, 96), (96, 128)),
        ("target larger than the image", (-50, -50, 300, 300), (96, 128)),
        ("target of 1 pixel", (60, 40, 1, 1), (96, 128)),
        ("target of a hundredth of a pixel", (60.5, 40.5, 0.01, 0.01), (96, 128)),
        ("target of 1 x 96 pixels", (60, 0, 1, 96), (96, 128)),
        ("target in the corner, mostly outside", (-19, -19, 20, 20), (96, 128)),
        ("image of 8 x 8 pixels", (2, 2, 3, 3), (8, 8)),
        ("image of 1 x 1 pixel", (0, 0, 1, 1), (1, 1)),
        ("image of 2 x 3000 pixels", (1500, 0, 40, 2), (2, 3000)),
        ("image of 8k", (4000, 2000, 300, 200), (4320, 7680)),
    ],
)
@pytest.mark.parametrize("kind", ["box", "mask"])
def test_extreme_sizes(
    tracker: Tracker, name: str, box: tuple[float, ...], shape: tuple[int, int], kind: str, note: Note
) -> None:
    target: np.ndarray = np.array(box, dtype=np.float64)
    if kind == "mask":
        target = np.zeros(shape, np.uint8)
        x, y, width, height = box
        left, top = max(0, int(x)), max(0, int(y))
        target[top : max(int(y + height), top + 1), left : max(int(x + width), left + 1)] = 1
    for index, image in enumerate(_frames(3, shape)):
        answer = tracker.initialize(image, target) if index == 0 else tracker.track(image)
        _sound(answer, shape)
    note(f"{name}, {kind} start", "tracked, every answer finite" + ("" if answer.found else ", target lost"))
