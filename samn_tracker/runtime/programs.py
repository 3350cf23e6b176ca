"""The network cut into programs: functions of tensors without state, which a backend compiles for fixed shapes.

All of them take pixels as bytes and give plain numbers, so that nothing is left to do around them but to choose what is
decoded. Names of inputs and outputs are those of exported files.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from samn_tracker.model.config import ModelConfig
from samn_tracker.model.encoders import QueryFeatures, SearchFeatures
from samn_tracker.model.network import Network, target_probability
from samn_tracker.model.trunk import TRUNKS

Shapes = tuple[tuple[int, ...], ...]

INPUTS: Mapping[str, tuple[str, ...]] = {
    "search": ("patches",),
    "features": ("patches",),
    "memorise image": ("patches", "masks"),
    "memorise feature": ("f8", "f16", "masks"),
    "segment": ("retrieved", "f4", "f8", "f16"),
}
OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "search": ("f4", "f8", "f16", "key"),
    "features": ("f16",),
    "memorise image": ("value", "key"),
    "memorise feature": ("value",),
    "segment": ("probability",),
}


def input_names(program: str, model: ModelConfig) -> tuple[str, ...]:
    """What a program of a model takes; `segment` also a location map and cues, where the model has them."""
    names = INPUTS[_kind(program, model)]
    if program == "segment" and model.positional_encoding != "none":
        names += ("location",)
    return (*names, "cues") if program == "segment" and model.cue_channels else names


def output_names(program: str, model: ModelConfig) -> tuple[str, ...]:
    """What a program of a model gives."""
    return OUTPUTS[_kind(program, model)]


def _kind(program: str, model: ModelConfig) -> str:
    return f"memorise {model.memory_encoder}" if program == "memorise" else program


def program_shapes(program: str, model: ModelConfig, height: int, width: int, objects: int = 1) -> Shapes:
    """The shapes of what a program takes for a map of `height` and `width` stride-16 cells."""
    trunk = TRUNKS[model.trunk]
    maps = {
        "patches": (1, 16 * height, 16 * width, 3),
        "masks": (objects, 1, 16 * height, 16 * width),
        "f4": (1, trunk.f4, 4 * height, 4 * width),
        "f8": (1, trunk.f8, 2 * height, 2 * width),
        "f16": (1, trunk.f16, height, width),
        "retrieved": (objects, model.value_channels, height, width),
        "cues": (1, model.cue_channels, height, width),
        "location": (1, 2 if model.positional_encoding == "cat" else 1, height, width),
    }
    return tuple(maps[name] for name in input_names(program, model))


def input_dtype(shape: tuple[int, ...]) -> torch.dtype:
    """Pixels, whose channels come last as nothing else's do, are bytes; all else is float32, or cast by the program."""
    return torch.uint8 if shape[-1] == 3 else torch.float32


def make_programs(network: Network) -> dict[str, nn.Module]:
    """All programs of a network; they share its parameters."""
    memorise = MemoriseImage if network.config.memory_encoder == "image" else MemoriseFeature
    made = {"search": Search, "features": Features, "memorise": memorise, "segment": Segment}
    return {name: kind(network).eval() for name, kind in made.items()}


class _Program(nn.Module):
    """A program of `network`, in the dtype of its parameters."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.dtype = network.decoder.predict.weight.dtype

    def _trunk(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        encoder = self.network.query_encoder
        return encoder.trunk(encoder.normalise(_pixels(patches)).to(self.dtype))


def _pixels(patches: Tensor) -> Tensor:
    """Patches (B, S, S, 3) uint8 RGB as (B, 3, S, S) float32 in 0..1."""
    return patches.permute(0, 3, 1, 2).to(torch.float32) / 255


class Search(_Program):
    """Patches (B, S, S, 3) uint8 to f4, f8, f16 (B, C, S/stride, S/stride) and the query key."""

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        f4, f8, f16 = self._trunk(patches)
        return f4, f8, f16, self.network.query_encoder.head.key(f16)


class Features(_Program):
    """Patches (B, S, S, 3) uint8 to f16 (B, C, S/16, S/16)."""

    def forward(self, patches: Tensor) -> Tensor:
        _, _, f16 = self._trunk(patches)
        return f16


class MemoriseImage(_Program):
    """A patch (1, S, S, 3) uint8 and masks (O, 1, S, S) in 0..1 to memory values and keys (O, C, S/16, S/16)."""

    def forward(self, patches: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        pixels = _pixels(patches).expand(masks.shape[0], -1, -1, -1)
        memory = self.network.memory_encoder(pixels, masks.to(self.dtype), None)
        return memory.value, memory.key


class MemoriseFeature(_Program):
    """f8 and f16 of a patch and masks (O, 1, S, S) in 0..1 to memory values (O, C, S/16, S/16).

    The key is the query's.
    """

    def forward(self, f8: Tensor, f16: Tensor, masks: Tensor) -> Tensor:
        f8, f16, masks = (one.to(self.dtype) for one in (f8, f16, masks))
        query = SearchFeatures(f8, f8, f16, f16)  # this encoder looks at f8 and f16 alone
        return self.network.memory_encoder(masks, masks, query).value


class Segment(_Program):
    """Probability (O, 16 h, 16 w) of retrieved values (O, Cv, h, w), the features of the same cells, and of them the
    location map and the cues that the model has."""

    def forward(self, retrieved: Tensor, f4: Tensor, f8: Tensor, f16: Tensor, *told: Tensor) -> Tensor:
        retrieved, f4, f8, f16, *drawn = (one.to(self.dtype) for one in (retrieved, f4, f8, f16, *told))
        cues = drawn.pop() if self.network.config.cue_channels else None
        location = drawn.pop() if self.network.config.positional_encoding != "none" else None
        query = QueryFeatures(f4, f8, f16, f16, self.network.query_encoder.head.value(f16))  # the key is not looked at
        return target_probability(self.network.decode(retrieved, query, location, cues))[:, 0]
