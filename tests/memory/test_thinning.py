"""What is read of a memorised frame, by hand, and that equal background gives what it would give as a whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from samn_tracker.memory.reader import read_memory
from samn_tracker.memory.thinning import read_weights


def test_cells_around_the_target_are_all_read_and_one_of_four_beyond() -> None:
    mask = np.zeros((16 * 8, 16 * 10), np.float32)
    mask[16 * 3 + 5, 16 * 2 + 15] = 0.31  # a pixel of the cell in row 3, column 2
    four, none = math.log(4), -math.inf
    rows = [
        [none] * 10,
        [0, 0, 0, 0, 0, four, none, four, none, four],
        [0, 0, 0, 0, 0, none, none, none, none, none],
        [0, 0, 0, 0, 0, four, none, four, none, four],
        [0, 0, 0, 0, 0, none, none, none, none, none],
        [0, 0, 0, 0, 0, four, none, four, none, four],
        [none] * 10,
        [none, four] * 5,
    ]
    np.testing.assert_allclose(read_weights(mask).reshape(8, 10), np.array(rows, np.float32), rtol=1e-6)


@pytest.mark.parametrize(("probability", "read"), [(0.3, 16), (0.31, 16 + 36 - 9)])
def test_what_is_hardly_target_is_background(probability: float, read: int) -> None:
    mask = np.zeros((128, 128), np.float32)
    mask[16 * 3 : 16 * 5, 16 * 3 : 16 * 5] = (
        probability  # 2 x 2 cells; with those around them 6 x 6, 9 of them read anyway
    )
    assert (read_weights(mask) > -math.inf).sum() == read


def test_background_that_is_all_alike_has_the_weight_of_all_its_cells() -> None:
    generator = torch.Generator().manual_seed(0)
    mask = np.zeros((128, 128), np.float32)
    key = torch.randn(8, generator=generator).expand(1, 64, 8)
    keys = torch.cat([key, torch.randn(1, 64, 8, generator=generator)], dim=1)  # one frame alike, another of its own
    values, query = torch.randn(1, 128, 5, generator=generator), torch.randn(1, 8, 3, 3, generator=generator)
    values[:, :64] = 1.0
    weights = np.concatenate([read_weights(mask), np.zeros(64, np.float32)])
    whole = read_memory(query, keys[:, None], values[:, None])
    thinned = read_memory(query, keys[:, None], values[:, None], torch.from_numpy(weights)[None, None])
    torch.testing.assert_close(thinned, whole)
