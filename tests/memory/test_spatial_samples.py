"""Sample weights and replacement, the samples' scale and their directions, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from samn_tracker.errors import ConfigError
from samn_tracker.memory.shared_features import SharedFeatures
from samn_tracker.memory.spatial_samples import (
    SampleMemory,
    covariance,
    normalised,
    principal_components,
    strongest_directions,
)


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


def test_as_released_a_sample_weighs_so_much_more_than_the_one_before_as_that_one_would_have_faded() -> None:
    memory = memory_of(initial=2, capacity=4, share=0.0)
    before = add(memory, 10.0, rate=0.1)
    memory.add(torch.full((2, 4), 11.0), torch.full((3, 3), 11.0), 0.2, before)  # 0.1 / 0.8, and all to sum 1
    np.testing.assert_allclose(memory.weights, np.array([0.45, 0.45, 0.1, 0.125]) / 1.125)


def test_each_sample_has_a_mean_square_of_1_whatever_its_type() -> None:
    values = torch.tensor([[[[3.0, -3.0]], [[3.0, 3.0]]], [[[0.0, 40.0]], [[0.0, 0.0]]], [[[0.0, 0.0]], [[0.0, 0.0]]]])
    expected = torch.tensor([[[1.0, -1.0], [1.0, 1.0]], [[0.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(normalised(values.bfloat16()), expected)


def test_the_cells_of_a_sample_come_row_by_row() -> None:
    found = normalised(torch.tensor([[[[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]]]))
    torch.testing.assert_close(found, torch.tensor([[[1.0, -1.0, -1.0, 1.0, 1.0, 1.0]]]))


@pytest.mark.parametrize(("count", "channels"), [(1, [2]), (2, [2, 0]), (3, [2, 0, 1]), (5, [2, 0, 1])])
def test_principal_components_are_the_channels_that_vary_most_over_all_samples(count: int, channels: list[int]) -> None:
    """Two samples of four cells; the channels vary independently by 2, 1 and 3, around means that do not count."""
    signs = torch.tensor([[1.0, -1] * 4, [1.0, 1, -1, -1] * 2, [1.0] * 4 + [-1.0] * 4])
    values = signs * torch.tensor([[2.0], [1], [3]]) + torch.tensor([[0.0], [50], [5]])
    found = principal_components(covariance(values.view(3, 2, 4).transpose(0, 1)), count)
    torch.testing.assert_close(found.abs(), torch.eye(3)[channels])


def directions_of(samples: torch.Tensor, count: int) -> torch.Tensor | None:
    """Of (n, C, L) samples that share no cells."""
    return strongest_directions(*SharedFeatures.of(samples[:, :, None]).normalised(), count)


@pytest.mark.parametrize("count", [0, 4, 5])
def test_no_direction_is_left_out_where_none_or_as_many_as_channels_are_wanted(count: int) -> None:
    assert directions_of(torch.ones(2, 4, 3), count) is None


@pytest.mark.parametrize("lone", [0, 5])
def test_the_strongest_directions_hold_the_samples_from_the_first_cell_to_the_last(lone: int) -> None:
    """Two samples of three cells; one of the six shows something else than the others, which are alike."""
    columns = torch.tensor([[1.0, 2, 0, 0]] * 6)
    columns[lone] = torch.tensor([0.0, 0, 3, 1])
    samples = columns.view(2, 3, 4).transpose(1, 2)
    directions = directions_of(samples, 2)
    assert directions is not None
    torch.testing.assert_close(directions @ directions.T, torch.eye(2))
    torch.testing.assert_close(directions.T @ (directions @ samples), samples)


def test_a_single_direction_is_that_of_the_samples() -> None:
    directions = directions_of(torch.tensor([[[1.0, -2.0], [0.0, 0.0], [0.0, 0.0]]]), 1)
    assert directions is not None
    torch.testing.assert_close(directions.abs(), torch.tensor([[1.0, 0, 0]]))
