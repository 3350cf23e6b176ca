"""Residual blocks whose ReLUs and skips are added inside the kernels of their convolutions.

A block's maps then cross memory once instead of three times. `fuse_blocks` does that in bfloat16, where a CPU has
matrix units (AMX) and memory is what it waits for; `samn_tracker.model.int8` builds the same blocks in int8.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.model.blocks import ResidualBlock
from samn_tracker.model.trunk import BasicBlock, Bottleneck

Block = BasicBlock | Bottleneck | ResidualBlock

TYPICAL_CELLS = 48
"""Weights are laid out for maps of this many pixels a side; maps of other sizes use the same layout."""


class FusedConvolution(nn.Module, ABC):
    """A convolution with a skip and a ReLU in its kernel. Convolutions with the same `given` share what is brought."""

    given: object

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """The convolution of x plus `skip`, of the answer's shape and dtype, where given; then its ReLU.

        The skip may be written over.
        """
        return self.convolve(self.brought(x), skip)

    @abstractmethod
    def brought(self, x: Tensor) -> Tensor:
        """`x` as `convolve` takes it."""

    @abstractmethod
    def convolve(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """`forward` of what was brought."""


class FusedBlock(nn.Module):
    """A residual block: a chain of convolutions, the last of which adds the skip.

    Its answer may be written over its input, as nothing else reads that in a trunk or in the decoder.
    """

    def __init__(self, convolutions: Sequence[FusedConvolution], downsample: FusedConvolution | None) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.downsample: FusedConvolution | None = downsample

    def forward(self, x: Tensor) -> Tensor:
        first, *middle, last = self.convolutions
        assert isinstance(first, FusedConvolution)
        brought = first.brought(x)
        y = first.convolve(brought)
        for convolution in middle:
            y = convolution(y)
        result: Tensor = last(y, self._skip(x, brought))
        return result

    def _skip(self, x: Tensor, brought: Tensor) -> Tensor:
        """The downsampled input, or itself. In a trunk both ways begin with the same numbers, brought once."""
        if self.downsample is None:
            return x
        same = self.downsample.given == self.convolutions[0].given
        return self.downsample.convolve(brought) if same else self.downsample(x)


class PackedConvolution(FusedConvolution):
    """A convolution in the dtype of its weights, which are laid out beforehand, with ReLUs before and after it."""

    def __init__(self, convolution: nn.Conv2d, relu_before: bool = False, relu: bool = False) -> None:
        super().__init__()
        assert convolution.bias is not None
        moves = ([*convolution.padding], [*convolution.stride], [1, 1], 1)
        shape = [1, convolution.in_channels, TYPICAL_CELLS, TYPICAL_CELLS]
        packed = torch.ops.mkldnn._reorder_convolution_weight(convolution.weight.detach(), *moves, shape)
        self.given = relu_before
        self._weights = (packed, convolution.bias.detach(), *moves)
        self._relu = relu

    def brought(self, x: Tensor) -> Tensor:
        """`x`, after the ReLU before the convolution if there is one."""
        return functional.relu(x) if self.given else x

    def convolve(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """`forward` of what was brought; the answer is written over the skip."""
        if skip is None:
            return torch.ops.mkldnn._convolution_pointwise.default(
                x, *self._weights, "relu" if self._relu else "none", [], ""
            )
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            skip, x, *self._weights, "add", 1.0, "relu" if self._relu else None, [], None
        )


def has_matrix_units() -> bool:
    """Whether this CPU has matrix units for bfloat16 (AMX), and this torch the operators for fused blocks."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return capabilities.get("amx_bf16", False) and hasattr(torch.ops.mkldnn, "_convolution_pointwise")


def fuse_blocks(network: nn.Module) -> None:
    """Replace the residual blocks of a network, with BatchNorm folded, on a CPU, by fused ones in the same dtype."""
    for name, child in network.named_children():
        if isinstance(child, Block):
            setattr(network, name, _fused(child))
        else:
            fuse_blocks(child)


def _fused(block: Block) -> FusedBlock:
    pre_activation = isinstance(block, ResidualBlock)
    first, *middle, last = chain(block).values()
    convolutions = [
        PackedConvolution(first, relu_before=pre_activation, relu=True),
        *(PackedConvolution(one, relu=True) for one in middle),
        PackedConvolution(last, relu=not pre_activation),
    ]
    return FusedBlock(convolutions, on_skip(block, lambda _, convolution: PackedConvolution(convolution)))


def chain(block: Block) -> dict[str, nn.Conv2d]:
    """The convolutions between which a block has ReLUs, by name, in their order."""
    children = block.named_children()
    return {name: one for name, one in children if isinstance(one, nn.Conv2d) and one is not block.downsample}


def on_skip(block: Block, make: Callable[[str, nn.Conv2d], FusedConvolution]) -> FusedConvolution | None:
    """What `make` makes of the convolution on a block's skip, with its name inside the block; None without one."""
    for name, convolution in block.downsample.named_modules(prefix="downsample"):
        if isinstance(convolution, nn.Conv2d):
            return make(name, convolution)
    return None
