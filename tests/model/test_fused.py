"""Fused blocks: the same as plain ones up to rounding, and no coarser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.model import int8
from samn_tracker.model.blocks import ResidualBlock
from samn_tracker.model.folding import fold_batch_norm
from samn_tracker.model.fused import FusedBlock, PackedConvolution, fuse_blocks, has_matrix_units
from samn_tracker.model.network import Network
from samn_tracker.model.trunk import BasicBlock, Bottleneck
from samn_tracker.runtime import engine as engine_module
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine

BLOCKS = {
    "basic": lambda: BasicBlock(32, 32, 1, batch_norm=False),
    "basic, strided": lambda: BasicBlock(32, 64, 2, batch_norm=False),
    "bottleneck": lambda: Bottleneck(64, 64, 1, batch_norm=False),
    "bottleneck, strided": lambda: Bottleneck(64, 128, 2, batch_norm=False),
    "pre-activation": lambda: ResidualBlock(32, 32),
    "pre-activation, widening": lambda: ResidualBlock(48, 32),
}


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def _input(block: nn.Module, size: tuple[int, int]) -> Tensor:
    inputs = next(module for module in block.modules() if isinstance(module, nn.Conv2d)).in_channels
    x = torch.randn(2, inputs, *size).to(memory_format=torch.channels_last)
    return x if isinstance(block, ResidualBlock) else functional.relu(x)  # what a trunk's blocks are given


def _fused(block: nn.Module) -> nn.Module:
    network = nn.ModuleDict({"block": block})
    fuse_blocks(network)
    assert isinstance(network["block"], FusedBlock)
    return network["block"]


@pytest.mark.parametrize("size", [(24, 24), (7, 13)], ids=str)
@pytest.mark.parametrize("name", BLOCKS)
def test_a_fused_block_computes_the_same(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    block = BLOCKS[name]()
    x = _input(block, size)
    torch.testing.assert_close(_fused(block)(x.clone()), block(x.clone()), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not has_matrix_units(), reason="this CPU has no matrix units")
@pytest.mark.parametrize("name", BLOCKS)
def test_a_fused_block_in_bfloat16_is_no_coarser_than_a_plain_one(name: str) -> None:
    torch.manual_seed(1)
    block = BLOCKS[name]()
    x = _input(block, (24, 24)).bfloat16()
    exact = block(x.float())
    coarse = block.bfloat16()
    plain, fused = ((answer.float() - exact).norm() for answer in (coarse(x.clone()), _fused(coarse)(x.clone())))
    assert 0 < fused < 1.02 * plain < 0.02 * exact.norm()


def test_skip_and_relu_are_in_the_order_of_a_block() -> None:
    convolution = nn.Conv2d(2, 1, 1)
    convolution.weight.data = torch.tensor([1.0, 10.0]).view(1, 2, 1, 1)
    convolution.bias.data = torch.tensor([0.5])  # type: ignore[union-attr]
    x = torch.tensor([[-1.0, 2.0], [3.0, -4.0]]).view(1, 2, 1, 2)
    skip = torch.tensor([-100.0, 40.0]).view(1, 1, 1, 2)
    assert PackedConvolution(convolution)(x).flatten().tolist() == [29.5, -37.5]
    assert PackedConvolution(convolution, relu=True)(x).flatten().tolist() == [29.5, 0.0]
    assert PackedConvolution(convolution, relu_before=True)(x).flatten().tolist() == [30.5, 2.5]
    assert PackedConvolution(convolution)(x, skip.clone()).flatten().tolist() == [-70.5, 2.5]
    assert PackedConvolution(convolution, relu=True)(x, skip.clone()).flatten().tolist() == [0.0, 2.5]


@pytest.mark.parametrize("config", [SAMN_LITE, SAMN_R50], ids=["samn-lite", "samn-r50"])
def test_feature_maps_are_not_written_over(config: TrackerConfig) -> None:
    """Blocks write over their inputs; those of the first block of a stage are the maps of the stage before."""
    torch.manual_seed(1)
    network = fold_batch_norm(Network(config.model).eval())
    patch = torch.rand(1, 3, 64, 64).to(memory_format=torch.channels_last)
    plain = network.encode_query(patch)
    fuse_blocks(network)
    fused = network.encode_query(patch)
    for name in fused._fields:
        torch.testing.assert_close(getattr(fused, name), getattr(plain, name), rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.skipif(not has_matrix_units(), reason="this CPU has no matrix units")
@pytest.mark.parametrize("config", [SAMN_LITE, SAMN_R50], ids=["samn-lite", "samn-r50"])
def test_an_engine_fuses_every_block_where_there_are_matrix_units(config: TrackerConfig) -> None:
    network = Network(config.model)
    ranges = activation_ranges(network)
    for precision, fused in (("bfloat16", True), ("int8", True), ("float32", False)):
        modules = list(Engine(network, "cpu", RuntimeConfig(precision=precision), ranges).network.modules())
        plain = [one for one in modules if isinstance(one, BasicBlock | Bottleneck | ResidualBlock)]
        assert bool(plain) != fused
        assert any(isinstance(one, FusedBlock) for one in modules) == fused


def test_bfloat16_blocks_stay_plain_without_matrix_units(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engine_module, int8):
        monkeypatch.setattr(module, "has_matrix_units", lambda: False)
    engine = Engine(Network(SAMN_LITE.model), "cpu", RuntimeConfig(precision="bfloat16"))
    assert not any(isinstance(one, FusedBlock) for one in engine.network.modules())
