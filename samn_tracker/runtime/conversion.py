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
