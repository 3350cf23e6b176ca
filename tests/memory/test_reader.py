"""The memory reader against the equations written as plain loops; its gradients and its precision."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from samn_tracker.memory import reader
from samn_tracker.memory.reader import read_memory

Similarity = Literal["dot", "l2"]


def noise(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def loop_read(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor, similarity: Similarity) -> Tensor:
    """Eq. 3 and 4 as they are written, one position at a time, in float64."""
    objects, frames, positions, channels = keys.shape
    _, _, height, width = query.shape
    result = torch.zeros(objects, values.shape[-1], height, width, dtype=torch.float64)
    for o in range(objects):
        for y in range(height):
            for x in range(width):
                q = query[o % len(query), :, y, x].double()
                exponentials = []
                for n in range(frames):
                    for p in range(positions):
                        k = keys[o, n, p].double()
                        score = float(q @ k) if similarity == "dot" else float(q @ q) - float((q - k) @ (q - k))
                        exponentials.append(math.exp(score / math.sqrt(channels) + float(bias[o, n])))
                for index, exponential in enumerate(exponentials):
                    value = values[o, index // positions, index % positions].double()
                    result[o, :, y, x] += exponential / sum(exponentials) * value
    return result


@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("query_objects", [1, 2])
@pytest.mark.parametrize("biased", [False, True])
def test_reader_equals_the_equations_written_as_loops(similarity: Similarity, query_objects: int, biased: bool) -> None:
    query, keys, values = noise(query_objects, 8, 3, 4), noise(2, 3, 12, 8, seed=1), noise(2, 3, 12, 5, seed=2)
    bias = noise(2, 3, seed=3) if biased else torch.zeros(2, 3)
    found = read_memory(query, keys, values, bias if biased else None, similarity)
    assert found.shape == (2, 5, 3, 4)
    expected = loop_read(query, keys, values, bias, similarity)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_reading_in_blocks_changes_nothing(similarity: Similarity, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = noise(1, 8, 5, 5), noise(2, 3, 25, 8, seed=1), noise(2, 3, 25, 5, seed=2), noise(2, 3, seed=3)
    whole = read_memory(*arguments, similarity)
    monkeypatch.setattr(reader, "_CPU_LOGITS_AT_A_TIME", 500)
    torch.testing.assert_close(read_memory(*arguments, similarity), whole)


def test_equal_bias_changes_nothing() -> None:
    query, keys, values = noise(1, 8, 3, 3), noise(1, 4, 9, 8, seed=1), noise(1, 4, 9, 5, seed=2)
    biased = read_memory(query, keys, values, torch.full((1, 4), 2.5))
    torch.testing.assert_close(biased, read_memory(query, keys, values))


def test_a_frame_with_bias_minus_infinity_is_as_if_absent() -> None:
    query, keys, values = noise(1, 8, 3, 3), noise(1, 3, 9, 8, seed=1), noise(1, 3, 9, 5, seed=2)
    hidden = read_memory(query, keys, values, torch.tensor([[0.0, -math.inf, 0.0]]), "l2")
    torch.testing.assert_close(hidden, read_memory(query, keys[:, [0, 2]], values[:, [0, 2]], similarity="l2"))


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_gradients_reach_query_keys_values_and_bias(similarity: Similarity) -> None:
    query, keys, values, bias = (
        noise(*size, seed=seed).double().requires_grad_()
        for seed, size in enumerate([(1, 4, 2, 2), (2, 2, 4, 4), (2, 2, 4, 3), (2, 2)])
    )
    assert torch.autograd.gradcheck(lambda q, k, v, b: read_memory(q, k, v, b, similarity), (query, keys, values, bias))


@pytest.mark.parametrize("similarity", ["dot", "l2"])
def test_bfloat16_read_is_as_exact_as_its_values(similarity: Similarity) -> None:
    query, keys, values = 3 * noise(1, 64, 8, 8), 3 * noise(1, 4, 64, 64, seed=1), noise(1, 4, 64, 5, seed=2)
    query, keys, values = query.bfloat16(), keys.bfloat16(), values.bfloat16()
    found = read_memory(query, keys, values, similarity=similarity)
    expected = read_memory(query.float(), keys.float(), values.float(), similarity=similarity)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.01)
