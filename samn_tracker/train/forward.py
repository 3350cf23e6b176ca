"""The forward pass of training: the tracker's own modules over the frames of a sample (section 4.1, stage 2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from samn_tracker.memory.config import DynamicConfig
from samn_tracker.memory.dynamic import frame_bias, frame_similarities, pool_key
from samn_tracker.memory.pixels import PixelModel
from samn_tracker.memory.reader import read_memory
from samn_tracker.model.config import PREVIOUS_CHANNELS, ModelConfig
from samn_tracker.model.encoders import MemoryFeatures, QueryFeatures
from samn_tracker.model.network import Network, cue_maps, location_map, single_logits, target_probability

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
        moves: (B, T, 3, 3) from patch pixels of a frame to those of the frame before it.
        writes: (B, T, S, S) wrong masks in 0..1, memorised in the frames that are `corrupted`.
        corrupted: (B, T) bool.
        shown: (B, T) bool, whether a frame is shown the mask of the one before it.
    """

    frames: Tensor
    masks: Tensor
    first: Tensor
    box_start: Tensor
    located: Tensor
    moves: Tensor
    writes: Tensor
    corrupted: Tensor
    shown: Tensor


def segment(network: Network, batch: Batch, dynamic: DynamicConfig | None = None) -> list[Tensor]:
    """Logits (B, 2, S, S) of the answer for every frame after the first, aggregated where the model's weights are.

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
    cues = _Cues(network.config, batch, queries)
    logits = []
    for time in range(1, len(frames)):
        maps = cues.maps(time)
        decoded = recall(network, queries[time], memories, batch.located[:, time], dynamic, maps)
        logits.append(single_logits(network.config, decoded))
        if time == len(frames) - 1:
            break
        predicted = target_probability(logits[-1])
        if time == 1:
            predicted = torch.where(box, predicted * allowed, predicted)
        wrong = batch.corrupted[:, time, None, None, None]
        predicted = torch.where(wrong, batch.writes[:, time, None].to(predicted.dtype), predicted)
        memories.append(network.encode_memory(frames[time], predicted, queries[time]))
        if time == 1:
            replaced = zip(memories[1], memories[0], strict=True)
            memories[0] = MemoryFeatures(*(torch.where(box, new, old) for new, old in replaced))
            cues.start(torch.where(box, predicted, batch.first))
        cues.learn(time, predicted)
    return logits


class _Cues:
    """What the decoder is told besides the memory, frame by frame, as the tracker tells it; without gradient."""

    def __init__(self, config: ModelConfig, batch: Batch, queries: list[QueryFeatures]) -> None:
        self._config, self._batch, self._queries = config, batch, queries
        self._previous = batch.first
        self._pixels = PixelModel()
        self.start(batch.first)

    def start(self, first: Tensor) -> None:
        """The mask (B, 1, S, S) of the first frame; known anew after a start from a box."""
        if self._config.pixel_score:
            self._pixels.start(self._queries[0].f16.detach(), first.detach())

    def maps(self, time: int) -> Tensor | None:
        """(B, cue_channels, h, w) of frame `time`; None for a network without cues."""
        if not self._config.cue_channels:
            return None
        previous = score = None
        if self._config.previous_mask:
            previous = moved_mask(self._previous, self._batch.moves[:, time])
        if self._config.pixel_score:
            score = self._pixels.scores(self._queries[time].f16.detach()).now
        maps = cue_maps(self._config, previous, score)
        hidden = ~self._batch.shown[:, time, None, None, None]
        told = PREVIOUS_CHANNELS * self._config.previous_mask
        maps = torch.cat([maps[:, :told].masked_fill(hidden, 0), maps[:, told:]], dim=1)
        # The frame of a start from a box is segmented before anything but the box is known.
        return maps.masked_fill(self._batch.box_start[:, None, None, None], 0) if time == 1 else maps

    def learn(self, time: int, memorised: Tensor) -> None:
        """The mask (B, 1, S, S) that was memorised is the next frame's previous one."""
        self._previous = memorised.detach()
        if self._config.pixel_score:
            self._pixels.learn(self._queries[time].f16.detach(), self._previous)


def moved_mask(mask: Tensor, moves: Tensor) -> Tensor:
    """Masks (B, 1, S, S) seen from the next frame's patch: `moves` (B, 3, 3) map its pixels to theirs; 0 outside."""
    size = mask.shape[-1]
    grid = functional.affine_grid(_normalised_moves(moves, size), list(mask.shape), align_corners=False)
    return functional.grid_sample(mask.float(), grid.to(torch.float32), align_corners=False)


def _normalised_moves(moves: Tensor, size: int) -> Tensor:
    """(B, 2, 3) of the same maps in coordinates from -1 to 1 over the patch."""
    scale, shift = moves[:, :2, :2], moves[:, :2, 2]
    middle = moves.new_full((2,), size / 2)
    return torch.cat([scale, ((scale @ middle + shift - middle) * 2 / size)[..., None]], dim=2).float()


def recall(
    network: Network,
    query: QueryFeatures,
    memories: list[MemoryFeatures],
    located: Tensor,
    dynamic: DynamicConfig | None,
    cues: Tensor | None = None,
) -> Tensor:
    """Logits (B, 2, S, S) for query features, from memory frames in order of time, located points (B, 2) and cues."""
    keys = torch.stack([memory.key.flatten(2).transpose(1, 2) for memory in memories], dim=1)
    values = torch.stack([memory.value.flatten(2).transpose(1, 2) for memory in memories], dim=1)
    bias = None if dynamic is None else _frame_bias(query.key, memories, dynamic)
    with torch.autocast(query.key.device.type, enabled=False):
        retrieved = read_memory(query.key.float(), keys.float(), values.float(), bias, network.config.similarity)
    height, width = query.key.shape[-2:]
    location = location_map(network.config, (height, width), located / 16, query.value)
    cues = None if cues is None else cues.to(query.value.dtype)
    return network.decode(retrieved.to(query.value.dtype), query, location, cues=cues)


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
