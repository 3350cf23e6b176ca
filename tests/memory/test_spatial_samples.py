"""Sample weights and replacement, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from samn_tracker.errors import ConfigError
from samn_tracker.memory.spatial_samples import SampleMemory


def memory_of(initial: int, capacity: int, share: float) -> SampleMemory:
    values = torch.arange(initial, dtype=torch.float32)
    return SampleMemory(values.view(-1, 1, 1).expand(-1, 2, 4), values.view(-1, 1, 1).expand(-1, 3, 3), capacity, share)


def add(memory: SampleMemory, value: float, rate: float = 0.1) -> int:
    return memory.add(torch.full((2, 4), value), torch.full((3, 3), value), rate)


def test_a_new_sample_gets_its_learning_rate_and_the_others_fade() -> None:
    memory = memory_of(initial=2, capacity=4, share=0.0)
    np.testing.assert_allclose(memory.weights, [0.5, 0.5])
    add(memory, 10.0, rate=0.1)
    np.testing.assert_allclose(memory.weights, [0.45, 0.45, 0.1])
    add(memory, 11.0, rate=0.2)
    np.testing.assert_allclose(memory.weights, [0.36, 0.36, 0.08, 0.2])
    assert memory.samples[:, 0, 0].tolist() == [0, 1, 10, 11]
    assert memory.labels[:, 0, 0].tolist() == [0, 1, 10, 11]


def test_the_lowest_weight_goes() -> None:
    memory = memory_of(initial=2, capacity=4, share=0.0)
    add(memory, 10.0, rate=0.1)
    add(memory, 11.0, rate=0.2)
    assert add(memory, 12.0, rate=0.2) == 2  # weight 0.08 is the lowest
    faded = np.array([0.8 * 0.36, 0.8 * 0.36, 0.2, 0.8 * 0.2])
    np.testing.assert_allclose(memory.weights, faded / faded.sum())
    assert memory.samples[:, 0, 0].tolist() == [0, 1, 12, 11]


def test_online_samples_are_replaced_oldest_first() -> None:
    memory = memory_of(initial=2, capacity=5, share=0.25)
    assert [add(memory, float(value)) for value in range(10, 19)] == [2, 3, 4, 2, 3, 4, 2, 3, 4]
    assert memory.samples[:, 0, 0].tolist() == [0, 1, 16, 17, 18]


def test_the_first_frame_keeps_its_share_for_ever() -> None:
    memory = memory_of(initial=3, capacity=8, share=0.25)
    for value in range(200):
        add(memory, float(value))
        assert memory.weights.sum() == pytest.approx(1)
        assert memory.weights[:3].sum() >= 0.25 - 1e-12
    assert len(memory) == 8
    np.testing.assert_allclose(memory.weights[:3], 0.25 / 3)
    assert memory.samples[:3, 0, 0].tolist() == [0, 1, 2]
    assert (np.diff(np.sort(memory.weights[3:])) > 0).all()


def test_without_a_share_the_first_frame_fades_out_too() -> None:
    memory = memory_of(initial=2, capacity=4, share=0.0)
    for value in range(10, 60):
        add(memory, float(value))
        assert memory.weights.sum() == pytest.approx(1)
    assert memory.samples[:, 0, 0].sort().values.tolist() == [56, 57, 58, 59]
    np.testing.assert_allclose(np.sort(memory.weights)[:-1] / np.sort(memory.weights)[1:], 0.9)


def test_a_memory_that_holds_only_the_first_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"spatial.capacity = 3 .* set at least 4"):
        memory_of(initial=3, capacity=3, share=0.25)
