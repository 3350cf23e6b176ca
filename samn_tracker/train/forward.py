"""The forward pass of training: the tracker's own modules over the frames of a sample (section 4.1, stage 2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from samn_tracker.memory.config import DynamicConfig
from samn_tracker.memory.dynamic import frame_bias, frame_similarities, pool_key
from samn_tracker.memory.reader import read_memory
from samn_tracker.model.encoders import MemoryFeatures, QueryFeatures
from samn_tracker.model.network import Network, location_map, target_probability

BOX_MARGIN = 5
"""Patch pixels by which a starting box is dilated before it limits the first prediction (section 6)."""


class Batch(NamedTuple):
    """Samples as tensors.

    Attributes:
        frames: (B, T, 3, S, S) RGB in 0..1 (sample, time, colour).
        masks: (B, T, S, S) of 0 and 1, the truth.
        first: (B, 1, S, S) the given mask.
        box_start: (B,) bool, whether it is a filled box.
        located: (B, T, 2) the point xy in patch pixels that each frame's location map is drawn around.
    """

    frames: Tensor
    masks: Tensor
    first: Tensor
    box_start: Tensor
    located: Tensor


def segment(network: Network, batch: Batch, dynamic: DynamicConfig | None = None) -> list[Tensor]:
    """Logits (B, 2, S, S) of every frame after the first.

    The first frame and its given mask are memorised; each later frame is predicted from all before it, and memorised
    with its prediction. Where the start is a box, the second frame is the first one again, and its prediction, limited
    to the dilated box, replaces the box in memory.

    Args:
        dynamic: weight the memory frames as the tracker does; None weights them equally.
    """
    frames = batch.frames.transpose(0, 1)
    queries = _split(network.encode_query(frames.flatten(0, 1)), len(frames))
    memories = [network.encode_memory(frames[0], batch.first, queries[0])]
    box = batch.box_start[:, None, None, None]
    allowed = functional.max_pool2d(batch.first, 2 * BOX_MARGIN + 1, 1, BOX_MARGIN)
    logits = []
    for time in range(1, len(frames)):
        logits.append(recall(network, queries[time], memories, batch.located[:, time], dynamic))
        if time == len(frames) - 1:
            break
        predicted = target_probability(logits[-1])
        if time == 1:
            predicted = torch.where(box, predicted * allowed, predicted)
        memories.append(network.encode_memory(frames[time], predicted, queries[time]))
        if time == 1:
            replaced = zip(memories[1], memories[0], strict=True)
            memories[0] = MemoryFeatures(*(torch.where(box, new, old) for new, old in replaced))
    return logits


def recall(
    network: Network,
    query: QueryFeatures,
    memories: list[MemoryFeatures],
    located: Tensor,
    dynamic: DynamicConfig | None,
) -> Tensor:
    """Logits (B, 2, S, S) for query features, from memory frames in order of time, and located points (B, 2)."""
    keys = torch.stack([memory.key.flatten(2).transpose(1, 2) for memory in memories], dim=1)
    values = torch.stack([memory.value.flatten(2).transpose(1, 2) for memory in memories], dim=1)
    bias = None if dynamic is None else _frame_bias(query.key, memories, dynamic)
    with torch.autocast(query.key.device.type, enabled=False):
        retrieved = read_memory(query.key.float(), keys.float(), values.float(), bias, network.config.similarity)
    height, width = query.key.shape[-2:]
    location = location_map(network.config, (height, width), located / 16, query.value)
    return network.decode(retrieved.to(query.value.dtype), query, location)


@torch.no_grad()
def _frame_bias(query_key: Tensor, memories: list[MemoryFeatures], dynamic: DynamicConfig) -> Tensor:
    pooled = torch.stack([pool_key(memory.key.float(), dynamic.grid) for memory in memories], dim=1)
    ages = torch.arange(len(memories) - 1, -1, -1, device=query_key.device).expand(len(query_key), -1)
    similarities = frame_similarities(pool_key(query_key.float(), dynamic.grid), pooled, dynamic, ages)
    return frame_bias(similarities, dynamic.temperature)


def _split(features: QueryFeatures, parts: int) -> list[QueryFeatures]:
    """Features of frames stacked along the batch, as one set of features a frame."""
    chunks = [feature.chunk(parts) for feature in features]
    return [QueryFeatures(*(chunk[number] for chunk in chunks)) for number in range(parts)]
