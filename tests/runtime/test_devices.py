"""What the names of backends, devices and precisions mean."""

from __future__ import annotations

import pytest
import torch

from samn_tracker.errors import ConfigError
from samn_tracker.runtime import devices
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.devices import resolve, resolve_device

FLOAT32, BFLOAT16 = torch.float32, torch.bfloat16


@pytest.fixture(autouse=True)
def _openvino_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMN_BACKEND", "auto")
    monkeypatch.setattr(devices, "why_unusable", lambda: None)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, (FLOAT32, False)),
        ({"avx512_bf16": True}, (BFLOAT16, False)),
        ({"avx512_vnni": True}, (FLOAT32, True)),
        ({"avx_vnni": True}, (FLOAT32, True)),
        ({"avx512_vnni": True, "avx512_bf16": True}, (BFLOAT16, True)),
        ({"amx_int8": True, "amx_bf16": True}, (BFLOAT16, True)),
    ],
)
def test_auto_is_the_fastest_that_the_processor_multiplies(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: tuple[torch.dtype, bool]
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve(RuntimeConfig(), "cpu") == ("openvino", torch.device("cpu"), *expected)
    assert resolve(RuntimeConfig(backend="torch"), "cpu") == ("torch", torch.device("cpu"), expected[0], False)


@pytest.mark.parametrize(("name", "dtype"), [("float32", FLOAT32), ("bfloat16", BFLOAT16)])
def test_a_named_precision_is_taken(name: str, dtype: torch.dtype) -> None:
    plan = resolve(RuntimeConfig(precision=name), "cpu")  # type: ignore[arg-type]
    assert (plan.dtype, plan.int8) == (dtype, False)


def test_int8_is_refused_where_nothing_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(ConfigError, match=r"int8 needs a CPU with AVX-512 VNNI.*use auto"):
        resolve(RuntimeConfig(precision="int8"), "cpu")


def test_int8_is_refused_by_torch() -> None:
    with pytest.raises(ConfigError, match=r"int8 needs OpenVINO on a CPU.*torch on cpu"):
        resolve(RuntimeConfig(backend="torch", precision="int8"), "cpu")


@pytest.mark.parametrize(("named", "expected"), [("torch", "torch"), ("openvino", "openvino"), ("auto", "openvino")])
def test_the_environment_says_what_auto_is(monkeypatch: pytest.MonkeyPatch, named: str, expected: str) -> None:
    monkeypatch.setenv("SAMN_BACKEND", named)
    assert resolve(RuntimeConfig(), "cpu").backend == expected
    assert resolve(RuntimeConfig(backend="openvino"), "cpu").backend == "openvino"


def test_an_unknown_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMN_BACKEND", "onnx")
    with pytest.raises(ConfigError, match=r"SAMN_BACKEND is 'onnx'; use torch, openvino or auto"):
        resolve(RuntimeConfig(), "cpu")


@pytest.mark.parametrize("name", ["mps", "mps:0", "xpu", "meta", "tpu", "cuda:99", "", "cpu cpu"])
def test_a_device_that_is_none_of_ours_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="device"):
        resolve_device(name)
