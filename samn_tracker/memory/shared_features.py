"""Features of which many show the same cells: what is linear in a cell is computed once, and then laid out.

Most of the first frame's samples are cuts of one map, or that map around a middle of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sharing:
    """How U cells are laid out to n samples of L places: which cell each place shows, and the factor of each sample.

    Attributes:
        index: (n, L) int64, the cell at each place.
        factors: (n, 1, 1) float, of all places of a sample.
        count: U.
    """

    index: Tensor
    factors: Tensor
    count: int

    def spread(self, maps: Tensor) -> Tensor:
        """Maps (1, k, U) of the cells, laid out without the factors: (n, k, L)."""
        return maps[0].index_select(1, self.index.flatten()).view(-1, *self.index.shape).transpose(0, 1)

    def gathered(self, maps: Tensor) -> Tensor:
        """The transpose of `spread`: of maps (n, k, L) the sum at each cell, (1, k, U)."""
        places = maps.transpose(0, 1).flatten(1)
        sums = places.new_zeros(len(places), self.count)
        return sums.scatter_add_(1, self.index.flatten().expand_as(places), places)[None]

    def second_moment(self, cells: Tensor) -> Tensor:
        """(C, C), the sum over all places of the products of the channels of (C, U) cells."""
        return (cells * self._summed(self.factors.square())) @ cells.T

    def covariance(self, cells: Tensor) -> Tensor:
        """(C, C), the same of the differences from the mean over all places."""
        places = self.index.numel()
        mean = cells @ self._summed(self.factors) / places
        return self.second_moment(cells) - places * torch.outer(mean, mean)

    def evenly(self, cells: Tensor, count: int) -> Tensor:
        """(C, count) of the places, evenly spread over all samples."""
        chosen = torch.linspace(0, self.index.numel() - 1, count, device=cells.device).long()
        return cells[:, self.index.flatten()[chosen]] * self.factors[chosen // self.index.shape[1], 0, 0]

    def _summed(self, factors: Tensor) -> Tensor:
        """(U,) the sum of the factors (n, 1, 1) of the places that show each cell."""
        return self.gathered(factors.expand(-1, 1, self.index.shape[1]))[0, 0]


@dataclass(frozen=True, eq=False)
class SharedFeatures:
    """Feature maps of n samples, each cell of which is held once.

    Attributes:
        cells: (C, U), of any float type.
        index: (n, h, w) int64, the cell at each place.
    """

    cells: Tensor
    index: Tensor

    @classmethod
    def arranged(cls, maps: Sequence[Tensor], arrangement: Callable[..., Tensor]) -> SharedFeatures:
        """What `arrangement` makes of maps (k, C, s, s) by moving and repeating their cells alone: (n, C, h, w)."""
        cells = torch.cat([one.transpose(0, 1).flatten(1) for one in maps], dim=1)
        sizes = [len(one) * one[0, 0].numel() for one in maps]
        numbers = torch.arange(cells.shape[1], device=cells.device).split(sizes)
        laid = arrangement(*(row.view(len(one), 1, *one.shape[2:]) for row, one in zip(numbers, maps, strict=True)))
        return cls(cells, laid[:, 0])

    @classmethod
    def of(cls, features: Tensor) -> SharedFeatures:
        """Features (n, C, h, w) that share nothing."""
        return cls.arranged([features], lambda whole: whole)

    def dense(self) -> Tensor:
        """(n, C, h, w)."""
        return self.cells[:, self.index].transpose(0, 1)

    def normalised(self) -> tuple[Tensor, Sharing]:
        """The cells (C, U) in float32, and how they are laid out to samples of a mean square of 1; zero stays zero."""
        cells, index = self.cells.float(), self.index.flatten(1)
        mean_square = cells.square().mean(dim=0)[index].mean(dim=1)
        return cells, Sharing(index, inverse_root(mean_square)[:, None, None], cells.shape[1])


def inverse_root(mean_square: Tensor) -> Tensor:
    """1 / sqrt of each, finite for 0."""
    return torch.rsqrt(mean_square.clamp(min=torch.finfo(torch.float32).tiny))
