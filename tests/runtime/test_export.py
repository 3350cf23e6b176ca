"""Exported programs: the same bytes every time, with the ranges inside, and the numbers of the network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from samn_tracker.app import weights
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.model.network import Network
from samn_tracker.model.weights import save_weights
from samn_tracker.runtime import export
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.export import export_onnx, export_openvino
from samn_tracker.runtime.programs import make_programs

openvino = pytest.importorskip("openvino")
pytest.importorskip("onnx")

SMALL = replace(SAMN_LITE.model, key_channels=16, value_channels=32, decoder_channels=16)
MAPS = [(1, 32, 4, 5), (1, 64, 16, 20), (1, 128, 8, 10), (1, 256, 4, 5), (1, 1, 4, 5)]
"""Retrieved, f4, f8, f16 and location map of 4 x 5 cells."""


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(6)
    return Network(SMALL).eval()


@pytest.fixture(autouse=True)
def _only_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "EXPORTED", ("segment",))


@pytest.mark.parametrize(("write", "suffix"), [(export_openvino, ".xml"), (export_onnx, ".onnx")])
def test_the_same_bytes_and_the_networks_numbers(
    network: Network, write: Callable[..., list[Path]], suffix: str, tmp_path: Path
) -> None:
    ranges = activation_ranges(network)
    first = write(network, tmp_path / "first", ranges)
    openvino.opset13.constant(1.0)  # moves the numbers by which OpenVINO names operations
    second = write(network, tmp_path / "second", ranges)
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name

    model = openvino.Core().read_model(tmp_path / "first" / f"segment{suffix}")
    rounded = {"FakeQuantize", "QuantizeLinear"} & {one.get_type_name() for one in model.get_ops()}
    assert rounded
    assert [one.any_name for one in model.inputs] == ["retrieved", "f4", "f8", "f16", "location"]
    torch.manual_seed(1)
    given = [torch.rand(shape) for shape in MAPS]
    model.reshape({name: list(shape) for name, shape in zip(model.inputs, MAPS, strict=True)})
    answer = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(
        [x.numpy() for x in given]
    )
    with torch.inference_mode():
        exact = make_programs(network)["segment"](*given).numpy()
    assert answer["probability"].shape == (1, 64, 80)
    assert 0 < np.abs(answer["probability"] - exact).mean() < 0.05


def test_the_command_writes_float32_as_well(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_weights(tmp_path / "small.safetensors", network, "small", {})
    line = ["export", str(tmp_path / "small.safetensors"), str(tmp_path / "out"), "--to", "openvino", "--float32"]
    assert weights.main(line) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["segment.bin", "segment.xml"]
    assert "FakeQuantize" not in (tmp_path / "out" / "segment.xml").read_text()
    assert capsys.readouterr().out.count("wrote ") == 2


@pytest.mark.parametrize(
    ("package", "words"), [("onnx", "pip install 'samn-tracker"), ("openvino", "pip install openvino")]
)
def test_a_missing_package_is_told_with_its_remedy(package: str, words: str) -> None:
    write = "export_onnx" if package == "onnx" else "export_openvino"
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from samn_tracker.runtime.export import {write}\n"
        f"from pathlib import Path\ntry:\n    {write}(None, Path('nowhere'), None)\n"
        f"except {EnvironmentProblemError.__module__}.{EnvironmentProblemError.__name__} as error:\n    print(error)"
    )
    code = f"import samn_tracker.errors\n{code}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert words in result.stdout
