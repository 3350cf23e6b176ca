"""The OpenVINO package, imported without its report to its maker, and whether it works here."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

_REPORTER = "openvino_telemetry"
REMEDY = "install it anew with `pip install openvino`"


@cache
def openvino() -> Any:
    """The package.

    On import it tells its maker so over the network, unless the package that does that is absent; it is hidden here
    while it imports.

    Raises:
        ImportError: it is not installed, or not for this system.
    """
    hidden = sys.modules.get(_REPORTER)
    sys.modules[_REPORTER] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if hidden is None:
            del sys.modules[_REPORTER]
        else:
            sys.modules[_REPORTER] = hidden
    return openvino


@cache
def core() -> Any:
    """OpenVINO's one `Core` of this process."""
    return openvino().Core()


@cache
def why_unusable() -> str | None:
    """Why OpenVINO cannot compute on this CPU, with the remedy; None where it can. One addition is tried."""
    try:
        package = openvino()
    except (ImportError, OSError) as error:
        return f"OpenVINO cannot be imported ({_first_line(error)}); {REMEDY}"
    try:
        number = package.opset13.parameter([1], np.float32)
        model = package.Model([package.opset13.add(number, number)], [number])
        answer = core().compile_model(model, "CPU")([np.ones(1, np.float32)])[0]
    except RuntimeError as error:
        return f"OpenVINO does not run on this CPU ({_first_line(error)}); {REMEDY}"
    return None if answer[0] == 2 else f"OpenVINO computes 1 + 1 = {answer[0]} on this CPU; {REMEDY}"


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
