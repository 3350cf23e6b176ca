"""Frozen configuration of the network; section numbers refer to the paper (Xie et al., ICCV Workshops 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samn_tracker.settings import bounded

PREVIOUS_CHANNELS = 16
"""Channels of the previous mask at stride 16: the means of the 4 x 4 parts of a cell."""


@dataclass(frozen=True)
class ModelConfig:
    """Widths and switches of the network; the only part that a weights file is tied to.

    Attributes:
        trunk: ResNet trunk up to stride 16.
        key_channels: of the keys, which attention compares.
        value_channels: of the values, which attention retrieves.
        decoder_channels: width of the decoder.
        memory_encoder: "image" is the paper's second trunk over image and masks; "feature" fuses the masks into the
            query trunk's features of the same patch, one trunk pass a frame instead of two (light variant).
        similarity: attention logits between query and memory keys: "dot" is eq. 4, "l2" the negative squared distance.
        positional_encoding: how the location map enters the decoder (section 4.3, Table 8).
        mask_channels: this many of the value channels are the memorised mask itself, pooled to 16 / sqrt(mask_channels)
            patch pixels; 0 (the paper) or a square number that divides a 16 x 16 cell evenly.
        batch_norm: False where BatchNorm is folded into the convolutions of the trunk.
        aggregate_single: the probability p of a single object is the softmax after soft aggregation, too: p^2 /
            (p^2 + (1 - p)^2), as the published weights were trained. Weights trained otherwise are read without it.
        location_sampling: the location map holds the distance at the "centre" of each stride-16 cell, or, as in the
            released code, at the "corner" of the cell's first patch pixel, about half a cell towards the top left.
        previous_mask: the decoder is told where the previous frame's mask lies in the patch.
        pixel_score: the decoder is told the score of the pixel model (`samn_tracker.memory.pixels`).
    """

    trunk: Literal["resnet18", "resnet50"] = "resnet50"
    key_channels: int = bounded(128, 1, 4096)
    value_channels: int = bounded(512, 1, 4096)
    decoder_channels: int = bounded(256, 1, 4096)
    memory_encoder: Literal["image", "feature"] = "image"
    similarity: Literal["dot", "l2"] = "dot"
    positional_encoding: Literal["sum", "cat", "none"] = "sum"
    mask_channels: int = bounded(0, 0, 256)
    batch_norm: bool = True
    previous_mask: bool = False
    pixel_score: bool = False
    aggregate_single: bool = False
    location_sampling: Literal["centre", "corner"] = "centre"

    @property
    def cue_channels(self) -> int:
        """Maps besides the location map that the decoder is told (`network.cue_maps`)."""
        return PREVIOUS_CHANNELS * self.previous_mask + self.pixel_score
