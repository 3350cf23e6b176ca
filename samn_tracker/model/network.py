"""The network of one frame, and the algebra that turns its logits into probabilities.

The calls below are everything the tracker and the trainer use; between `encode_query` and `decode` lies the
memory (`samn_tracker.memory`), which has no parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from samn_tracker.model.config import PREVIOUS_CHANNELS, ModelConfig
from samn_tracker.model.decoder import Decoder
from samn_tracker.model.encoders import (
    MemoryEncoder,
    MemoryFeatures,
    QueryEncoder,
    QueryFeatures,
    SearchFeatures,
    pooled_mask,
)


class Network(nn.Module):
    """Encoders and decoder of section 3.2, for the widths of `config`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.query_encoder = QueryEncoder(config)
        self.memory_encoder = MemoryEncoder(config)
        self.decoder = Decoder(config)
        self.cue: nn.Conv2d | None = None
        if config.cue_channels:
            self.cue = nn.Conv2d(config.cue_channels, config.decoder_channels, 3, padding=1, bias=False)
            nn.init.zeros_(self.cue.weight)  # a cue says nothing until it has been trained

    def encode_query(self, patch: Tensor) -> QueryFeatures:
        """Features, key and value of patches (B, 3, S, S), RGB in 0..1, S a multiple of 16."""
        return self.query_encoder(patch)

    def encode_memory(
        self, patch: Tensor, mask: Tensor, query: QueryFeatures | SearchFeatures | None = None
    ) -> MemoryFeatures:
        """Memory key and value of patches (B, 3, S, S) with their masks (B, 1, S, S) in 0..1.

        `query` are the query features of the same patches, or those of the one patch that all masks are of; needed
        where `config.memory_encoder` is "feature".
        """
        return self.memory_encoder(patch, mask, query)

    def decode(
        self, retrieved: Tensor, query: QueryFeatures, location: Tensor | None, cues: Tensor | None = None
    ) -> Tensor:
        """Logits (B, 2, S, S) from the value retrieved for each object and the query features (eq. 5).

        `retrieved` is (B, value_channels, h, w); `query` may have batch 1 and is then shared by all objects;
        `location` is a map from `location_map`, `cues` are maps from `cue_maps`.
        """
        value = query.value.expand(retrieved.shape[0], -1, -1, -1)
        if self.cue is not None and cues is not None:
            features = self.cue(cues)
            location = features if location is None else location + features
        return self.decoder(torch.cat([retrieved, value], dim=1), query.f8, query.f4, location)


_SAMPLED_AT = {"centre": 0.5, "corner": 1 / 16}
"""Where in a cell the location map is sampled, in cells: released, at column 16 i + 1 of the patch for cell i."""


def location_map(
    config: ModelConfig, size: tuple[int, int], centre_cells: Tensor | tuple[float, float], like: Tensor
) -> Tensor | None:
    """The spatial encoding of section 4.3 for stride-16 maps of `size` (h, w).

    Args:
        centre_cells: x, y in cells of the point that the map is drawn around: one for all, or (B, 2) one a sample.
        like: gives data type and device.

    Returns:
        "sum": (B, 1, h, w), Euclidean distance to the centre divided by the map's width. "cat": (B, 2, h, w), x and y
        offsets divided by the map's width. "none": None. B is 1 for a single centre.
    """
    if config.positional_encoding == "none":
        return None
    height, width = size
    # A single centre stays two numbers: bringing them to the device would make the host wait.
    across, down = centre_cells.float().T[..., None] if isinstance(centre_cells, Tensor) else centre_cells
    offset = _SAMPLED_AT[config.location_sampling]
    x = (torch.arange(width, device=like.device)[None] + offset - across) / width
    y = (torch.arange(height, device=like.device)[None] + offset - down) / width
    x, y = torch.broadcast_tensors(x[:, None, :], y[:, :, None])
    if config.positional_encoding == "cat":
        return torch.stack([x, y], dim=1).to(like.dtype)
    return torch.sqrt(x**2 + y**2)[:, None].to(like.dtype)


def cue_maps(config: ModelConfig, previous: Tensor | None, score: Tensor | None) -> Tensor:
    """(B, cue_channels, h, w): what else the decoder is told, 0 where nothing is known.

    Args:
        previous: (B, 1, 16 h, 16 w) in 0..1, the previous frame's mask in this patch; None where it is not shown.
        score: (B, 1, h, w) in -1..1, of the pixel model; None where it is not asked.
    """
    parts = []
    given = previous if previous is not None else score
    assert given is not None, "at least one cue is needed"
    cells = 16 if previous is not None else 1
    shape = (given.shape[-2] // cells, given.shape[-1] // cells)
    if config.previous_mask:
        none = given.new_zeros(len(given), PREVIOUS_CHANNELS, *shape)
        parts.append(none if previous is None else 2 * pooled_mask(previous, PREVIOUS_CHANNELS) - 1)
    if config.pixel_score:
        parts.append(given.new_zeros(len(given), 1, *shape) if score is None else score.to(given.dtype))
    return torch.cat(parts, dim=1)


def target_probability(logits: Tensor) -> Tensor:
    """(B, 1, S, S) probability of the target from logits (B, 2, S, S), in float32: their softmax."""
    return torch.sigmoid(logits[:, 1:].float() - logits[:, :1].float())


def single_logits(config: ModelConfig, logits: Tensor) -> Tensor:
    """Logits (B, 2, S, S) of a target that is alone, from those of `Network.decode`; differentiable.

    Where the weights were trained so (`aggregate_single`), a single object is aggregated with its background like many:
    the softmax p becomes p^2 / (p^2 + (1 - p)^2), which doubles the logits. This is what is answered, memorised and
    trained on; several objects are merged by `aggregate`, each from its own `target_probability`.
    """
    return 2 * logits if config.aggregate_single else logits


def aggregate(probability: Tensor) -> Tensor:
    """Soft aggregation of objects that were segmented independently (Oh et al. 2019, section 3.4 there).

    Args:
        probability: (O, ...) each object's own probability.

    Returns:
        (O + 1, ...) probabilities that sum to 1 over the first axis: background, then the objects. The background's
        own probability is the product of (1 - p); the odds p / (1 - p) of all are normalised.
    """
    background = torch.prod(1 - probability, dim=0, keepdim=True)
    everything = torch.cat([background, probability]).clamp(1e-7, 1 - 1e-7)
    return torch.softmax(torch.logit(everything), dim=0)
