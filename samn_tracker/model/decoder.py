"""The decoder of Space-Time Memory networks (Oh et al., ICCV 2019) with the location map of section 4.3."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.config import ModelConfig
from samn_tracker.model.blocks import ResidualBlock
from samn_tracker.model.trunk import TRUNKS

HALO_CELLS = 2
"""What the last stages see around a region, in stride-16 cells: their convolutions and resizing reach 7 f4 pixels."""


class Region(NamedTuple):
    """A rectangle of stride-16 cells: rows top to bottom and columns left to right, ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    def grown(self, cells: int, size: tuple[int, int]) -> Region:
        """The region with `cells` more on every side, as far as a map of `size` (h, w) reaches."""
        top, left = max(self.top - cells, 0), max(self.left - cells, 0)
        return Region(top, left, min(self.bottom + cells, size[0]), min(self.right + cells, size[1]))

    def within(self, outer: Region) -> Region:
        """The same region, counted from the corner of `outer`."""
        top, left = outer[:2]
        return Region(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def slices(self, pixels: int) -> tuple[slice, slice]:
        """Rows and columns in a map of `pixels` a cell."""
        return slice(self.top * pixels, self.bottom * pixels), slice(self.left * pixels, self.right * pixels)

    def cut(self, features: Tensor, pixels: int) -> Tensor:
        """The part of (..., H, W) features at `pixels` a cell."""
        return features[(..., *self.slices(pixels))]


class Refine(nn.Module):
    """Bring a feature map to twice the resolution with the encoder's features of that resolution as a skip."""

    def __init__(self, skip_channels: int, width: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, width, 3, padding=1)
        self.skip_block = ResidualBlock(width, width)
        self.block = ResidualBlock(width, width)

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        fine = self.skip_block(self.skip_conv(skip))
        return self.block(fine + functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False))


class Decoder(nn.Module):
    """Read-out (B, 2 * value_channels, h, w) at stride 16 to logits (B, 2, 16h, 16w); index 1 is the target."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        shape, width = TRUNKS[config.trunk], config.decoder_channels
        self.positional_encoding = config.positional_encoding
        location_channels = 2 if config.positional_encoding == "cat" else 0
        self.reduce = nn.Conv2d(2 * config.value_channels + location_channels, width, 3, padding=1)
        self.block = ResidualBlock(width, width)
        self.refine_f8 = Refine(shape.f8, width)
        self.refine_f4 = Refine(shape.f4, width)
        self.predict = nn.Conv2d(width, 2, 3, padding=1)

    def forward(
        self, read_out: Tensor, f8: Tensor, f4: Tensor, location: Tensor | None, region: Region | None = None
    ) -> Tensor:
        """The logits, or only those of a `region`: the same numbers, with less work at stride 4."""
        if self.positional_encoding == "cat":
            read_out = torch.cat([read_out, _required(location).expand(len(read_out), -1, -1, -1)], dim=1)
        m16 = self.block(self.reduce(read_out))
        if self.positional_encoding == "sum":
            m16 = m16 + _required(location)
        m8 = self.refine_f8(f8, m16)
        if region is None:
            return self._logits(f4, m8)
        seen = region.grown(HALO_CELLS, (m16.shape[-2], m16.shape[-1]))
        return region.within(seen).cut(self._logits(seen.cut(f4, 4), seen.cut(m8, 2)), 16)

    def _logits(self, f4: Tensor, m8: Tensor) -> Tensor:
        m4 = self.refine_f4(f4, m8)
        logits_f4 = self.predict(functional.relu(m4))
        return functional.interpolate(logits_f4, scale_factor=4, mode="bilinear", align_corners=False)


def _required(location: Tensor | None) -> Tensor:
    if location is None:
        raise ValueError("this model's positional encoding needs a location map")
    return location
