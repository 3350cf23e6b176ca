"""The steps between a patch and its answer on a device of its own, such as DEVICE, without having one.

Torch's meta device stands for it. Its tensors have no numbers, so whatever the host would have to wait for is an error;
operations and copies between the two devices are looked for here.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from samn_tracker.core.config import SAMN_LITE, VARIANTS
from samn_tracker.memory import appearance, spatial, spatial_samples
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig
from samn_tracker.memory.spatial_peaks import Peak
from samn_tracker.memory.spatial_solver import FilterProblem, JointProblem, LeastSquares, ScoreGrid, gauss_newton
from samn_tracker.model.encoders import MemoryFeatures, SearchFeatures
from samn_tracker.model.network import Network, location_map
from samn_tracker.runtime.programs import Search, Segment
from samn_tracker.shapes.decoded_region import CellRegion

DEVICE = torch.device("meta")
SIDE, CELLS = 96, 6


class Crossings(TorchDispatchMode):
    """Notes every operation whose tensors are on more than one device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves((args, kwargs, result)) if isinstance(one, Tensor)]
        # A number in a tensor of its own, as `x + 1` makes of 1, goes along with the launch.
        if len({one.device for one in tensors if one.dim() or one.device == DEVICE}) > 1:
            self.found.append(str(func))
        return result


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    """Both variants on the device, before anything is looked for."""
    made = {name: Network(replace(config.model, batch_norm=False)).eval() for name, config in VARIANTS.items()}
    return {name: network.to(DEVICE, torch.bfloat16) for name, network in made.items()}


@pytest.fixture(autouse=True)
def crossings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crossings]:
    with torch.inference_mode(), Crossings() as crossings:
        for name in ("tensor", "as_tensor"):  # their copies are not seen as operations
            monkeypatch.setattr(torch, name, _noting(getattr(torch, name), crossings))
        yield crossings


def _noting(make: Callable[..., Tensor], crossings: Crossings) -> Callable[..., Tensor]:
    def made(*arguments: Any, **named: Any) -> Tensor:
        result = make(*arguments, **named)
        if result.device == DEVICE:
            crossings.found.append(make.__name__)
        return result

    return made


def _random(*shape: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    return torch.randn(*shape, dtype=dtype, device=DEVICE)


def _search(network: Network) -> SearchFeatures:
    return SearchFeatures(*Search(network)(torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8, device=DEVICE)))


def _memory(network: Network, objects: int = 1) -> MemoryFeatures:
    query = _search(network)
    patches = _random(1, 3, SIDE, SIDE).expand(objects, -1, -1, -1)
    memory = network.encode_memory(patches, _random(objects, 1, SIDE, SIDE), query)
    return MemoryFeatures(memory.key.expand(objects, -1, -1, -1), memory.value)


def test_what_would_wait_or_cross_is_noticed(crossings: Crossings) -> None:
    there, here = _random(4), torch.zeros(4)
    with pytest.raises(RuntimeError, match="meta"):
        bool(there.any())
    with pytest.raises(NotImplementedError, match="meta"):
        there.cpu()
    here.to(DEVICE)
    assert len(crossings.found) == 1
    with contextlib.suppress(RuntimeError):
        there.copy_(here)
    assert len(crossings.found) == 2
    torch.tensor([1.0, 2.0], device=DEVICE)
    assert len(crossings.found) == 3
    assert (there + 1).device == DEVICE
    assert len(crossings.found) == 3


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
def test_a_patch_is_encoded_and_decoded_on_the_device(
    networks: dict[str, Network], name: str, part: bool, crossings: Crossings
) -> None:
    network = networks[name]
    query, memory = _search(network), _memory(network)
    seen = CellRegion(0, 1, 6, 5) if part else CellRegion(0, 0, CELLS, CELLS)
    location = location_map(network.config, (CELLS, CELLS), (2.5, 3.5), memory.value)
    maps = (seen.cut(query.f4, 4), seen.cut(query.f8, 2), seen.cut(query.f16, 1), seen.cut(location, 1))
    probability = Segment(network)(seen.cut(memory.value, 1), *maps)
    assert (probability.device, probability.shape[-1]) == (DEVICE, 64 if part else SIDE)
    assert not crossings.found


@pytest.mark.parametrize("objects", [1, 3])
@pytest.mark.parametrize("weighting", ["emd", "cosine", "linear", "none"])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_memory_is_read_on_the_device(
    networks: dict[str, Network], name: str, weighting: Any, objects: int, crossings: Crossings
) -> None:
    network = networks[name]
    bank = _bank(network, DynamicConfig(weighting, solver="entropic"), objects)
    key = _search(network).key
    crossings.found.clear()
    read = bank.read(key)
    assert (read.device, read.shape) == (DEVICE, (objects, network.config.value_channels, CELLS, CELLS))
    assert bank.weights.device == DEVICE
    assert not crossings.found


def test_memorising_sends_the_places_and_ages_of_the_frames(
    networks: dict[str, Network], crossings: Crossings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else; and they are sent by `to_device`, which the host does not wait for."""
    sent: list[np.ndarray] = []
    monkeypatch.setattr(appearance, "to_device", lambda array, device: sent.append(array) or _send(array, device))
    bank = _bank(networks["samn-lite"], DynamicConfig(solver="entropic"), 2)
    assert bank.frame_indices == [0, 11, 5, 10]
    assert [one.shape[-1] for one in sent[-2:]] == [4, 4]
    assert not crossings.found


def _bank(network: Network, dynamic: DynamicConfig, objects: int) -> AppearanceBank:
    bank = AppearanceBank(AppearanceConfig(capacity=6, interval=5, last_frame=True), dynamic, network.config.similarity)
    bank.start(*_memory(network, objects))
    for index in range(1, 12):
        bank.memorise(*_memory(network, objects), index)
    return bank


@pytest.mark.parametrize("kind", ["first", "update"])
def test_the_filter_is_trained_on_the_device(kind: str, crossings: Crossings) -> None:
    grid = ScoreGrid(CELLS, CELLS, 4)
    labels, weights = _random(5, *grid.shape, dtype=torch.float32), _random(5, dtype=torch.float32)
    samples = spatial.normalised(_random(5, 32, CELLS, CELLS))
    problem: LeastSquares
    if kind == "first":
        problem = JointProblem(samples, labels, weights, grid, 0.05, (0.1, 1e-4))
        start = (_random(8, 16, dtype=torch.float32), _random(8, 32, dtype=torch.float32))
    else:
        problem = FilterProblem(samples, labels, weights, grid, 0.05, (0.1,))
        start = (_random(32, 16, dtype=torch.float32),)
    found = gauss_newton(problem, start, 2, 5)
    assert all(one.device == DEVICE for one in found)
    assert not crossings.found


def test_a_frame_is_localised_with_one_copy_to_the_host_and_learnt_with_none(
    crossings: Crossings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peak is looked for on the host, as the next patch is cut there: what is copied has no numbers here."""
    scores = np.zeros((SIDE, SIDE), np.float32)
    for module in (spatial, spatial_samples):
        monkeypatch.setattr(module, "to_device", _send)
    monkeypatch.setattr(spatial, "find_peak", lambda *_, **__: Peak(np.full(2, 48.0), 1.0, False, scores))
    copied: list[Tensor] = []
    monkeypatch.setattr(Tensor, "cpu", lambda tensor: copied.append(tensor) or torch.zeros(tensor.shape))
    memory, size = _started_spatial_memory(), np.full(2, 24.0)
    localisation = memory.localise(_random(1, 256, CELLS, CELLS), size)
    memory.count_frame()
    memory.memorise(localisation, size)
    assert [one.shape for one in copied] == [(CELLS + 1, CELLS + 1)]
    assert not crossings.found


def _started_spatial_memory() -> spatial.SpatialMemory:
    """One that updates its filter in every frame. A start of its own waits: it asks whether the features are finite."""
    config, grid = replace(SAMN_LITE.spatial, update_interval=1), ScoreGrid(CELLS, CELLS, 4)
    projected, labels, correlation_filter, projection, kernel = (
        _random(*shape, dtype=torch.float32)
        for shape in ((5, 32, CELLS**2), (5, *grid.shape), (32, 16), (32, 256), (16, 256))
    )
    memory = spatial.SpatialMemory(config)
    memory._state = spatial._State(
        shape=(256, CELLS, CELLS),
        grid=grid,
        projection=projection,
        correlation_filter=correlation_filter,
        kernel=kernel,
        samples=spatial_samples.SampleMemory(projected, labels, config.capacity, config.initial_samples_share),
        peaks=deque([1.0]),
        frames=1,
        last_update=1,
    )
    return memory


def _send(array: np.ndarray, device: torch.device) -> Tensor:
    """What `to_device` gives, of fake numbers."""
    return torch.empty(array.shape, dtype=torch.from_numpy(array).dtype, device=device)
