"""Convolutions in int8: exact where eight bits suffice, close to the float network where they do not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.model import int8
from samn_tracker.model.blocks import ResidualBlock
from samn_tracker.model.folding import fold_batch_norm
from samn_tracker.model.fused import FusedBlock
from samn_tracker.model.int8 import Int8Convolution, Levels, has_int8_kernels, to_int8
from samn_tracker.model.network import Network, location_map
from samn_tracker.model.trunk import BasicBlock, Bottleneck
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.synthetic import make_sequence

pytestmark = pytest.mark.skipif(not has_int8_kernels(), reason="this CPU or this torch has no int8 products")

LEFT_IN_FLOAT = {"predict", "mask_f4", "foreground", "background"}
WHOLE = Levels(1.0, 0)
"""The numbers 0 to 255 themselves."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, once in a process; `to_int8` keeps it from users
        yield


def _convolution(weight: Tensor, bias: Tensor | None, stride: int = 1) -> nn.Conv2d:
    outputs, inputs, kernel, _ = weight.shape
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias is not None)
    convolution.weight = nn.Parameter(weight)
    if bias is not None:
        convolution.bias = nn.Parameter(bias)
    return convolution


def _whole_weights(outputs: int, inputs: int, kernel: int) -> Tensor:
    """Whole numbers whose largest is 127 in every output channel, so that eight bits hold them exactly."""
    weight = torch.randint(-126, 127, (outputs, inputs, kernel, kernel)).float()
    weight[:, 0, 0, 0] = 127.0
    return weight


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 255.0, (1.0, 0)),
        (-1.0, 254.0, (1.0, 1)),
        (-128.0, 127.0, (1.0, 128)),
        (0.5, 51.0, (0.2, 0)),  # 0 is always among them: it is what convolutions pad with
        (-51.0, -1.0, (0.2, 255)),
    ],
)
def test_levels(low: float, high: float, expected: tuple[float, int]) -> None:
    levels = Levels.spanning(low, high)
    assert levels.scale == pytest.approx(expected[0], rel=1e-6)
    assert levels.zero == expected[1]


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 2)])
@pytest.mark.parametrize("zero", [0, 100])
def test_whole_numbers_are_multiplied_exactly(kernel: int, stride: int, zero: int) -> None:
    torch.manual_seed(kernel + stride)
    x = torch.randint(-zero, 256 - zero, (2, 5, 13, 11)).float()
    convolution = _convolution(_whole_weights(16, 5, kernel), torch.randint(-500, 500, (16,)).float(), stride)
    answer = Int8Convolution(convolution, Levels(1.0, zero))(x)
    assert answer.dtype == torch.float32
    assert torch.equal(answer, convolution(x))


def test_numbers_beyond_the_range_stop_at_its_ends() -> None:
    convolution = _convolution(torch.full((16, 3, 1, 1), 127.0), None)
    x = torch.tensor([-3.0, 0.0, 255.0, 1e6]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    answer = Int8Convolution(convolution, WHOLE)(x)
    assert answer[0, 0, 0].tolist() == [0.0, 0.0, 3 * 127 * 255.0, 3 * 127 * 255.0]


def test_an_answer_in_levels_is_rounded_and_stops_at_the_ends() -> None:
    convolution = _convolution(torch.full((16, 3, 1, 1), 127.0), None)
    x = torch.tensor([0.0, 1.0, 2.0, 200.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    # 0, 381, 762 and 76200 in steps of 100 from -100 on.
    answer = Int8Convolution(convolution, WHOLE, wanted=Levels(100.0, 1), relu=True)(x)
    assert answer.dtype == torch.uint8
    assert answer[0, 0, 0].tolist() == [1, 5, 9, 255]


def test_the_skip_is_added_before_the_relu_and_left_as_it_was() -> None:
    convolution = _convolution(torch.full((16, 3, 1, 1), 127.0), None)
    x = torch.ones(1, 3, 2, 2)
    skip = torch.tensor([0.0, -381.0, -400.0, 19.0]).view(1, 1, 2, 2).repeat(1, 16, 1, 1)
    kept = skip.clone()
    answer = Int8Convolution(convolution, WHOLE, relu=True)(x, skip)
    assert answer[0, 0].flatten().tolist() == [381.0, 0.0, 0.0, 400.0]
    assert torch.equal(skip, kept)


def test_a_cut_out_part_is_read_where_it_lies() -> None:
    """The decoder hands on views of larger maps, which are not contiguous."""
    torch.manual_seed(0)
    convolution = _convolution(_whole_weights(16, 4, 3), None)
    whole = torch.randint(0, 256, (1, 4, 20, 20)).float().to(memory_format=torch.channels_last)
    part = whole[:, :, 3:11, 5:18]
    assert torch.equal(Int8Convolution(convolution, WHOLE)(part), convolution(part))


def test_the_number_of_threads_changes_nothing() -> None:
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(64, 64, 3, padding=1), torch.rand(1, 64, 40, 40)
    fast = Int8Convolution(convolution, Levels.spanning(0, 1))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = fast(x)
        torch.set_num_threads(2)
        assert torch.equal(fast(x), alone)
    finally:
        torch.set_num_threads(before)


def _relative_error(fast: Tensor, exact: Tensor) -> float:
    return float((fast.float() - exact).norm() / exact.norm())


@pytest.mark.parametrize(
    "block",
    [
        BasicBlock(32, 32, 1, batch_norm=False),
        BasicBlock(32, 64, 2, batch_norm=False),
        Bottleneck(64, 64, 1, batch_norm=False),
        Bottleneck(64, 128, 2, batch_norm=False),
        ResidualBlock(32, 32),
        ResidualBlock(48, 32),
    ],
    ids=["basic", "basic, strided", "bottleneck", "bottleneck, strided", "pre-activation", "pre-activation, widening"],
)
def test_a_block_in_int8_is_close_to_itself_in_float(block: nn.Module) -> None:
    torch.manual_seed(1)
    inputs = next(module for module in block.modules() if isinstance(module, nn.Conv2d)).in_channels
    x = torch.randn(2, inputs, 24, 24)
    x = x if isinstance(block, ResidualBlock) else functional.relu(x)  # what a trunk's blocks are given
    network = nn.ModuleDict({"block": block})
    ends: dict[str, tuple[float, float]] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(
                lambda _, given, name=name: ends.update({name: (float(given[0].min()), float(given[0].max()))})
            )
    exact = block(x.clone())
    to_int8(network, ends)
    assert isinstance(network["block"], FusedBlock)
    assert 0 < _relative_error(network["block"](x), exact) < 0.015


@pytest.mark.parametrize(
    ("config", "matrix_units", "stages"),
    [
        (SAMN_LITE, False, {"layer1"}),
        (SAMN_LITE, True, {"layer1"}),
        (SAMN_R50, False, set()),
        (SAMN_R50, True, {"layer1", "layer2"}),
    ],
    ids=["samn-lite", "samn-lite, matrix units", "samn-r50", "samn-r50, matrix units"],
)
def test_a_whole_network_in_int8_is_close_to_itself_in_float(
    config: TrackerConfig, matrix_units: bool, stages: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "has_matrix_units", lambda: matrix_units)
    torch.manual_seed(2)
    exact = fold_batch_norm(Network(config.model).eval())
    fast = Network(exact.config).eval()
    fast.load_state_dict(exact.state_dict())
    to_int8(fast, activation_ranges(fast))
    left = [name for name, module in fast.named_modules() if isinstance(module, nn.Conv2d)]
    in_trunks = {name for name in left if ".trunk." in name}
    assert {name.split(".trunk.")[1].split(".")[0] for name in in_trunks} == {"conv1"} | stages
    assert all(name.split(".")[-1] in LEFT_IN_FLOAT for name in set(left) - in_trunks), left
    sequence = make_sequence("moving", seed=9, length=1, size=(96, 96))  # none of those that were measured
    patch = torch.from_numpy(sequence.frame(0)).permute(2, 0, 1)[None] / 255
    mask = torch.from_numpy(sequence.mask(0))[None, None].float()
    query, query_fast = exact.encode_query(patch), fast.encode_query(patch)
    for name in query._fields:
        assert _relative_error(getattr(query_fast, name), getattr(query, name)) < 0.05, name
    memory, memory_fast = (net.encode_memory(patch, mask, query) for net in (exact, fast))
    assert _relative_error(memory_fast.value, memory.value) < 0.05
    location = location_map(config.model, (6, 6), (3, 3), memory.value)
    logits, exactly = (net.decode(memory.value, query, location) for net in (fast, exact))
    assert _relative_error(logits, exactly) < 0.05
