"""Eight bits for the convolutions of a program, from the ranges of the numbers that enter them.

What enters a convolution is rounded to 256 levels over its range, weights to 255 for every output channel; OpenVINO
then multiplies int8. Sums between blocks keep their precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from samn_tracker.runtime.openvino_package import openvino

_LEAST_INPUTS = 8
_LEAST_OUTPUTS = 16
"""Convolutions of fewer channels stay as they are: they cost little; the first ones see pixels, and the last one makes
the logits."""
_KEPT = ".layer1."
"""So does the first stage of a trunk, which errs most: of samn-lite, its f4 by 2.5% and f16 by 4.3 instead of 2.6%."""


class Levels(NamedTuple):
    """The least and the largest of the 256 numbers that eight bits stand for."""

    low: float
    high: float

    @classmethod
    def spanning(cls, low: float, high: float) -> Levels:
        """Levels from `low` to `high`, moved so that 0 is among them: it is what convolutions pad with."""
        low, high = min(low, 0.0), max(high, 1e-6)
        scale = (high - low) / 255
        zero = round(-low / scale)
        return cls(-zero * scale, (255 - zero) * scale)


def quantise(model: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Make the convolutions of a converted program (`openvino.Model`) int8, in place.

    `ranges` has the least and the largest number that enters each convolution, by its name in the network.
    """
    brought: dict[tuple[str, Levels], Any] = {}
    for operation in model.get_ordered_ops():
        if operation.get_type_name() != "Convolution":
            continue
        name, weights = _network_name(operation), _constant(operation.input_value(1))
        if not is_quantised(name, weights.shape):
            continue
        source, levels = operation.input_value(0), Levels.spanning(*ranges[name])
        key = (f"{source.get_node().get_friendly_name()}:{source.get_index()}", levels)
        if key not in brought:
            brought[key] = _rounded(source, *levels, 256, f"{name}/given")
        largest = np.maximum(np.abs(weights).max((1, 2, 3), keepdims=True), 1e-12)
        constant = openvino().opset13.constant(weights, name=f"{name}/weights")
        whole = _rounded(constant.output(0), -largest, largest, 255, f"{name}/whole")
        operation.input(0).replace_source_output(brought[key].output(0))
        operation.input(1).replace_source_output(whole.output(0))
    model.validate_nodes_and_infer_types()


def is_quantised(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a convolution with weights (outputs, inputs, h, w) gets eight bits."""
    return _KEPT not in name and name != "cue" and shape[1] >= _LEAST_INPUTS and shape[0] >= _LEAST_OUTPUTS


def _rounded(source: Any, low: Any, high: Any, levels: int, name: str) -> Any:
    ends = [
        openvino().opset13.constant(np.asarray(end, np.float32), name=f"{name}/{which}")
        for end, which in ((low, "low"), (high, "high"))
    ]
    return openvino().opset13.fake_quantize(source, *ends, *ends, levels, name=name)


def _network_name(operation: Any) -> str:
    """The convolution's name in the network, from the path by which torch was traced."""
    path: str = operation.get_friendly_name().split("/")[0]
    return path.removeprefix("__module.network.")


def _constant(value: Any) -> NDArray[np.float32]:
    """The numbers of a constant, which may have been converted from another type."""
    node = value.get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return np.asarray(node.data, dtype=np.float32)
