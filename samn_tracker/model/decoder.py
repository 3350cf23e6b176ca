"""The decoder of Space-Time Memory networks (Oh et al., ICCV 2019) with the location map of section 4.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.model.config import ModelConfig
from samn_tracker.model.trunk import TRUNKS, ResidualBlock

REACH_CELLS = 7
"""How far around a logit the decoder and the query value before it look at stride 16: what lies further cannot change
it."""


class Refine(nn.Module):
    """Bring a feature map to twice the resolution with the encoder's features of that resolution as a skip."""

    def __init__(self, skip_channels: int, width: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, width, 3, padding=1)
        self.skip_block = ResidualBlock(width, width)
        self.block = ResidualBlock(width, width)

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        return self.block(self.skip_block(self.skip_conv(skip)) + _enlarged(coarse, 2))


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

    def forward(self, read_out: Tensor, f8: Tensor, f4: Tensor, location: Tensor | None) -> Tensor:
        """The logits; features and location map may have batch 1, and are then shared by all objects."""
        if self.positional_encoding == "cat":
            read_out = torch.cat([read_out, _required(location).expand(read_out.shape[0], -1, -1, -1)], dim=1)
        m16 = self.block(self.reduce(read_out))
        if self.positional_encoding == "sum":
            m16 = m16 + _required(location)
        m4 = self.refine_f4(f4, self.refine_f8(f8, m16))
        return _enlarged(self.predict(functional.relu(m4)), 4)


def _enlarged(features: Tensor, factor: int) -> Tensor:
    return functional.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)


def _required(location: Tensor | None) -> Tensor:
    if location is None:
        raise ValueError("this model's positional encoding needs a location map")
    return location
