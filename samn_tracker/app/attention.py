"""Where one query position looked in the memory: the reader's attention, recomputed for one position."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.memory.appearance import AppearanceBank


def copy_bank(bank: AppearanceBank) -> AppearanceBank:
    """The bank as it is now; later frames change the original only."""
    return copy.deepcopy(bank)


@torch.inference_mode()
def attention_of(
    bank: AppearanceBank, query_key: Tensor, cell: tuple[int, int], similarity: str
) -> NDArray[np.float32]:
    """Attention (N, h, w) float32 of the first object's reader at one query cell (row, column); it sums to 1.

    Equations 3 and 4 with the weights of frames and cells, as `memory.reader.read_memory` computes them for all of the
    query's cells; 0 for cells that are not read.

    Args:
        bank: as it was when the query was read; use a copy, for reading changes it.
        query_key: (1, Ck, h, w).
        similarity: "dot" or "l2", as the model's configuration says.
    """
    bank.read(query_key)
    frames = len(bank)
    keys = bank.keys[0].float()
    query = query_key[0, :, cell[0], cell[1]].float()
    logits = keys @ query
    if similarity == "l2":
        logits = 2 * logits - keys.square().sum(-1)
    logits = logits / math.sqrt(len(query)) + bank.weights[0].float().log()[:, None] + bank.cell_weights
    attention = torch.softmax(logits.flatten(), dim=0)
    return np.asarray(attention.view(frames, *query_key.shape[-2:]).cpu().numpy())
