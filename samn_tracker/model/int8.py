"""Convolutions of a network in int8: about twice as fast as in bfloat16 on a CPU with VNNI or AMX.

The kernels are oneDNN's, by the operators with which torch runs models that it has quantised itself. Weights have a
scale for every output channel; what enters a convolution has one range, measured beforehand. ReLUs and sums happen in
the same kernel, and inside a residual block numbers stay in eight bits; between blocks they have the network's dtype.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from samn_tracker.model.blocks import ResidualBlock
from samn_tracker.model.fused import (
    TYPICAL_CELLS,
    Block,
    FusedBlock,
    FusedConvolution,
    chain,
    has_matrix_units,
    on_skip,
)
from samn_tracker.model.network import Network
from samn_tracker.model.trunk import Trunk

_LEAST_INPUTS = 8
_LEAST_OUTPUTS = 16
"""Convolutions of fewer channels stay as they are: they cost little; the first ones see pixels, and the last one makes
the logits."""


class Levels(NamedTuple):
    """The 256 numbers that eight bits stand for: `scale` times (0 .. 255 less `zero`)."""

    scale: float
    zero: int

    @classmethod
    def spanning(cls, low: float, high: float) -> Levels:
        """Levels from `low` to `high`, with 0 among them."""
        low, high = min(low, 0.0), max(high, 1e-6)
        scale = (high - low) / 255
        return cls(scale, round(-low / scale))


def has_int8_kernels() -> bool:
    """Whether this torch has the operators, and this CPU multiplies int8 natively; others are slower or saturate."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    native = any(capabilities.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return native and hasattr(torch.ops.onednn, "qconv2d_pointwise") and hasattr(torch, "quantize_per_tensor")


def to_int8(network: Network, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Replace the convolutions of `network`, with BatchNorm folded, on a CPU and in evaluation mode, by int8 ones.

    `ranges` has the least and the largest number that enters each convolution, by the convolution's name.
    """
    with warnings.catch_warnings():
        # torch announces once in a process that its quantised tensors will go; `has_int8_kernels` then says so.
        warnings.simplefilter("ignore")
        _in_levels(torch.zeros(1, 1, 1, 1), Levels(1.0, 0))
    _replace_below(network, "", {name: Levels.spanning(*ends) for name, ends in ranges.items()})


def _replace_below(module: nn.Module, path: str, levels: Mapping[str, Levels]) -> None:
    for name, child in module.named_children():
        where = f"{path}{name}"
        if isinstance(module, Trunk) and name in _left(module):
            continue
        if isinstance(child, Block):
            setattr(module, name, _int8_block(child, where, levels))
        elif isinstance(child, nn.Conv2d) and _is_wide(child):
            setattr(module, name, Int8Convolution(child, levels[where]))
        else:
            _replace_below(child, f"{where}.", levels)


def _left(trunk: Trunk) -> tuple[str, ...]:
    """What of a trunk stays in the network's dtype.

    Of a ResNet-18 the first stage: in eight bits its f4 errs by 2.6%, that of a ResNet-50 by 1.0%, and masks of
    `samn-lite` agree with float32's at an IoU of 0.9945 instead of 0.9975. Of a ResNet-50 the first two stages where
    there are matrix units: its maps are so large there that bringing them to eight bits takes longer than it saves.
    """
    if not trunk.bottleneck:
        return ("layer1",)
    return ("layer1", "layer2") if has_matrix_units() else ()


def _is_wide(convolution: nn.Conv2d) -> bool:
    return convolution.in_channels >= _LEAST_INPUTS and convolution.out_channels >= _LEAST_OUTPUTS


def _int8_block(block: Block, path: str, levels: Mapping[str, Levels]) -> FusedBlock:
    convolutions = chain(block)
    given = [levels[f"{path}.{name}"] for name in convolutions]
    pre_activation = isinstance(block, ResidualBlock)
    if pre_activation:  # The ReLU before its first convolution: levels from 0 on.
        given[0] = Levels.spanning(0.0, given[0].scale * (255 - given[0].zero))
    return FusedBlock(
        [
            Int8Convolution(convolution, this, wanted=following, relu=following is not None or not pre_activation)
            for convolution, this, following in zip(convolutions.values(), given, [*given[1:], None], strict=True)
        ],
        on_skip(block, lambda name, convolution: Int8Convolution(convolution, levels[f"{path}.{name}"])),
    )


class Int8Convolution(FusedConvolution):
    """A convolution whose weights and inputs have eight bits; sums are exact, in 32.

    It takes uint8 in the levels `given`, or other numbers, which it brings to those levels. It answers in the dtype of
    `convolution`'s weights, or where there are levels `wanted` in uint8 of those, for the next one to take.
    """

    def __init__(self, convolution: nn.Conv2d, given: Levels, wanted: Levels | None = None, relu: bool = False) -> None:
        super().__init__()
        weight = convolution.weight.detach().float()
        scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
        whole = (weight / scales.view(-1, 1, 1, 1)).round().to(torch.int8)
        bias = None if convolution.bias is None else convolution.bias.detach().float()
        moves = ([*convolution.stride], [*convolution.padding], [1, 1], 1)
        shape = [1, convolution.in_channels, TYPICAL_CELLS, TYPICAL_CELLS]
        packed = torch.ops.onednn.qconv_prepack(whole, scales, *given, *moves, shape)
        zeros = torch.zeros(len(scales), dtype=torch.int32)
        dtype = convolution.weight.dtype if wanted is None else torch.uint8
        self.given: Levels = given
        self._weights = (*given, packed, scales, zeros)
        self._answer = (bias, *moves, *(wanted or Levels(1.0, 0)), dtype)
        self._activation: tuple[str, list[float], str] = ("relu" if relu else "none", [], "")

    def brought(self, x: Tensor) -> Tensor:
        """`x` in the levels `given`; itself where it is."""
        return x if x.dtype == torch.uint8 else _in_levels(x, self.given)

    def convolve(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """`forward` of what was brought."""
        if skip is None:
            return torch.ops.onednn.qconv2d_pointwise.default(x, *self._weights, *self._answer, *self._activation)
        skip = skip.contiguous(memory_format=torch.channels_last)
        summed = (1.0, 0, "sum", 1.0)
        return torch.ops.onednn.qconv2d_pointwise.binary(
            x, *self._weights, skip, *self._answer, *summed, *self._activation
        )


def _in_levels(x: Tensor, levels: Levels) -> Tensor:
    """The numbers as uint8, channels last; beyond the last levels they stop there.

    Torch's own quantised tensors hold the same bytes, and nothing else in torch makes them in one pass.
    """
    x = x.to(torch.float32, memory_format=torch.channels_last)
    whole = torch.quantize_per_tensor(x, *levels, torch.quint8)
    return torch.empty(0, dtype=torch.uint8).set_(whole.untyped_storage(), 0, whole.shape, whole.stride())
