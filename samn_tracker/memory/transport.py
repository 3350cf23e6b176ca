"""The transportation problem of section 3.5: least mean cost of moving supplies to demands.

Two solvers over a batch of B problems with G sources and G destinations each: an exact one (network simplex, on the
CPU) and an entropic one (Sinkhorn, batched, on any device).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from samn_tracker.errors import EnvironmentProblemError

SMALLEST_EPSILON = 0.001
"""Below it the scaling factors of one annealing stage could leave the range of float64."""

_FIRST_EPSILON = 0.2
_ANNEALING_STAGES = 5
_SMALLEST_MASS = 1e-12
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
    emd_c = _network_simplex()
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


@cache
def _network_simplex() -> Callable[..., Any]:
    """POT's `emd_c`, without the rest of its package, whose solvers take seconds to import and are never called.

    Its module is found by way of empty packages of the right names, which are gone afterwards, so that whoever imports
    POT gets all of it.
    """
    if "ot" in sys.modules:
        return import_module("ot.lp.emd_wrap").emd_c
    spec = find_spec("ot")
    if spec is None or spec.submodule_search_locations is None:
        raise EnvironmentProblemError("POT is not installed; `pip install POT`, or set dynamic.solver to entropic")
    (folder, *_) = spec.submodule_search_locations
    for name, place in (("ot", folder), ("ot.lp", f"{folder}/lp")):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [place]
    try:
        return import_module("ot.lp.emd_wrap").emd_c
    finally:
        for name in [one for one in sys.modules if one == "ot" or one.startswith("ot.")]:
            del sys.modules[name]


def entropic_cost(cost: Tensor, supply: Tensor, demand: Tensor, epsilon: float, iterations: int) -> Tensor:
    """(B,) float64 mean transport cost, from entropy-regularised problems (Sinkhorn); no synchronisation with the host.

    Epsilon falls in a few stages, and each starts from the potentials of the one before, so that the kernel stays in
    range. The result is the middle between two bounds of the optimum: the cost of the last plan, repaired to carry
    exactly the supplies and demands, and the dual value of the last potentials, repaired to be feasible.

    Args as for `exact_cost`, and:

        epsilon: final weight of the entropy, in units of cost; at least SMALLEST_EPSILON.
        iterations: how often rows and columns are scaled in turn, over all stages.
    """
    cost = cost.double()
    rows = supply.clamp(min=_SMALLEST_MASS).unsqueeze(-1)
    columns = demand.clamp(min=_SMALLEST_MASS).unsqueeze(-2)
    row_potential, column_potential = torch.zeros_like(rows), torch.zeros_like(columns)
    for stage_epsilon in np.geomspace(max(epsilon, _FIRST_EPSILON), epsilon, _ANNEALING_STAGES).tolist():
        kernel = torch.exp((row_potential + column_potential - cost) / stage_epsilon)
        column_scale = torch.ones_like(columns)
        for _ in range(math.ceil(iterations / _ANNEALING_STAGES)):
            row_scale = rows / (kernel @ column_scale.mT)
            column_scale = columns / (row_scale.mT @ kernel)
        row_potential = row_potential + stage_epsilon * row_scale.log()
        column_potential = column_potential + stage_epsilon * column_scale.log()
    plan = _feasible_plan(row_scale * kernel * column_scale, rows, columns)
    upper = (plan * cost).sum((-1, -2))
    column_potential = (cost - row_potential).amin(-2, keepdim=True)
    row_potential = (cost - column_potential).amin(-1, keepdim=True)
    lower = (rows * row_potential).sum((-1, -2)) + (columns * column_potential).sum((-1, -2))
    return (upper + lower) / 2


def _feasible_plan(plan: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Plans (B, G, G) that carry exactly `rows` (B, G, 1) and `columns` (B, 1, G), given that none exceeds `columns`.

    Rows that carry too much are scaled down; what is then missing is sent in proportion to what rows and columns lack.
    """
    plan = plan * (rows / plan.sum(-1, keepdim=True)).clamp(max=1)
    rows_lack = (rows - plan.sum(-1, keepdim=True)).clamp(min=0)
    columns_lack = (columns - plan.sum(-2, keepdim=True)).clamp(min=0)
    total = rows_lack.sum(-2, keepdim=True).clamp(min=_SMALLEST_MASS)
    return plan + rows_lack * columns_lack / total
