"""What the names of devices and precisions mean."""

from __future__ import annotations

import pytest
import torch

from samn_tracker.errors import ConfigError
from samn_tracker.runtime.devices import Precision, resolve_device, resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, Precision(torch.float32, False)),
        ({"avx512_bf16": True}, Precision(torch.bfloat16, False)),
        ({"avx512_vnni": True}, Precision(torch.float32, True)),
        ({"avx_vnni": True}, Precision(torch.float32, True)),
        ({"avx512_vnni": True, "avx512_bf16": True}, Precision(torch.bfloat16, True)),
        ({"amx_int8": True, "amx_bf16": True}, Precision(torch.bfloat16, True)),
    ],
)
def test_auto_is_the_fastest_that_the_processor_multiplies(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: Precision
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("float32", Precision(torch.float32, False)), ("bfloat16", Precision(torch.bfloat16, False))],
)
def test_a_named_precision_is_taken(name: str, expected: Precision) -> None:
    assert resolve_precision(name, CPU) == expected


def test_int8_is_refused_where_nothing_multiplies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with pytest.raises(ConfigError, match=r"int8 needs a CPU with AVX-512 VNNI.*use auto"):
        resolve_precision("int8", CPU)


def test_int8_is_refused_on_a_gpu() -> None:
    with pytest.raises(ConfigError, match=r"int8 needs a CPU.*cuda"):
        resolve_precision("int8", torch.device("cuda"))


@pytest.mark.parametrize("name", ["mps", "mps:0", "xpu", "meta", "tpu", "cuda:99", "", "cpu cpu"])
def test_a_device_that_is_none_of_ours_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match="device"):
        resolve_device(name)
