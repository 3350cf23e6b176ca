"""The correlation filter as its authors run it: every derivative by double back-propagation (reference only).

Section 3.3 of the paper, and ATOM (Danelljan et al., CVPR 2019). The objective and the constants are those of
`samn_tracker.memory.spatial`; the product derives the same steps by hand.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from samn_tracker.memory.config import SpatialConfig
from samn_tracker.memory.spatial import (
    ACTIVATION_LEAK,
    FILTER_PENALTY,
    FILTER_SIZE,
    FIRST_CG_ITERATIONS,
    FIRST_NEWTON_STEPS,
    PROJECTION_PENALTY,
)

Parameters = tuple[Tensor, ...]


class AutogradFilter:
    """Projection (D, C, 1, 1) and filter (1, D, k, k) over features (n, C, h, w); labels (n, 1, h + 1, w + 1)."""

    def __init__(self, config: SpatialConfig) -> None:
        self._config = config

    def start(self, features: Tensor, labels: Tensor) -> None:
        """Fit projection and filter to the first frame's samples together."""
        config = self._config
        features = normalised(features)
        columns = features.transpose(0, 1).flatten(1)
        columns = columns - columns.mean(1, keepdim=True)
        directions = torch.linalg.svd(columns @ columns.T)[0][:, : config.projection_channels]
        projection = directions.T[:, :, None, None].contiguous()
        correlation_filter = features.new_zeros(1, len(projection), FILTER_SIZE, FILTER_SIZE)
        weights = features.new_full((len(features), 1, 1, 1), 1 / len(features))

        def residuals(parameters: Parameters) -> Tensor:
            scores = score(functional.conv2d(features, parameters[1]), parameters[0])
            misfit = weights.sqrt() * (self._activated(scores) - labels)
            return _stacked(misfit, parameters, penalties)

        penalties = (FILTER_PENALTY, PROJECTION_PENALTY)
        self.filter, self.projection = _gauss_newton(
            residuals,
            (correlation_filter, projection),
            penalties,
            FIRST_NEWTON_STEPS,
            FIRST_CG_ITERATIONS,
        )
        self._samples = functional.conv2d(features, self.projection)
        self._labels = labels

    def scores(self, features: Tensor) -> Tensor:
        """(1, 1, h + 1, w + 1) of one patch's features."""
        return score(functional.conv2d(normalised(features), self.projection), self.filter)

    def add(self, features: Tensor, label: Tensor) -> None:
        """Store a sample; the oldest goes where the memory is full."""
        kept = self._config.capacity - 1
        self._samples = torch.cat([self._samples[-kept:], functional.conv2d(normalised(features), self.projection)])
        self._labels = torch.cat([self._labels[-kept:], label])

    def _activated(self, scores: Tensor) -> Tensor:
        negative = ACTIVATION_LEAK * torch.expm1(scores.clamp(max=0) / ACTIVATION_LEAK)
        return torch.where(scores >= 0, scores, negative)


def score(projected: Tensor, correlation_filter: Tensor) -> Tensor:
    """The filter's answer at every cell corner."""
    return functional.conv2d(projected, correlation_filter, padding=correlation_filter.shape[-1] // 2)


def normalised(features: Tensor) -> Tensor:
    """Features with a mean square of 1 for each sample."""
    return features / features.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def upsampled(scores: Tensor, size: int) -> Tensor:
    """Scores (1, 1, h, w) at size x size points, by zero-padding their Fourier transform."""
    height, width = scores.shape[-2:]
    spectrum = torch.fft.rfft2(scores)
    padded = spectrum.new_zeros(1, 1, size, size // 2 + 1)
    half = (height + 1) // 2
    padded[..., :half, : spectrum.shape[-1]] = spectrum[..., :half, :]
    padded[..., half - height :, : spectrum.shape[-1]] = spectrum[..., half:, :]
    return torch.fft.irfft2(padded, s=(size, size)) * (size * size / (height * width))


def _stacked(misfit: Tensor, parameters: Parameters, penalties: tuple[float, ...]) -> Tensor:
    regular = [weight**0.5 * tensor.flatten() for weight, tensor in zip(penalties, parameters, strict=True)]
    return torch.cat([misfit.flatten(), *regular])


def _gauss_newton(
    residuals: Callable[[Parameters], Tensor],
    start: Parameters,
    penalties: tuple[float, ...],
    steps: int,
    iterations: int,
) -> Parameters:
    parameters = start
    for _ in range(steps):
        step = _conjugate_gradient(residuals, parameters, penalties, iterations)
        parameters = tuple((p + s).detach() for p, s in zip(parameters, step, strict=True))
    return parameters


def _conjugate_gradient(
    residuals: Callable[[Parameters], Tensor], parameters: Parameters, penalties: tuple[float, ...], iterations: int
) -> Parameters:
    """The Gauss-Newton step; the Jacobian's product is the derivative of its transposed product.

    The penalties are the preconditioner, as in ATOM.
    """
    variables = tuple(p.detach().requires_grad_() for p in parameters)
    values = residuals(variables)
    dual = torch.zeros_like(values, requires_grad=True)
    transposed = torch.autograd.grad(values, variables, dual, create_graph=True)

    def product(direction: Parameters) -> Parameters:
        (forward,) = torch.autograd.grad(transposed, dual, direction, retain_graph=True)
        return torch.autograd.grad(values, variables, forward, retain_graph=True)

    residual = tuple(-g for g in torch.autograd.grad(values, variables, values.detach(), retain_graph=True))
    scaled = _over(residual, penalties)
    direction, solution = scaled, tuple(torch.zeros_like(r) for r in residual)
    energy = _inner(residual, scaled)
    for _ in range(iterations):
        image = product(direction)
        length = energy / _inner(direction, image).clamp(min=1e-30)
        solution = tuple(s + length * d for s, d in zip(solution, direction, strict=True))
        residual = tuple(r - length * i for r, i in zip(residual, image, strict=True))
        scaled = _over(residual, penalties)
        following = _inner(residual, scaled)
        direction = tuple(s + following / energy * d for s, d in zip(scaled, direction, strict=True))
        energy = following.clamp(min=1e-30)
    return solution


def _over(residual: Parameters, penalties: tuple[float, ...]) -> Parameters:
    return tuple(r / penalty for r, penalty in zip(residual, penalties, strict=True))


def _inner(left: Parameters, right: Parameters) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()
