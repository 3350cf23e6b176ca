"""Convolutions in int8: exact where eight bits suffice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from samn_tracker.runtime.devices import multiplies_int8
from samn_tracker.runtime.quantised import Levels, quantise

openvino = pytest.importorskip("openvino")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 255.0, (0.0, 255.0)),
        (-1.0, 254.0, (-1.0, 254.0)),
        (-0.6, 254.4, (-1.0, 254.0)),  # moved: 0 is among them, it is what convolutions pad with
        (0.5, 51.0, (0.0, 51.0)),
        (-51.0, -1.0, (-51.0, 0.0)),
    ],
)
def test_levels(low: float, high: float, expected: tuple[float, float]) -> None:
    assert Levels.spanning(low, high) == pytest.approx(expected, abs=1e-4)


class _Joined(nn.Module):
    """A convolution under the name that a program has it, `network`."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.network = nn.ModuleDict({"wide": convolution})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.network["wide"](x)
        return answer


@pytest.mark.skipif(not multiplies_int8(), reason="this CPU does not multiply int8")
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2), (7, 2)])
@pytest.mark.parametrize("zero", [0, 100])
def test_whole_numbers_are_multiplied_exactly(kernel: int, stride: int, zero: int) -> None:
    torch.manual_seed(kernel + stride)
    x = torch.randint(-zero, 256 - zero, (1, 8, 13, 11)).float()
    convolution = nn.Conv2d(8, 16, kernel, stride, kernel // 2)
    with torch.no_grad():
        convolution.weight.copy_(torch.randint(-126, 127, convolution.weight.shape).float())
        convolution.weight[:, 0, 0, 0] = 127.0  # the largest of every channel, so that eight bits hold all exactly
    model = openvino.convert_model(_Joined(convolution.eval()), example_input=x)
    quantise(model, {"wide": (-zero, 255.0 - zero)})
    assert [one.get_type_name() for one in model.get_ops()].count("FakeQuantize") == 2
    model.reshape(list(x.shape))
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    kinds = [one.get_rt_info()["runtimePrecision"].astype(str) for one in compiled.get_runtime_model().get_ops()]
    assert any(kind in ("i8", "u8") for kind in kinds)
    with torch.no_grad():
        np.testing.assert_allclose(compiled(x.numpy())[0], convolution(x).numpy(), rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(("inputs", "outputs", "name"), [(3, 16, "wide"), (8, 2, "wide"), (8, 16, "cue")])
def test_small_convolutions_and_cues_stay(inputs: int, outputs: int, name: str) -> None:
    module = _Joined(nn.Conv2d(inputs, outputs, 3))
    if name == "cue":
        module.network = nn.ModuleDict({"cue": module.network["wide"]})
        module.forward = lambda x: module.network["cue"](x)  # type: ignore[method-assign]
    model = openvino.convert_model(module.eval(), example_input=torch.zeros(1, inputs, 8, 8))
    quantise(model, {})
    assert "FakeQuantize" not in [one.get_type_name() for one in model.get_ops()]
