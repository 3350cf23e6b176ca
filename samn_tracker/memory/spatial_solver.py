"""Training of the correlation filter: Gauss-Newton steps, each solved by conjugate gradients, all derivatives analytic.

The model (section 3.3 of the paper; the factorised filter of ATOM, Danelljan et al., CVPR 2019) scores a sample x as
s = f * (P x), a projection P followed by a filter f. Both are linear and act as one kernel K = f^T P with k*k rows:
s = fold(K x), where fold adds up the shifted rows. Every derivative goes through K, which has far fewer rows (16) than
P has (64): no product with P touches the samples.

The objective is  sum_n w_n |a(s_n) - y_n|^2 + lambda_f |f|^2 + lambda_P |P|^2  with the activation `a` of `activate`.

Shapes: n samples, C channels, h x w cells, k x k filter, H x W scores (see `ScoreGrid`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from samn_tracker.memory.shared_features import Sharing

Parameters = tuple[Tensor, ...]

_CPU_NUMBERS_AT_A_TIME = 1 << 21
"""Of the samples, between the product with the kernel and the one with what came of it."""


@dataclass(frozen=True)
class ScoreGrid:
    """Where the scores of a k x k filter lie on a map of height x width cells.

    Every placement is kept for which at least half of the filter is on the map, so the grid is symmetric: an even
    filter scores the (height + 1) x (width + 1) cell corners, an odd one the height x width cell centres. Where it is
    not `closed`, as in the released code, the last row and column of corners are left out: the scores are periodic.
    """

    height: int
    width: int
    filter_size: int
    closed: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the score map."""
        extra = self._corners if self.closed else 0
        return self.height + extra, self.width + extra

    @property
    def first(self) -> float:
        """Position of the score with index 0, in cells from the border of the map; scores are one cell apart."""
        return 0.5 * (self.filter_size % 2)

    @property
    def _corners(self) -> int:
        """How many more corners than centres a filter of this size scores in a row."""
        return 1 - self.filter_size % 2

    @property
    def _padding(self) -> int:
        return (self.filter_size - 1) // 2

    @property
    def _shifts(self) -> list[tuple[slice, slice, slice]]:
        """Where the map lies in one that is grown by the filter, for each place in the filter, rows first."""
        places = range(self.filter_size)
        return [
            (slice(None), slice(down, down + self.height), slice(across, across + self.width))
            for down in places
            for across in places
        ]

    def fold(self, rows: Tensor) -> Tensor:
        """Add up the shifted answers (n, k*k, h*w) of the filter's rows to scores (n, H, W)."""
        height, width = self.shape
        if rows.is_cuda:  # one kernel instead of k*k; on a CPU it takes five times as long as the sums below
            whole = (self.height + self._corners, self.width + self._corners)
            return F.fold(rows, whole, self.filter_size, padding=self._padding)[:, 0, :height, :width]
        grown = self.filter_size - 1
        sums = rows.new_zeros(len(rows), self.height + grown, self.width + grown)
        for row, place in enumerate(self._shifts):
            sums[place] += rows[:, row].view(-1, self.height, self.width)
        start = self._padding
        return sums[:, start : start + height, start : start + width]

    def unfold(self, scores: Tensor) -> Tensor:
        """The transpose of `fold`: (n, H, W) to (n, k*k, h*w)."""
        before, after = self._padding, self._padding + (0 if self.closed else self._corners)
        padded = F.pad(scores, (before, after, before, after))
        return torch.stack([padded[place] for place in self._shifts]).flatten(2).transpose(0, 1)


def gaussian_labels(grid: ScoreGrid, centres_cells: Tensor, sigma_cells: float) -> Tensor:
    """Labels (n, H, W): Gaussians of height 1 at the (n, 2) xy `centres_cells`, on their device."""
    axes = []
    for count, centre in zip(grid.shape, centres_cells.flip(1).T, strict=True):
        position = grid.first + torch.arange(count, device=centre.device, dtype=centre.dtype)
        axes.append(torch.exp(-0.5 * ((position - centre[:, None]) / sigma_cells) ** 2))
    return (axes[0][:, :, None] * axes[1][:, None, :]).float()


def activate(scores: Tensor, leak: float) -> Tensor:
    """The scores as they are where positive, leak * (e^(score / leak) - 1) where negative.

    Far below the target any negative score is as good as any other.
    """
    return torch.where(scores >= 0, scores, leak * torch.expm1(scores.clamp(max=0) / leak))


def activation_slope(scores: Tensor, leak: float) -> Tensor:
    """Derivative of `activate`: 1 where the score is not negative."""
    return torch.exp(scores.clamp(max=0) / leak)


@dataclass(frozen=True)
class LeastSquares(ABC):
    """The objective over samples (n, C, h*w), labels (n, H, W) and sample weights (n,), for some choice of parameters.

    `penalties` are the regularisation weights, one for each parameter tensor. With a `sharing`, the samples are its
    cells (1, C, U), which it lays out.
    """

    samples: Tensor
    labels: Tensor
    weights: Tensor
    grid: ScoreGrid
    leak: float
    penalties: tuple[float, ...]
    sharing: Sharing | None = None

    @abstractmethod
    def kernel(self, parameters: Parameters) -> Tensor:
        """The kernel (k*k, C) that the parameters stand for."""

    @abstractmethod
    def kernel_step(self, parameters: Parameters, step: Parameters) -> Tensor:
        """First-order change (k*k, C) of the kernel for a `step` of the parameters."""

    @abstractmethod
    def kernel_pull(self, parameters: Parameters, kernel_gradient: Tensor) -> Parameters:
        """The transpose of `kernel_step`: a gradient (k*k, C) of the kernel, carried to the parameters."""

    def scores(self, kernel: Tensor) -> Tensor:
        """(n, H, W) scores of all samples."""
        return self._scored(kernel, self.samples)

    def loss(self, parameters: Parameters) -> Tensor:
        """The objective, a scalar."""
        residual = activate(self.scores(self.kernel(parameters)), self.leak) - self.labels
        penalty = sum(weight * (tensor**2).sum() for weight, tensor in zip(self.penalties, parameters, strict=True))
        return torch.einsum("n,nij->", self.weights, residual**2) + penalty

    def linearise(self, parameters: Parameters) -> tuple[Parameters, Callable[[Parameters], Parameters]]:
        """Half the gradient at `parameters`, and the product of a step with half the Gauss-Newton matrix there."""
        scores = self.scores(self.kernel(parameters))
        weighted_slope = self.weights[:, None, None] * activation_slope(scores, self.leak)
        curvature = weighted_slope * activation_slope(scores, self.leak)
        residual = activate(scores, self.leak) - self.labels

        def product(step: Parameters) -> Parameters:
            kernel = self.kernel_step(parameters, step)
            pulls = [
                self._pulled(samples, curved * self._scored(kernel, samples))
                for samples, curved in self._batches(curvature)
            ]
            return self._pull(parameters, pulls, step)

        pulls = [self._pulled(samples, given) for samples, given in self._batches(weighted_slope * residual)]
        return self._pull(parameters, pulls, parameters), product

    def _batches(self, of_scores: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        """Samples and what belongs to their scores, so few at a time that a CPU's cache holds them for two products."""
        if self.sharing is not None:
            return [(self.samples, of_scores)]
        fits = max(1, _CPU_NUMBERS_AT_A_TIME // self.samples[0].numel())
        count = len(self.samples) if self.samples.is_cuda else fits
        return zip(self.samples.split(count), of_scores.split(count), strict=True)

    def _scored(self, kernel: Tensor, samples: Tensor) -> Tensor:
        rows = torch.matmul(kernel, samples)
        if self.sharing is None:
            return self.grid.fold(rows)
        return self.grid.fold(self.sharing.spread(rows)) * self.sharing.factors

    def _pulled(self, samples: Tensor, score_gradient: Tensor) -> Tensor:
        """(n, C, k*k): a gradient (n, H, W) of the scores of samples, carried to the kernel by each of them."""
        if self.sharing is None:
            rows = self.grid.unfold(score_gradient)
        else:
            rows = self.sharing.gathered(self.grid.unfold(score_gradient * self.sharing.factors))
        return torch.bmm(samples, rows.transpose(1, 2))  # the other way round takes half as long again

    def _pull(self, parameters: Parameters, pulls: list[Tensor], penalised: Parameters) -> Parameters:
        gradient = self.kernel_pull(parameters, torch.cat(pulls).sum(dim=0).T)
        return tuple(g + weight * p for g, weight, p in zip(gradient, self.penalties, penalised, strict=True))


class FilterProblem(LeastSquares):
    """Parameters: the filter (D, k*k) over samples that are projected already (C = D)."""

    def kernel(self, parameters: Parameters) -> Tensor:
        return parameters[0].T

    def kernel_step(self, parameters: Parameters, step: Parameters) -> Tensor:
        return step[0].T

    def kernel_pull(self, parameters: Parameters, kernel_gradient: Tensor) -> Parameters:
        return (kernel_gradient.T,)


class JointProblem(LeastSquares):
    """Parameters: the filter (D, k*k) and the projection (D, C)."""

    def kernel(self, parameters: Parameters) -> Tensor:
        correlation_filter, projection = parameters
        return correlation_filter.T @ projection

    def kernel_step(self, parameters: Parameters, step: Parameters) -> Tensor:
        return step[0].T @ parameters[1] + parameters[0].T @ step[1]

    def kernel_pull(self, parameters: Parameters, kernel_gradient: Tensor) -> Parameters:
        correlation_filter, projection = parameters
        return projection @ kernel_gradient.T, correlation_filter @ kernel_gradient


def gauss_newton(
    problem: LeastSquares, start: Parameters, steps: int, iterations: int, orthogonal: bool = True
) -> Parameters:
    """`start` improved by `steps` Gauss-Newton steps of `iterations` conjugate-gradient iterations each.

    `orthogonal` as of `conjugate_gradient`.
    """
    parameters = start
    diagonal = _joined(tuple(torch.full_like(p, one) for p, one in zip(start, problem.penalties, strict=True)))
    for _ in range(steps):
        gradient, product = problem.linearise(parameters)
        image = _of_vectors(product, parameters)
        step = conjugate_gradient(image, -_joined(gradient), diagonal, iterations, orthogonal)
        parameters = tuple(p + s for p, s in zip(parameters, _parted(step, parameters), strict=True))
    return parameters


def _of_vectors(product: Callable[[Parameters], Parameters], like: Parameters) -> Callable[[Tensor], Tensor]:
    return lambda vector: _joined(product(_parted(vector, like)))


def _joined(parameters: Parameters) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in parameters])


def _parted(vector: Tensor, like: Parameters) -> Parameters:
    parts = vector.split([tensor.numel() for tensor in like])
    return tuple(part.view(tensor.shape) for part, tensor in zip(parts, like, strict=True))


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], right: Tensor, diagonal: Tensor, iterations: int, orthogonal: bool = True
) -> Tensor:
    """Approximate solution (N,) of product(x) = right, from zero, preconditioned by `diagonal` (N,).

    Each residual is made orthogonal to all earlier ones again: in float32 that property is lost within a few
    iterations, and progress with it. Not `orthogonal`, the direction turns by the formula of Polak and Ribiere, as in
    ATOM's code, and stays as good as rounding lets it. A vanished residual or direction leaves x as it is, never NaN,
    and is decided on the device, so that nothing waits for it.
    """
    solution = direction = torch.zeros_like(right)
    residual = right
    energy = torch.zeros_like(right[0])
    residuals, relative = (right.new_zeros(iterations, len(right)) for _ in range(2))  # and scaled / energy
    for done in range(iterations):
        if orthogonal and done:
            residual = residual - residuals[:done].T @ (relative[:done] @ residual)
        scaled = residual / diagonal
        before, energy = energy, torch.dot(residual, scaled)
        common = torch.dot(residuals[done - 1], scaled) if done and not orthogonal else torch.zeros_like(energy)
        direction = scaled + _ratio(energy - common, before).clamp(min=0) * direction
        image = product(direction)
        length = _ratio(energy, torch.dot(direction, image))
        solution = solution + length * direction
        residuals[done], relative[done] = residual, scaled * _ratio(torch.ones_like(energy), energy)
        residual = residual - length * image
    return solution


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 where the denominator is not a positive normal number."""
    usable = denominator > torch.finfo(denominator.dtype).tiny
    return torch.where(usable, numerator / torch.where(usable, denominator, 1), 0)
