"""The memory reader: attention of every query position over all stored positions (section 3.2, eq. 3 and 4)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

_LOGITS_AT_A_TIME = 1 << 20
"""Attention logits computed in one go: few enough to stay in a core's cache, many enough to feed the matrix product."""


def read_memory(
    query_key: Tensor,
    keys: Tensor,
    values: Tensor,
    frame_bias: Tensor | None = None,
    similarity: Literal["dot", "l2"] = "dot",
) -> Tensor:
    """Retrieve a value for every query position by attention over all stored positions (eq. 3 and 4).

    The logits are <q, k> / sqrt(Ck) for "dot" and (2 <q, k> - |k|^2) / sqrt(Ck) for "l2", which is the negative squared
    distance up to a constant of the query. Differentiable in every tensor; computed in the dtype of the inputs.

    Args:
        query_key: (O, Ck, h, w), or (1, Ck, h, w) shared by all objects.
        keys: (O, N, P, Ck) of N frames with P positions each.
        values: (O, N, P, Cv).
        frame_bias: (O, N) added to the logits of each frame's positions; -inf hides a frame.
        similarity: which logits.

    Returns:
        (O, Cv, h, w), laid out channels last.
    """
    objects, frames, positions, channels = keys.shape
    height, width = query_key.shape[-2:]
    scale = (2.0 if similarity == "l2" else 1.0) / math.sqrt(channels)
    query = (query_key * scale).flatten(2).transpose(1, 2).expand(objects, -1, -1)
    keys_t = keys.reshape(objects, frames * positions, channels).transpose(1, 2)
    flat_values = values.reshape(objects, frames * positions, -1)
    bias = _position_bias(keys, frame_bias, similarity)
    rows = max(1, _LOGITS_AT_A_TIME // (objects * frames * positions))
    parts = [_attend(part, keys_t, flat_values, bias) for part in query.split(rows, dim=1)]
    read = torch.cat(parts, dim=1)
    return read.view(objects, height, width, -1).permute(0, 3, 1, 2)


def _attend(query: Tensor, keys_t: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    logits = query @ keys_t if bias is None else torch.baddbmm(bias, query, keys_t)
    return torch.softmax(logits, dim=-1) @ values


def _position_bias(keys: Tensor, frame_bias: Tensor | None, similarity: str) -> Tensor | None:
    """What is added to the logits of each stored position, (O, 1, N*P) in the dtype of the keys; None if nothing is."""
    objects, _, _, channels = keys.shape
    bias = None
    if frame_bias is not None:
        bias = frame_bias.unsqueeze(-1)
    if similarity == "l2":
        norms = keys.float().square().sum(-1) / -math.sqrt(channels)
        bias = norms if bias is None else norms + bias
    if bias is None:
        return None
    return bias.expand(keys.shape[:3]).to(keys.dtype).reshape(objects, 1, -1)
