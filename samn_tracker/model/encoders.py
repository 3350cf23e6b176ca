"""Query and memory encoders and their key/value heads (section 3.2).

All patches are (B, 3, S, S) RGB in 0..1 with S a multiple of 16; masks are (B, 1, S, S) in 0..1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.model.config import ModelConfig
from samn_tracker.model.trunk import TRUNKS, ResidualBlock, Trunk, convolution

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class QueryFeatures(NamedTuple):
    """What the query encoder says of a patch: feature maps (B, C, S/stride, S/stride), key and value at stride 16."""

    f4: Tensor
    f8: Tensor
    f16: Tensor
    key: Tensor
    value: Tensor


class SearchFeatures(NamedTuple):
    """`QueryFeatures` without the value, which is then computed where it is needed."""

    f4: Tensor
    f8: Tensor
    f16: Tensor
    key: Tensor


class MemoryFeatures(NamedTuple):
    """Key (B, key_channels, S/16, S/16) and value (B, value_channels, S/16, S/16) of a memorised patch and mask."""

    key: Tensor
    value: Tensor


class Normalise(nn.Module):
    """RGB in 0..1 to ImageNet's mean and standard deviation."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, patch: Tensor) -> Tensor:
        return (patch - self.mean) / self.std


class KeyValueHead(nn.Module):
    """One 3x3 convolution each for key and value on the stride-16 features."""

    def __init__(self, inputs: int, key_channels: int, value_channels: int) -> None:
        super().__init__()
        self.key = nn.Conv2d(inputs, key_channels, 3, padding=1)
        self.value = nn.Conv2d(inputs, value_channels, 3, padding=1)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor]:
        return self.key(f16), self.value(f16)


class QueryEncoder(nn.Module):
    """Enc_Q: trunk features of a patch, with the query key and value."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.normalise: nn.Module = Normalise()
        self.trunk = Trunk(config.trunk, config.batch_norm)
        self.head = KeyValueHead(TRUNKS[config.trunk].f16, config.key_channels, config.value_channels)

    def forward(self, patch: Tensor) -> QueryFeatures:
        f4, f8, f16 = self.trunk(self.normalise(patch))
        key, value = self.head(f16)
        return QueryFeatures(f4, f8, f16, key, value)


class ImageMemoryEncoder(nn.Module):
    """Enc_M of the paper: a trunk of its own, whose stem also sees the foreground and the background mask."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.normalise: nn.Module = Normalise()
        self.trunk = Trunk(config.trunk, config.batch_norm)
        self.foreground = convolution(1, 64, 7, 2, batch_norm=True)
        self.background = convolution(1, 64, 7, 2, batch_norm=True)
        self.head = KeyValueHead(
            TRUNKS[config.trunk].f16, config.key_channels, config.value_channels - config.mask_channels
        )

    def forward(
        self, patch: Tensor, mask: Tensor, query: QueryFeatures | SearchFeatures | None
    ) -> tuple[Tensor, Tensor]:
        patch = self.normalise(patch).to(mask.dtype)
        stem = self.trunk.conv1(patch) + self.foreground(mask) + self.background(1 - mask)
        _, _, f16 = self.trunk.layers(stem)
        return self.head(f16)


class FeatureMemoryEncoder(nn.Module):
    """Enc_M of the light variant: the mask is fused into the query encoder's features of the same patch.

    The memory key is that patch's query key, so a frame costs one trunk pass instead of two.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        shape = TRUNKS[config.trunk]
        self.mask_f4 = nn.Conv2d(2, 16, 7, 4, 3)
        self.mask_f8 = nn.Conv2d(16, 32, 3, 2, 1)
        self.reduce_f8 = nn.Conv2d(shape.f8, 32, 1)
        self.fuse_f8 = nn.Conv2d(64, 64, 3, 2, 1)
        self.reduce_f16 = nn.Conv2d(shape.f16, 128, 1)
        self.fuse_f16 = ResidualBlock(64 + 128, 128)
        self.out = nn.Conv2d(128, config.value_channels - config.mask_channels, 3, padding=1)

    def forward(
        self, patch: Tensor, mask: Tensor, query: QueryFeatures | SearchFeatures | None
    ) -> tuple[Tensor, Tensor]:
        if query is None:
            raise ValueError("the feature memory encoder needs the query features of the same patch")
        m4 = functional.relu(self.mask_f4(torch.cat([mask, 1 - mask], dim=1) - 0.5))
        m8 = functional.relu(self.mask_f8(m4))
        f8, f16 = (
            reduced.expand(mask.shape[0], -1, -1, -1)
            for reduced in (self.reduce_f8(query.f8), self.reduce_f16(query.f16))
        )
        fused = self.fuse_f8(functional.relu(torch.cat([m8, f8], dim=1)))
        fused = self.fuse_f16(torch.cat([fused, f16], dim=1))
        return query.key, self.out(functional.relu(fused))


class MemoryEncoder(nn.Module):
    """The memory encoder that the config names, with the pooled mask appended to the value where it asks for it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.mask_channels = config.mask_channels
        self.body: nn.Module = (
            ImageMemoryEncoder(config) if config.memory_encoder == "image" else FeatureMemoryEncoder(config)
        )

    def forward(self, patch: Tensor, mask: Tensor, query: QueryFeatures | SearchFeatures | None) -> MemoryFeatures:
        key, value = self.body(patch, mask, query)
        if self.mask_channels:
            value = torch.cat([value, pooled_mask(mask, self.mask_channels)], dim=1)
        return MemoryFeatures(key, value)


def pooled_mask(mask: Tensor, channels: int) -> Tensor:
    """The mask (B, 1, S, S) as (B, channels, S/16, S/16): every 16 x 16 cell averaged to `channels` square parts."""
    side = round(channels**0.5)
    return functional.pixel_unshuffle(functional.avg_pool2d(mask, 16 // side), side)
