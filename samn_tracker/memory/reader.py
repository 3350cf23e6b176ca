"""The memory reader: attention of every query position over all stored positions (section 3.2, eq. 3 and 4)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

_CPU_LOGITS_AT_A_TIME = 1 << 20
"""Attention logits computed in one go on a CPU: few enough for its cache, enough to feed the matrix product; this also
bounds the reader's transient memory."""


def read_memory(
    query_key: Tensor,
    keys: Tensor,
    values: Tensor,
    frame_bias: Tensor | None = None,
    similarity: Literal["dot", "l2"] = "dot",
) -> Tensor:
    """Retrieve a value for every query position by attention over all stored positions (eq. 3 and 4).

    The logits are <q, k> / sqrt(Ck) for "dot" and (2 <q, k> - |k|^2) / sqrt(Ck) for "l2", which is the negative squared
    distance up to a constant of the query. Differentiable in every tensor. Logits and softmax are at least float32, for
    bfloat16 logits of sharp attention would be off by tens of per cent in weight; the values keep their dtype.

    Args:
        query_key: (O, Ck, h, w), or (1, Ck, h, w) shared by all objects.
        keys: (O, N, P, Ck) of N frames with P positions each, or (1, N, P, Ck) shared by all objects: with a shared
            query key too, all objects read with the same weights, which are then computed once.
        values: (O, N, P, Cv).
        frame_bias: (O, N) added to the logits of each frame's positions, or (O, N, P) to each position's, with as many
            rows as the keys; -inf hides a frame.
        similarity: which logits.

    Returns:
        (O, Cv, h, w) in the dtype of the values, laid out channels last.
    """
    rows, frames, positions, channels = keys.shape
    height, width = query_key.shape[-2:]
    precise = torch.promote_types(keys.dtype, torch.float32)
    keys = keys.to(precise)
    bias = _position_bias(keys, frame_bias, similarity)
    keys_t = keys.reshape(rows, frames * positions, channels).transpose(1, 2)
    flat_values = values.reshape(len(values), frames * positions, -1)
    scale = (2.0 if similarity == "l2" else 1.0) / math.sqrt(channels)
    query = (query_key.to(precise) * scale).flatten(2).transpose(1, 2).expand(rows, -1, -1)
    logits = rows * height * width * frames * positions
    parts = math.ceil(logits / _CPU_LOGITS_AT_A_TIME) if query.device.type == "cpu" else 1
    read = torch.cat([_attend(part, keys_t, flat_values, bias) for part in query.chunk(parts, dim=1)], dim=1)
    return read.view(len(values), height, width, -1).permute(0, 3, 1, 2)


def _attend(query: Tensor, keys_t: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of queries (R, Q, Ck) over keys (R, Ck, N*P) and values (O, N*P, Cv): (O, Q, Cv); R is O or 1."""
    logits = query @ keys_t
    if bias is not None:
        logits += bias  # baddbmm would first copy the bias to every query
    weights = torch.softmax(logits, dim=-1, out=None if torch.is_grad_enabled() else logits).to(values.dtype)
    if len(weights) == len(values):
        return weights @ values
    return torch.stack([weights[0] @ value for value in values])


def _position_bias(keys: Tensor, frame_bias: Tensor | None, similarity: str) -> Tensor | None:
    """What is added to the logits of each stored position, (O, 1, N*P); None where that is nothing."""
    bias = None
    if frame_bias is not None:
        bias = frame_bias.to(keys.dtype)
        bias = bias if bias.dim() == 3 else bias.unsqueeze(-1).expand(keys.shape[:3])
    if similarity == "l2":
        norms = keys.square().sum(-1) / -math.sqrt(keys.shape[-1])
        bias = norms if bias is None else norms + bias
    return None if bias is None else bias.reshape(len(keys), 1, -1)
