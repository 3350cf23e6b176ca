"""The analytic solver against torch's own differentiation, in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from samn_tracker.memory import spatial_solver
from samn_tracker.memory.spatial_solver import (
    FilterProblem,
    JointProblem,
    LeastSquares,
    Parameters,
    ScoreGrid,
    activate,
    activation_slope,
    conjugate_gradient,
    gauss_newton,
    gaussian_labels,
)

LEAK = 0.05
SAMPLES, CHANNELS, PROJECTED, HEIGHT, WIDTH = 3, 6, 4, 7, 6


def reference_scores(correlation_filter: Tensor, projected: Tensor, size: int) -> Tensor:
    """Scores of (n, D, h, w) maps by torch's convolution; (D, k*k) filters are stored mirrored."""
    weight = correlation_filter.reshape(1, -1, size, size).flip(2, 3)
    return F.conv2d(projected, weight, padding=size // 2)[:, 0]


def problem_of(joint: bool, filter_size: int = 4) -> tuple[LeastSquares, Parameters, Callable[..., Tensor]]:
    """A small random problem, parameters with scores on both sides of 0, and its residuals as an autograd function."""
    random = torch.Generator().manual_seed(7)
    grid = ScoreGrid(HEIGHT, WIDTH, filter_size)
    channels = CHANNELS if joint else PROJECTED
    maps = torch.randn(SAMPLES, channels, HEIGHT, WIDTH, generator=random, dtype=torch.float64)
    centres = torch.tensor([[3.0, 3.5], [2.25, 4.0], [4.5, 3.0]], dtype=torch.float64)
    labels = gaussian_labels(grid, centres, 1.0).double()
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    shapes = [(PROJECTED, filter_size**2), (PROJECTED, CHANNELS)][: 2 if joint else 1]
    parameters = tuple(0.1 * torch.randn(*shape, generator=random, dtype=torch.float64) for shape in shapes)
    penalties = (0.1, 1e-4)[: len(shapes)]
    problem = (JointProblem if joint else FilterProblem)(maps.flatten(2), labels, weights, grid, LEAK, penalties)

    def residuals(correlation_filter: Tensor, projection: Tensor | None = None) -> Tensor:
        projected = maps if projection is None else torch.einsum("dc,nchw->ndhw", projection, maps)
        scores = reference_scores(correlation_filter, projected, filter_size)
        activated = F.elu(F.leaky_relu(scores, 1 / LEAK), LEAK)
        data = weights.sqrt()[:, None, None] * (activated - labels)
        terms = [data.flatten(), penalties[0] ** 0.5 * correlation_filter.flatten()]
        if projection is not None:
            terms.append(penalties[1] ** 0.5 * projection.flatten())
        return torch.cat(terms)

    return problem, parameters, residuals


KINDS = pytest.mark.parametrize(("joint", "filter_size"), [(True, 4), (False, 4), (True, 3), (False, 5)])


@pytest.mark.parametrize("filter_size", [1, 2, 3, 4, 5])
def test_fold_of_rows_is_a_convolution(filter_size: int) -> None:
    grid = ScoreGrid(HEIGHT, WIDTH, filter_size)
    maps = torch.randn(2, 3, HEIGHT, WIDTH, dtype=torch.float64)
    taps = torch.randn(3, filter_size**2, dtype=torch.float64)
    scores = grid.fold(taps.T @ maps.flatten(2))
    assert scores.shape == (2, *grid.shape)
    torch.testing.assert_close(scores, reference_scores(taps, maps, filter_size))


@pytest.mark.parametrize("filter_size", [2, 3, 4, 5])
@pytest.mark.parametrize("closed", [True, False])
def test_fold_and_unfold_are_torchs(filter_size: int, closed: bool) -> None:
    """The sums are those of torch's own functions, to the bit."""
    grid = ScoreGrid(HEIGHT, WIDTH, filter_size, closed)
    rows, scores = torch.randn(2, filter_size**2, HEIGHT * WIDTH), torch.randn(2, *grid.shape)
    padding = (filter_size - 1) // 2
    corners = 1 - filter_size % 2
    whole = (HEIGHT + corners, WIDTH + corners)
    folded = F.fold(rows, whole, filter_size, padding=padding)[:, 0, : grid.shape[0], : grid.shape[1]]
    assert torch.equal(grid.fold(rows), folded)
    padded = F.pad(scores, (0, whole[1] - grid.shape[1], 0, whole[0] - grid.shape[0]))
    assert torch.equal(grid.unfold(scores), F.unfold(padded[:, None], filter_size, padding=padding))


@pytest.mark.parametrize("filter_size", [3, 4])
def test_unfold_is_the_transpose_of_fold(filter_size: int) -> None:
    grid = ScoreGrid(HEIGHT, WIDTH, filter_size)
    rows = torch.randn(2, filter_size**2, HEIGHT * WIDTH, dtype=torch.float64)
    scores = torch.randn(2, *grid.shape, dtype=torch.float64)
    torch.testing.assert_close((grid.fold(rows) * scores).sum(), (rows * grid.unfold(scores)).sum())


def test_grid_of_an_even_filter_is_the_cell_corners_and_of_an_odd_one_the_centres() -> None:
    assert (ScoreGrid(16, 24, 4).shape, ScoreGrid(16, 24, 4).first) == ((17, 25), 0.0)
    assert (ScoreGrid(16, 24, 3).shape, ScoreGrid(16, 24, 3).first) == ((16, 24), 0.5)


def test_labels_by_hand() -> None:
    even = gaussian_labels(ScoreGrid(3, 3, 4), torch.tensor([[1.0, 2.0]]), sigma_cells=0.5)
    assert even.shape == (1, 4, 4)
    assert even[0, 2, 1] == 1
    torch.testing.assert_close(even[0, 2, 2], torch.tensor(-2.0).exp())  # one cell away: exp(-1 / (2 * 0.25))
    torch.testing.assert_close(even[0, 1, 0], torch.tensor(-4.0).exp())
    odd = gaussian_labels(ScoreGrid(3, 3, 3), torch.tensor([[1.5, 2.5]]), sigma_cells=0.5)
    assert odd[0, 2, 1] == 1


def test_activation_by_hand_and_its_slope_by_autograd() -> None:
    scores = torch.tensor([2.0, 0.0, -0.05, -1000.0], dtype=torch.float64, requires_grad=True)
    activated = activate(scores, LEAK)
    e = torch.tensor(1.0, dtype=torch.float64).exp()
    torch.testing.assert_close(activated, torch.stack([2 + 0 * e, 0 * e, 0.05 * (1 / e - 1), -0.05 + 0 * e]))
    (slope,) = torch.autograd.grad(activated.sum(), scores)
    expected = torch.stack([1 + 0 * e, 1 + 0 * e, 1 / e, 0 * e])
    torch.testing.assert_close(activation_slope(scores.detach(), LEAK), expected)
    torch.testing.assert_close(slope, expected)


@KINDS
def test_loss_and_gradient_equal_autograd(joint: bool, filter_size: int) -> None:
    problem, parameters, residuals = problem_of(joint, filter_size)
    leaves = [p.clone().requires_grad_() for p in parameters]
    loss = residuals(*leaves).square().sum()
    torch.testing.assert_close(problem.loss(parameters), loss.detach())
    gradient, _ = problem.linearise(parameters)
    for ours, reference in zip(gradient, torch.autograd.grad(loss, leaves), strict=True):
        torch.testing.assert_close(2 * ours, reference)


@KINDS
def test_gauss_newton_product_equals_autograd(joint: bool, filter_size: int) -> None:
    problem, parameters, residuals = problem_of(joint, filter_size)
    step = tuple(torch.randn_like(p) for p in parameters)
    _, forward = torch.autograd.functional.jvp(residuals, parameters, step)
    _, reference = torch.autograd.functional.vjp(residuals, parameters, forward)
    _, product = problem.linearise(parameters)
    for ours, expected in zip(product(step), reference, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("at_once", [1, 2])
def test_samples_taken_a_few_at_a_time_give_the_same_numbers(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, parameters, _ = problem_of(joint=True)
    whole = gauss_newton(problem, parameters, steps=1, iterations=2)
    monkeypatch.setattr(spatial_solver, "_CPU_NUMBERS_AT_A_TIME", at_once * CHANNELS * HEIGHT * WIDTH)
    torch.testing.assert_close(gauss_newton(problem, parameters, steps=1, iterations=2), whole, rtol=0, atol=0)


def reference_step(
    residuals: Callable[..., Tensor], parameters: Parameters, penalties: tuple[float, ...], iterations: int
) -> Parameters:
    """One Gauss-Newton step by textbook preconditioned conjugate gradients over double back-propagation."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    output = residuals(*leaves)
    dual = output.detach().clone().requires_grad_()
    pulled = torch.autograd.grad(output, leaves, dual, create_graph=True)

    def matrix(x: list[Tensor]) -> list[Tensor]:
        (pushed,) = torch.autograd.grad(pulled, dual, x, retain_graph=True)
        return list(torch.autograd.grad(output, leaves, pushed, retain_graph=True))

    def inner(a: list[Tensor], b: list[Tensor]) -> Tensor:
        return torch.cat([(x * y).flatten() for x, y in zip(a, b, strict=True)]).sum()

    solution = [torch.zeros_like(p) for p in parameters]
    residual = [-p.detach() for p in pulled]
    scaled = [r / d for r, d in zip(residual, penalties, strict=True)]
    direction = scaled
    for _ in range(iterations):
        image = matrix(direction)
        energy = inner(residual, scaled)
        length = energy / inner(direction, image)
        solution = [x + length * d for x, d in zip(solution, direction, strict=True)]
        residual = [r - length * i for r, i in zip(residual, image, strict=True)]
        scaled = [r / d for r, d in zip(residual, penalties, strict=True)]
        turn = inner(residual, scaled) / energy
        direction = [s + turn * d for s, d in zip(scaled, direction, strict=True)]
    return tuple(p + s for p, s in zip(parameters, solution, strict=True))


@pytest.mark.parametrize("joint", [True, False])
def test_losses_equal_those_of_double_back_propagation(joint: bool) -> None:
    problem, start, residuals = problem_of(joint)
    expected = [torch.zeros_like(start[0]), *start[1:]]
    losses = [problem.loss(tuple(expected)).item()]
    for steps in range(1, 7):
        expected = list(reference_step(residuals, tuple(expected), problem.penalties, 4))
        ours = gauss_newton(problem, (torch.zeros_like(start[0]), *start[1:]), steps, 4)
        losses.append(problem.loss(ours).item())
        assert losses[-1] == pytest.approx(residuals(*expected).square().sum().item(), rel=1e-6)
    assert losses[1] < 0.7 * losses[0]
    assert losses[-1] < losses[1]


def test_conjugate_gradient_solves_a_small_system_exactly() -> None:
    matrix = torch.tensor([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]], dtype=torch.float64)
    right = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    solution = conjugate_gradient(lambda x: matrix @ x, right, torch.ones_like(right), 3)
    torch.testing.assert_close(solution, torch.linalg.solve(matrix, right))


def test_conjugate_gradient_goes_on_after_the_solution_without_nan() -> None:
    right, diagonal = torch.tensor([2.0, 4.0]), torch.full((2,), 0.1)
    solution = conjugate_gradient(lambda x: 2 * x, right, diagonal, 20)
    torch.testing.assert_close(solution, torch.tensor([1.0, 2.0]))
    nothing = conjugate_gradient(lambda x: 2 * x, torch.zeros(2), diagonal, 20)
    assert torch.equal(nothing, torch.zeros(2))


def test_single_precision_gives_the_answer_of_double_precision() -> None:
    # Features with a common mean, as after ReLU: plain conjugate gradients in float32 lose iterations here.
    random = torch.Generator().manual_seed(3)
    grid = ScoreGrid(12, 12, 4)
    maps = torch.randn(9, 32, 12, 12, generator=random).relu() + 0.5
    centres = 6 + torch.randn(9, 2, generator=random)
    projection = torch.linalg.qr(torch.randn(32, 16, generator=random))[0].T
    losses = []
    for kind in (torch.float32, torch.float64):
        labels = gaussian_labels(grid, centres, 0.9).to(kind)
        weights = torch.full((9,), 1 / 9, dtype=kind)
        problem = JointProblem(maps.flatten(2).to(kind), labels, weights, grid, LEAK, (0.1, 1e-4))
        start = torch.zeros(16, 16, dtype=kind), projection.to(kind)
        losses.append(problem.loss(gauss_newton(problem, start, 6, 10)).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
