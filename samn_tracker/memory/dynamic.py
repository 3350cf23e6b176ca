"""Dynamic memory machine: how much each memory frame matters for this query (section 3.5, Fig. 8).

Frames are compared by their key maps, pooled to a small grid of G cells. The similarities become a bias of each frame's
attention logits, which the reader adds before its softmax.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from samn_tracker.errors import ConfigError
from samn_tracker.memory.config import DynamicConfig
from samn_tracker.memory.transport import entropic_cost, exact_cost, normalise_masses

OLDEST_LINEAR_WEIGHT = 0.9
"""With linear decay, the oldest frame's weight relative to the newest frame's: flatter than emd, as in Fig. 8."""
ENTROPIC_EPSILON, ENTROPIC_ITERATIONS = 0.02, 50
"""Of the entropic solver: the weight of the entropy, in units of cost, and the scalings of rows and columns."""


def check_dynamic_config(config: DynamicConfig) -> None:
    """Raise ConfigError that lists every impossible value."""
    faults = []
    if config.grid < 1:
        faults.append(f"dynamic.grid is {config.grid}; give at least 1")
    if not config.temperature > 0:
        faults.append(f"dynamic.temperature is {config.temperature}; give a positive number")
    if faults:
        raise ConfigError("; ".join(faults))


def pool_key(key: Tensor, grid: int) -> Tensor:
    """Average-pool key maps (O, C, h, w) to (O, grid*grid, C) float32 cells, rows first."""
    return F.adaptive_avg_pool2d(key.float(), grid).flatten(2).transpose(1, 2)


@torch.no_grad()
def frame_similarities(
    query_pooled: Tensor, memory_pooled: Tensor, config: DynamicConfig, frame_ages: Tensor
) -> Tensor:
    """Similarity of each memory frame to the query, (O, N) float32, always finite; no gradient passes through it.

    - emd: 1 - mean cost of the optimal transport between the two grids, in [-1, 1]; cost 1 - cos; eq. 9 and 10.
    - cosine: cosine between the two pooled maps taken as one vector each, in [-1, 1]. Cells are compared in place, so
      it falls faster with motion than emd does.
    - linear: log of a weight that falls linearly with age, from 1 (newest) to OLDEST_LINEAR_WEIGHT (oldest).
    - none: zeros.

    Args:
        query_pooled: (O, G, C), or (1, G, C) shared by all objects, from `pool_key`.
        memory_pooled: (O, N, G, C).
        config: which weighting and solver.
        frame_ages: (N,) or (O, N), at least 0, in frames before the newest.
    """
    objects, frames = memory_pooled.shape[:2]
    query = _finite(query_pooled).unsqueeze(1).expand(objects, 1, -1, -1)
    memory = _finite(memory_pooled)
    if config.weighting == "emd":
        return _transport_similarities(query, memory, config)
    if config.weighting == "cosine":
        return F.cosine_similarity(query.flatten(2), memory.flatten(2), dim=-1)
    if config.weighting == "linear":
        ages = frame_ages.to(memory.device, torch.float32).expand(objects, frames)
        relative = ages / ages.amax(-1, keepdim=True).clamp(min=1)
        return torch.log1p(-(1 - OLDEST_LINEAR_WEIGHT) * relative)
    return memory.new_zeros(objects, frames)


def frame_bias(similarities: Tensor, temperature: float, present: Tensor | None = None) -> Tensor:
    """Attention bias (O, N) of each frame: log of N times its weight, weight = softmax(similarity / temperature).

    Up to a constant, which the reader's softmax ignores, this adds the similarity to the logits, as section 3.5 says.
    Equal similarities give exactly 0.

    Args:
        similarities: (O, N) from `frame_similarities`.
        temperature: above 0; large values even the frames out.
        present: (O, N) bool, at least one True a row; absent frames get -inf and N counts the present ones.
    """
    logits = similarities / temperature
    if present is not None:
        logits = logits.masked_fill(~present, -torch.inf)
    below_largest = logits - logits.amax(-1, keepdim=True)
    count = torch.isfinite(below_largest).sum(-1, keepdim=True)
    return below_largest - torch.log(below_largest.exp().sum(-1, keepdim=True) / count)


def _finite(pooled: Tensor) -> Tensor:
    return torch.nan_to_num(pooled, nan=0.0, posinf=0.0, neginf=0.0)


def _transport_similarities(query: Tensor, memory: Tensor, config: DynamicConfig) -> Tensor:
    """Earth mover's similarities (O, N) of query (O, 1, G, C) and memory (O, N, G, C)."""
    supply = (memory @ query.mean(2).unsqueeze(-1)).squeeze(-1).clamp(min=0)
    demand = (query @ memory.mean(2).unsqueeze(-1)).squeeze(-1).clamp(min=0)
    cost = 1 - F.normalize(memory, dim=-1) @ F.normalize(query, dim=-1).transpose(-1, -2)
    problem = (cost.flatten(0, 1), normalise_masses(supply.flatten(0, 1)), normalise_masses(demand.flatten(0, 1)))
    entropic = config.solver == "entropic" or (config.solver == "auto" and cost.is_cuda)
    mean_cost = entropic_cost(*problem, ENTROPIC_EPSILON, ENTROPIC_ITERATIONS) if entropic else exact_cost(*problem)
    return (1 - mean_cost).float().view(memory.shape[:2])
