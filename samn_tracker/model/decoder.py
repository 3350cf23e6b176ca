"""The decoder of Space-Time Memory networks (Oh et al., ICCV 2019) with the location map of section 4.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.model.blocks import ResidualBlock
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.trunk import TRUNKS
from samn_tracker.shapes.decoded_region import CellRegion

REACH_CELLS = 6
"""How far around a region of logits the decoder looks at stride 16: what lies further cannot change them."""

_BLOCK = 2
"""What the convolutions of a residual block see, in pixels of their map."""
_SKIP = 3
"""The same of a skip connection: one convolution and a block."""
_PREDICTION = 2
"""The same of the last convolution and the resizing after it."""


class Refine(nn.Module):
    """Bring a feature map to twice the resolution with the encoder's features of that resolution as a skip."""

    def __init__(self, skip_channels: int, width: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, width, 3, padding=1)
        self.skip_block = ResidualBlock(width, width)
        self.block = ResidualBlock(width, width)

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        return self.block(self.skip_block(self.skip_conv(skip)) + _enlarged(coarse, 2))

    def part(self, skip: Tensor, coarse: Tensor, held: CellRegion, wanted: CellRegion) -> Tensor:
        """The `wanted` part of the output, in pixels of `skip`: the same numbers with less work.

        `coarse` is the part `held` of its map, in pixels there, and must hold the `source` of what is wanted.
        """
        size = (skip.shape[-2], skip.shape[-1])
        inner, source = wanted.grown(_BLOCK, size), self.source(wanted, size)
        outer = inner.grown(_SKIP, size)
        fine = inner.within(outer).cut(self.skip_block(self.skip_conv(outer.cut(skip, 1))), 1)
        enlarged = _enlarged(source.within(held).cut(coarse, 1), 2)
        return wanted.within(inner).cut(self.block(fine + inner.within(source.times(2)).cut(enlarged, 1)), 1)

    @staticmethod
    def source(wanted: CellRegion, size: tuple[int, int]) -> CellRegion:
        """What a wanted part of the output, of a map of `size` (h, w), needs of the coarse map, in pixels there."""
        return wanted.grown(_BLOCK, size).halved().grown(1, (size[0] // 2, size[1] // 2))


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
        self, read_out: Tensor, f8: Tensor, f4: Tensor, location: Tensor | None, region: CellRegion | None = None
    ) -> Tensor:
        """The logits, or only those of a `region`: the same numbers, with less work at stride 4."""
        if self.positional_encoding == "cat":
            read_out = torch.cat([read_out, _required(location).expand(len(read_out), -1, -1, -1)], dim=1)
        m16 = self.block(self.reduce(read_out))
        if self.positional_encoding == "sum":
            m16 = m16 + _required(location)
        if region is None:
            return self._logits(self.refine_f4(f4, self.refine_f8(f8, m16)))
        size_f4 = (f4.shape[-2], f4.shape[-1])
        part_f4 = region.times(4).grown(_PREDICTION, size_f4)
        part_f8 = Refine.source(part_f4, size_f4)
        m8 = self.refine_f8.part(f8, m16, CellRegion(0, 0, m16.shape[-2], m16.shape[-1]), part_f8)
        m4 = self.refine_f4.part(f4, m8, part_f8, part_f4)
        return region.times(16).within(part_f4.times(4)).cut(self._logits(m4), 1)

    def _logits(self, m4: Tensor) -> Tensor:
        return _enlarged(self.predict(functional.relu(m4)), 4)


def _enlarged(features: Tensor, factor: int) -> Tensor:
    return functional.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)


def _required(location: Tensor | None) -> Tensor:
    if location is None:
        raise ValueError("this model's positional encoding needs a location map")
    return location
