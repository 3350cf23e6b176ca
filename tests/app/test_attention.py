"""The attention that the debug pictures show is the one that the reader used."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from samn_tracker.app.attention import attention_of, copy_bank
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig


@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("thinned", [False, True])
def test_attention_times_values_is_what_the_reader_retrieves(similarity: Literal["dot", "l2"], thinned: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    keys, values = torch.randn(4, 1, 8, 6, 6, generator=generator), torch.randn(4, 1, 5, 6, 6, generator=generator)
    bank = AppearanceBank(AppearanceConfig(interval=1), DynamicConfig(temperature=0.2), similarity)
    bank.start(keys[0], values[0])
    for index in range(1, 4):
        weights = np.where(np.arange(36) % (index + 1) == 0, np.float32(0.5), -np.inf) if thinned else None
        bank.memorise(keys[index], values[index], index, weights)
    order = bank.frame_indices
    query = keys[3] + 0.3 * torch.randn(1, 8, 6, 6, generator=generator)
    attention = attention_of(copy_bank(bank), query, (2, 4), similarity)
    assert attention.shape == (4, 6, 6)
    assert attention.sum() == pytest.approx(1, abs=1e-5)
    by_hand = np.einsum("nhw,nchw->c", attention, values[order][:, 0].numpy())
    assert np.allclose(by_hand, bank.read(query)[0, :, 2, 4].numpy(), atol=1e-5)


def test_a_copied_bank_does_not_change_with_the_original() -> None:
    key, value = torch.ones(1, 8, 6, 6), torch.ones(1, 5, 6, 6)
    bank = AppearanceBank(AppearanceConfig(interval=1), DynamicConfig(), "dot")
    bank.start(key, value)
    copied = copy_bank(bank)
    bank.memorise(2 * key, 2 * value, 1)
    assert (len(copied), len(bank)) == (1, 2)
    assert float(copied.read(key).max()) == pytest.approx(1)
