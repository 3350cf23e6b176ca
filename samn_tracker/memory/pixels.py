"""Pixel model: a linear filter learnt on line that says of every stride-16 cell how much of it is the target.

Attention finds what a place looks like; it never weighs target against background. This does: a ridge regression from
the 3 x 3 cells of projected features to the share of each cell that the mask covers (a discriminative target model in
the spirit of FRTM, Robinson et al., CVPR 2020), solved exactly from its normal equations. Their sums over the first
frame and over later frames are kept apart, so that the first frame never loses its say; a frame that a person corrected
has the say of a first one.

Everything is float32 and batched over targets; no gradient passes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from samn_tracker.memory.spatial import require_finite
from samn_tracker.memory.spatial_samples import covariance, normalised, principal_components

Method = TypeVar("Method", bound=Callable[..., Any])

CHANNELS = 32
"""To which the features are projected: nine cells of them and a constant make 289 unknowns."""
REGULARISATION = 0.02
"""Weight of the filter's squared norm; the cells' weights of all frames add up to 1."""
FOREGROUND_SHARE = 0.35
"""Least weight of the cells of the target, all together."""
FIRST_SHARE = 0.25
"""Least weight of the first frame."""
LATER_RATE = 0.15
"""Weight of a new frame among the later ones."""


@dataclass
class _Sums:
    """Normal equations of one or several frames: (B, n, n) and (B, n, 1)."""

    matrix: Tensor
    right: Tensor

    def mixed(self, other: _Sums, share: float) -> _Sums:
        """`share` of the other, the rest of this one."""
        return _Sums(torch.lerp(self.matrix, other.matrix, share), torch.lerp(self.right, other.right, share))


class PixelScores(NamedTuple):
    """Twice the share of each cell that is target, minus 1: (B, 1, h, w) in -1..1.

    Attributes:
        now: by all that was learnt.
        first: by what was shown alone: the first frame, and those that a person corrected.
    """

    now: Tensor
    first: Tensor


def _precisely(method: Method) -> Method:
    """Without gradient and in float32, whatever the caller's autocast says: normal equations need the digits."""

    @functools.wraps(method)
    def call(self: PixelModel, f16: Tensor, *arguments: Any) -> Any:
        with torch.no_grad(), torch.autocast(f16.device.type, enabled=False):
            return method(self, f16, *arguments)

    return call  # type: ignore[return-value]


class PixelModel:
    """The filters of one target, or of one in each of B independent samples: of all frames, and of those shown."""

    def __init__(self) -> None:
        self._projection: Tensor | None = None
        self._first: _Sums | None = None
        self._shown = 0  # frames in the first sums
        self._later: _Sums | None = None
        self._filters: tuple[Tensor, Tensor] | None = None  # of all and of the first sums, (B, n, 1) each

    @_precisely
    def start(self, f16: Tensor, mask: Tensor) -> None:
        """Learn the first frame: features (B, C, h, w) of a patch and its mask (B, 1, 16 h, 16 w) in 0..1.

        Raises:
            WeightsError: the features are not finite.
        """
        require_finite(f16)
        samples = normalised(f16)
        self._projection = torch.stack([principal_components(covariance(one[None]), CHANNELS) for one in samples])
        self._later = None
        self._first, self._shown = self._sums(f16, mask), 1
        self._solve_first()

    @_precisely
    def learn(self, f16: Tensor, mask: Tensor) -> None:
        """Add a later frame, as in `start`."""
        assert self._filters is not None, "start comes first"
        sums = self._sums(f16, mask)
        self._later = sums if self._later is None else self._later.mixed(sums, LATER_RATE)
        self._filters = self._solve_all(), self._filters[1]

    @_precisely
    def learn_shown(self, f16: Tensor, mask: Tensor) -> None:
        """Add a frame whose mask a person gave, as in `start`: it counts as much as the first."""
        assert self._first is not None, "start comes first"
        self._shown += 1
        self._first = self._first.mixed(self._sums(f16, mask), 1 / self._shown)
        self._solve_first()

    @_precisely
    def scores(self, f16: Tensor) -> PixelScores:
        """How much of each cell is the target, for features (B, C, h, w)."""
        assert self._filters is not None, "start comes first"
        filters = torch.cat(self._filters, dim=2).transpose(1, 2)  # (B, 2, n)
        weights, constants = filters[..., :-1].reshape(2 * len(f16), -1, 3, 3), filters[..., -1].flatten()
        projected = self._projected(f16).flatten(0, 1)[None]
        share = functional.conv2d(projected, weights, constants, padding=1, groups=len(f16))  # its own for each sample
        score = share.view(len(f16), 2, *share.shape[-2:]).clamp(0, 1) * 2 - 1
        return PixelScores(score[:, :1], score[:, 1:])

    def _design(self, f16: Tensor) -> Tensor:
        """(B, h*w, 9 CHANNELS + 1): the projected features of each cell and its neighbours, and a constant."""
        columns = functional.unfold(self._projected(f16), 3, padding=1).transpose(1, 2)
        return torch.cat([columns, columns.new_ones(*columns.shape[:2], 1)], dim=2)

    def _projected(self, f16: Tensor) -> Tensor:
        """(B, CHANNELS, h, w)."""
        assert self._projection is not None
        return torch.matmul(self._projection, normalised(f16)).view(len(f16), -1, *f16.shape[-2:])

    def _sums(self, f16: Tensor, mask: Tensor) -> _Sums:
        design = self._design(f16)
        share = functional.avg_pool2d(mask.float(), 16).flatten(1)
        weighted = design * cell_weights(share)[..., None]
        return _Sums(weighted.transpose(1, 2) @ design, weighted.transpose(1, 2) @ share[..., None])

    def _solve_first(self) -> None:
        assert self._first is not None
        first = _solved(self._first)
        self._filters = first if self._later is None else self._solve_all(), first

    def _solve_all(self) -> Tensor:
        assert self._first is not None and self._later is not None
        return _solved(self._later.mixed(self._first, FIRST_SHARE))


def _solved(sums: _Sums) -> Tensor:
    """The filter (B, n, 1) of the normal equations."""
    ridge = REGULARISATION * torch.eye(sums.matrix.shape[-1], device=sums.matrix.device)
    return torch.cholesky_solve(sums.right, torch.linalg.cholesky(sums.matrix + ridge))


def contrast(score: Tensor, mask: Tensor) -> Tensor:
    """(B,) in -1..1: the mean share that is called target inside a mask (B, 1, 16 h, 16 w), less that outside it.

    `score` (B, 1, h, w) is one of `PixelScores`. Near 0 where the mask lies on something that the target cannot be told
    from; 0 for an empty mask.
    """
    share = (score + 1) / 2
    covered = functional.avg_pool2d(mask.float(), 16)
    inside = (share * covered).sum((1, 2, 3)) / covered.sum((1, 2, 3)).clamp_min(1e-6)
    outside = (share * (1 - covered)).sum((1, 2, 3)) / (1 - covered).sum((1, 2, 3)).clamp_min(1e-6)
    return (inside - outside) * (covered.sum((1, 2, 3)) > 0)


def cell_weights(share: Tensor) -> Tensor:
    """Weights (B, N) of cells that the target covers by `share` (B, N): sum 1, at least `FOREGROUND_SHARE` on it."""
    uniform = torch.full_like(share, 1 / share.shape[1])
    foreground = share / share.sum(1, keepdim=True).clamp_min(1e-6)
    natural = share.mean(1, keepdim=True)
    missing = ((FOREGROUND_SHARE - natural) / (1 - natural).clamp_min(1e-6)).clamp(min=0) * (natural > 0)
    return uniform * (1 - missing) + foreground * missing
