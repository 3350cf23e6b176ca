"""The transportation problem of section 3.5: least mean cost of moving supplies to demands.

Two solvers over a batch of B problems with G sources and G destinations each: an exact one (network simplex, on the
CPU) and an entropic one (Sinkhorn, batched, on any device).
"""

from __future__ import annotations

import numpy as np
import torch
from ot.lp.emd_wrap import emd_c
from torch import Tensor

from samn_tracker.errors import EnvironmentProblemError

SMALLEST_EPSILON = 0.005
"""Costs span at most 2, so the kernel stays above exp(-400) and float64 never runs out of range."""

_PIVOT_LIMIT = 100_000
_OPTIMAL = 1


def normalise_masses(masses: Tensor) -> Tensor:
    """Masses (..., G) as float64 of total 1; uniform where they are all zero or not finite (eq. 10 up to its total)."""
    exact = masses.double()
    total = exact.sum(-1, keepdim=True)
    usable = torch.isfinite(total) & (total > 0)
    uniform = torch.full_like(exact, 1 / masses.shape[-1])
    return torch.where(usable, exact / torch.where(usable, total, 1), uniform)


def exact_cost(cost: Tensor, supply: Tensor, demand: Tensor) -> Tensor:
    """(B,) float64 optimal mean transport cost, by POT's network simplex.

    Args:
        cost: (B, G, G) finite, sources first.
        supply: (B, G) from `normalise_masses`.
        demand: (B, G) likewise.

    Raises:
        EnvironmentProblemError: the simplex stopped before an optimum, which valid masses cannot cause.
    """
    costs, supplies, demands = (t.double().contiguous().cpu().numpy() for t in (cost, supply, demand))
    least = np.empty(len(costs))
    for i in range(len(costs)):
        _, least[i], _, _, status = emd_c(supplies[i], demands[i], costs[i], _PIVOT_LIMIT, 1)
        if status != _OPTIMAL:
            raise EnvironmentProblemError(
                f"POT's network simplex stopped without an optimum (code {status}); "
                "install another POT version or set dynamic.solver to entropic"
            )
    return torch.from_numpy(least).to(cost.device)


def entropic_cost(cost: Tensor, supply: Tensor, demand: Tensor, epsilon: float, iterations: int) -> Tensor:
    """(B,) float64 mean cost of the entropy-regularised plan, by Sinkhorn iterations on a stabilised kernel.

    The least cost of each row and then of each column is subtracted before the exponential, which leaves the plan as it
    is and keeps the kernel in range. Arguments as in `exact_cost`, and:

        epsilon: weight of the entropy, in units of cost; at least SMALLEST_EPSILON. Small values need more iterations.
        iterations: how often rows and columns are scaled in turn.
    """
    exact = cost.double()
    reduced = exact - exact.amin(-1, keepdim=True)
    reduced = reduced - reduced.amin(-2, keepdim=True)
    kernel = torch.exp(-reduced / epsilon)
    kernel_t = kernel.transpose(-1, -2).contiguous()
    rows, columns = supply.unsqueeze(-1), demand.unsqueeze(-1)
    column_scale = torch.ones_like(columns)
    for _ in range(iterations):
        row_scale = rows / (kernel @ column_scale)
        column_scale = columns / (kernel_t @ row_scale)
    plan = row_scale * kernel * column_scale.transpose(-1, -2)
    return (plan * exact).sum((-1, -2)) / plan.sum((-1, -2))
