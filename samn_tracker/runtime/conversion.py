"""Programs of a network as models of OpenVINO, and as files of OpenVINO and ONNX."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from samn_tracker.model.network import Network
from samn_tracker.model.weights import Ranges
from samn_tracker.runtime.openvino_package import openvino
from samn_tracker.runtime.programs import input_dtype, input_names, make_programs, output_names, program_shapes
from samn_tracker.runtime.quantised import quantise

EXAMPLE = (6, 5, 2)
"""Cells down and across, and objects, of the inputs by which a program is traced."""
_LARGE = frozenset({"f4", "f8", "f16", "retrieved", "value"})
"""What goes in and out as it is computed; the rest, keys among it, is float32."""


def converted(network: Network, program: str, ranges: Ranges | None = None) -> Any:
    """A program as `openvino.Model` of any batch, height and width; in int8 where `ranges` are given.

    `network` is in float32 with BatchNorm folded; `ranges` has what enters each of its convolutions.
    """
    shapes = program_shapes(program, network.config, *EXAMPLE)
    examples = tuple(torch.zeros(shape, dtype=input_dtype(shape)) for shape in shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says of every trace that tracing is old
        model = openvino().convert_model(make_programs(network)[program], example_input=examples)
    for ports, names in (
        (model.inputs, input_names(program, network.config)),
        (model.outputs, output_names(program, network.config)),
    ):
        for port, name in zip(ports, names, strict=True):
            port.get_tensor().set_names({name})
    if ranges is not None:
        quantise(model, ranges)
    return model


def laid_out(model: Any, dtype: torch.dtype) -> Any:
    """The model with maps (B, H, W, C) instead of (B, C, H, W), the large ones in `dtype`; `model` is used up.

    So they are computed, and nothing is turned around where one program's answer is cut and given to another. And what
    OpenVINO has to answer in float32 it computes in float32, back to the last convolution: for f4, of which sums lead
    to the stem, that was half of the time of a ResNet-18.
    """
    edited = openvino().preprocess.PrePostProcessor(model)
    kept = openvino().Type.bf16 if dtype == torch.bfloat16 else openvino().Type.f32
    for ports, edit in ((model.inputs, edited.input), (model.outputs, edited.output)):
        for index, port in enumerate(ports):
            if port.get_element_type() != openvino().Type.f32 or port.get_partial_shape().rank.get_length() != 4:
                continue  # pixels have their channels last already, and probabilities have none
            place = edit(index)
            place.model().set_layout(openvino().Layout("NCHW"))
            place.tensor().set_layout(openvino().Layout("NHWC"))
            if port.get_any_name() in _LARGE:
                place.tensor().set_element_type(kept)
    return edited.build()
