"""The pixel model: exact ridge regression, weights by hand, and that it tells a target from its like."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from samn_tracker.memory.pixels import FIRST_SHARE, FOREGROUND_SHARE, PixelModel, cell_weights, contrast


def scene(seed: int, place: tuple[int, int] = (3, 3)) -> tuple[Tensor, Tensor]:
    """Features (1, 40, 8, 8) of background noise with a target of 2 x 2 cells of its own kind, and its mask."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randn(2, 40, generator=torch.Generator().manual_seed(99))
    f16 = 0.3 * torch.randn(1, 40, 8, 8, generator=generator) + kinds[0, :, None, None]
    row, column = place
    f16[0, :, row : row + 2, column : column + 2] += (kinds[1] - kinds[0])[:, None, None]
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., 16 * row : 16 * (row + 2), 16 * column : 16 * (column + 2)] = 1
    return f16, mask


def test_cell_weights_by_hand() -> None:
    share = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    weights = cell_weights(share)  # one cell of ten: 0.1 by nature, 0.35 asked for
    assert weights.sum().item() == pytest.approx(1)
    assert weights[0, 0].item() == pytest.approx(FOREGROUND_SHARE)
    assert weights[0, 1].item() == pytest.approx((1 - FOREGROUND_SHARE) / 9)


def test_an_empty_mask_weighs_all_cells_alike() -> None:
    np.testing.assert_allclose(cell_weights(torch.zeros(1, 8)), 1 / 8)


def test_the_score_finds_the_target_where_it_has_moved() -> None:
    model = PixelModel()
    model.start(*scene(0))
    moved, mask = scene(1, (5, 1))
    score = model.scores(moved).now[0, 0]
    inside = torch.nn.functional.avg_pool2d(mask, 16)[0, 0] > 0
    assert score[inside].min() > score[~inside].max()


def test_a_wrong_later_frame_cannot_take_the_first_frames_say() -> None:
    model = PixelModel()
    f16, mask = scene(0)
    model.start(f16, mask)
    before = model.scores(f16).now[0, 0]
    for seed in range(1, 30):
        model.learn(scene(seed)[0], torch.zeros_like(mask))  # the target is there, and called background
    after = model.scores(f16).now[0, 0]
    inside = mask[0, 0, ::16, ::16] > 0
    assert FIRST_SHARE > 0 and before[inside].mean() > after[inside].mean() > before[~inside].mean()


def test_what_is_learnt_later_does_not_change_the_first_score() -> None:
    model = PixelModel()
    f16, mask = scene(0)
    model.start(f16, mask)
    before = model.scores(f16)
    model.learn(scene(1, (5, 1))[0], torch.zeros_like(mask))
    after = model.scores(f16)
    np.testing.assert_array_equal(before.now, before.first)
    np.testing.assert_allclose(after.first, before.first, atol=1e-6)
    assert not np.allclose(after.now, before.now, atol=1e-2)


def test_what_a_person_shows_changes_both_scores() -> None:
    model = PixelModel()
    f16, mask = scene(0)
    model.start(f16, mask)
    model.learn(scene(1)[0], mask)
    before = model.scores(f16)
    model.learn_shown(scene(2)[0], torch.zeros_like(mask))
    after = model.scores(f16)
    inside = mask[0, 0, ::16, ::16] > 0
    assert after.first[0, 0][inside].mean() < before.first[0, 0][inside].mean()
    assert after.now[0, 0][inside].mean() < before.now[0, 0][inside].mean()


def test_targets_of_a_batch_are_independent() -> None:
    (first, first_mask), (second, second_mask) = scene(0), scene(1, (5, 2))
    together = PixelModel()
    together.start(torch.cat([first, second]), torch.cat([first_mask, second_mask]))
    alone = PixelModel()
    alone.start(second, second_mask)
    np.testing.assert_allclose(together.scores(torch.cat([first, second])).now[1:], alone.scores(second).now, atol=1e-4)


def test_autocast_does_not_reach_the_normal_equations() -> None:
    f16, mask = scene(0)
    plain, cast = PixelModel(), PixelModel()
    plain.start(f16, mask)
    with torch.autocast("cpu", torch.bfloat16):
        cast.start(f16, mask)
        score = cast.scores(f16).now
    np.testing.assert_array_equal(score, plain.scores(f16).now)


def test_contrast_is_high_on_the_target_and_low_on_what_is_not_it() -> None:
    model = PixelModel()
    model.start(*scene(0))
    moved, mask = scene(1, (5, 1))
    score = model.scores(moved).first
    on, off = contrast(score, mask).item(), contrast(score, scene(2, (1, 5))[1]).item()
    assert on > 0.7 and off < 0.1
    assert contrast(score, torch.zeros_like(mask)).item() == 0


def test_a_frame_that_is_shown_counts_as_much_as_the_first() -> None:
    (first, first_mask), (second, second_mask) = scene(0), scene(1, (5, 2))
    model, other = PixelModel(), PixelModel()
    model.start(first, first_mask)
    model.learn_shown(second, second_mask)
    other.start(first, first_mask)
    other.learn(second, second_mask)
    sums, alone = model._first, other._later
    assert sums is not None and alone is not None and other._first is not None
    assert torch.allclose(sums.matrix, (other._first.matrix + alone.matrix) / 2, atol=1e-6)
    assert torch.allclose(sums.right, (other._first.right + alone.right) / 2, atol=1e-6)
