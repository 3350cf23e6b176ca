"""The training samples of the correlation filter: their scale, their directions, and how much each counts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.errors import ConfigError
from samn_tracker.memory.shared_features import Sharing, inverse_root
from samn_tracker.model.transfer import to_device


class SampleMemory:
    """Projected samples, labels and weights in buffers of fixed size; the weights always add up to 1.

    Every new sample makes the older ones fade by 1 - learning rate against it, as in ATOM.
    Where the memory is full the sample with the lowest weight goes. Only the first frame's samples have a label that is
    known to be right: together they keep at least `initial_share` of the weight, and unless it is 0 they are never
    replaced.
    """

    def __init__(self, samples: Tensor, labels: Tensor, capacity: int, initial_share: float) -> None:
        """Start with the first frame's (n, D, L) samples and (n, H, W) labels, all with the same weight.

        Raises:
            ConfigError: the capacity leaves no room for another sample.
        """
        self._initial = samples.shape[0]
        if capacity <= self._initial:
            raise ConfigError(
                f"spatial.capacity = {capacity} leaves no room beside the {self._initial} samples of the first frame; "
                f"set at least {self._initial + 1}"
            )
        self._share = initial_share
        self._samples = samples.new_zeros(capacity, *samples.shape[1:])
        self._labels = labels.new_zeros(capacity, *labels.shape[1:])
        self._samples[: self._initial] = samples
        self._labels[: self._initial] = labels
        # Not brought to sum 1: the weight of a replaced sample must not bring the old ones back.
        self._weights = np.zeros(capacity)
        self._weights[: self._initial] = 1 / self._initial
        self._count = self._initial

    def __len__(self) -> int:
        return self._count

    @property
    def samples(self) -> Tensor:
        """(n, D, L) of all samples held."""
        return self._samples[: self._count]

    @property
    def labels(self) -> Tensor:
        """(n, H, W)."""
        return self._labels[: self._count]

    @property
    def weights(self) -> NDArray[np.float64]:
        """(n,), positive, sum 1."""
        return self._weights[: self._count] / self._weights.sum()

    def weights_tensor(self) -> Tensor:
        """The weights as float32 beside the samples."""
        return to_device(self.weights, self._samples.device).to(self._samples.dtype)

    def add(self, sample: Tensor, label: Tensor, learning_rate: float, after: int | None = None) -> int:
        """Store a (D, L) sample with its (H, W) label; returns the place it took.

        Its weight is `learning_rate`, or as in ATOM's code that of the sample in the place `after`, the one before it,
        and so much more as that one fades.
        """
        place = self._free_place()
        weight = learning_rate if after is None else float(self._weights[after]) / (1 - learning_rate)
        self._samples[place] = sample
        self._labels[place] = label
        self._weights *= 1 - learning_rate if after is None else 1.0
        self._weights[place] = weight
        if after is not None:
            self._weights /= self._weights.sum()  # they would grow without end
        self._keep_initial_share()
        return place

    def _free_place(self) -> int:
        if self._count < len(self._weights):
            self._count += 1
            return self._count - 1
        replaceable = self._initial if self._share > 0 else 0
        return replaceable + int(np.argmin(self._weights[replaceable:]))

    def _keep_initial_share(self) -> None:
        later = self._weights[self._initial :].sum()
        least = self._share / (1 - self._share) * later
        if self._weights[: self._initial].sum() < least:
            self._weights[: self._initial] = least / self._initial


def covariance(samples: Tensor) -> Tensor:
    """(C, C), the sum over all columns of (n, C, L) samples of the products of their differences from the mean."""
    columns = samples.transpose(0, 1).flatten(1)
    columns = columns - columns.mean(dim=1, keepdim=True)
    return columns @ columns.T


def principal_components(covariances: Tensor, count: int) -> Tensor:
    """The `count` orthonormal directions (count, C) of largest variance, by (C, C) covariances; at most C of them."""
    _, vectors = torch.linalg.eigh(covariances)
    return vectors[:, -count:].flip(1).T.contiguous()


def strongest_directions(cells: Tensor, sharing: Sharing, count: int) -> Tensor | None:
    """`count` orthonormal directions (count, C) that hold nearly all of the samples; None for all channels.

    One step of subspace iteration from evenly spread columns of the samples themselves. A projection that combines
    orthonormal directions has the same penalty as its coefficients, so only what the directions leave out is lost.
    """
    if not 0 < count < len(cells):
        return None
    return torch.linalg.qr(sharing.second_moment(cells) @ sharing.evenly(cells, count))[0].T


def normalised(features: Tensor) -> Tensor:
    """(n, C, h, w) of any float type to (n, C, h*w) float32 with mean square 1 for each sample; all-zero stays zero."""
    samples = features.float().flatten(2)
    return samples * inverse_root(samples.square().mean(dim=(1, 2), keepdim=True))
