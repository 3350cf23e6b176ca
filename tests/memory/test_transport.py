"""Both transport solvers: against linear programming, and against each other on hard problems."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.memory import transport
from samn_tracker.memory.transport import entropic_cost, exact_cost, normalise_masses


def random_problems(count: int, cells: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Costs in [0, 2] and masses, a third of which are zero."""
    generator = torch.Generator().manual_seed(seed)
    cost = 2 * torch.rand(count, cells, cells, generator=generator, dtype=torch.float64)
    masses = torch.rand(2, count, cells, generator=generator, dtype=torch.float64)
    masses[torch.rand(masses.shape, generator=generator) < 1 / 3] = 0
    supply, demand = normalise_masses(masses)
    return cost, supply, demand


def linear_programme(cost: np.ndarray, supply: np.ndarray, demand: np.ndarray) -> float:
    """Least cost of the transportation problem, straight from its definition."""
    sources, destinations = cost.shape
    leaves = np.kron(np.eye(sources), np.ones(destinations))
    arrives = np.kron(np.ones(sources), np.eye(destinations))
    solution = linprog(cost.ravel(), A_eq=np.vstack([leaves, arrives]), b_eq=np.concatenate([supply, demand]))
    assert solution.success
    return solution.fun


def test_exact_transport_equals_linear_programming_on_100_random_problems() -> None:
    cost, supply, demand = random_problems(100, 36, seed=1)
    expected = [linear_programme(*(t.numpy() for t in problem)) for problem in zip(cost, supply, demand, strict=True)]
    np.testing.assert_allclose(exact_cost(cost, supply, demand).numpy(), expected, atol=1e-6)


def test_simplex_that_stops_early_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_PIVOT_LIMIT", 1)
    with pytest.raises(EnvironmentProblemError, match=r"without an optimum .* entropic"):
        exact_cost(*random_problems(1, 36, seed=0))


@pytest.mark.parametrize("epsilon", [0.001, 0.005, 0.02])
def test_entropic_cost_stays_near_the_optimum_for_hard_problems(epsilon: float) -> None:
    problems = random_problems(60, 36, seed=2)
    gap = (entropic_cost(*problems, epsilon, 50) - exact_cost(*problems)).abs()
    assert gap.max() < 0.1  # finite, too: NaN compares as False
    assert gap.mean() < 0.02


def test_entropic_cost_converges_to_the_optimum() -> None:
    problems = random_problems(20, 36, seed=3)
    exact = exact_cost(*problems)
    gaps = [(entropic_cost(*problems, 0.005, iterations) - exact).abs().max() for iterations in (50, 5000)]
    assert gaps[1] < gaps[0] / 3
    assert gaps[1] < 0.002


def test_repaired_plans_carry_exactly_the_supplies_and_demands() -> None:
    plan, supply, _ = random_problems(20, 36, seed=4)
    plan = plan / plan.sum((-1, -2), keepdim=True)
    rows, columns = supply.unsqueeze(-1), plan.sum(-2, keepdim=True)
    repaired = transport._feasible_plan(plan, rows, columns)
    assert (repaired >= 0).all()
    torch.testing.assert_close(repaired.sum(-1, keepdim=True), rows)
    torch.testing.assert_close(repaired.sum(-2, keepdim=True), columns)


def test_masses_that_cannot_be_normalised_are_uniform() -> None:
    masses = torch.tensor([[0.0, 0, 0, 0], [math.nan, 1, 1, 1], [math.inf, 1, 1, 1], [1, 0, 3, 0]])
    expected = torch.tensor([[0.25] * 4, [0.25] * 4, [0.25] * 4, [0.25, 0, 0.75, 0]], dtype=torch.float64)
    torch.testing.assert_close(normalise_masses(masses), expected)


@pytest.mark.parametrize("before", ["", "import ot"])
def test_the_solver_comes_without_the_rest_of_its_package_and_leaves_that_whole(before: str) -> None:
    """The first frame took seconds: POT imports all of its solvers, and scikit-learn where that is installed."""
    code = f"""
import sys, torch
{before}
from samn_tracker.memory.transport import exact_cost
cost, half = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), torch.tensor([[0.5, 0.5]])
assert exact_cost(cost, half, torch.tensor([[0.25, 0.75]])).tolist() == [0.25]
assert ("ot.bregman" in sys.modules) == {bool(before)}
import ot
assert ot.emd2([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]]) == 0.25
"""
    subprocess.run([sys.executable, "-c", code], check=True)
