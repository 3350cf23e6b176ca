"""Programs of a network as files for other programs: OpenVINO's and ONNX, in float32 or int8 with the ranges inside.

A folder holds `search`, `memorise` and `segment` (`samn_tracker.runtime.programs` says what each takes and gives). The
same weights and the same versions of the packages give the same bytes.
"""

from __future__ import annotations

import io
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.files import write_atomic
from samn_tracker.model.folding import fold_batch_norm
from samn_tracker.model.network import Network
from samn_tracker.model.weights import Ranges
from samn_tracker.runtime.conversion import EXAMPLE, converted
from samn_tracker.runtime.openvino_package import REMEDY, openvino
from samn_tracker.runtime.programs import input_dtype, input_names, make_programs, output_names, program_shapes
from samn_tracker.runtime.quantised import Levels, is_quantised

EXPORTED = ("search", "memorise", "segment")
OPSET = 17


def export_openvino(network: Network, folder: Path, ranges: Ranges | None) -> list[Path]:
    """Write NAME.xml and NAME.bin for each program, of any batch, height and width, in int8 with `ranges`; returns
    the files.

    Raises:
        EnvironmentProblemError: OpenVINO is not installed.
    """
    try:
        package = openvino()
    except ImportError:
        raise EnvironmentProblemError(f"export to OpenVINO needs OpenVINO; {REMEDY}") from None
    folded = fold_batch_norm(network.eval())
    written = []
    for program in EXPORTED:
        model = converted(folded, program, ranges)
        model.set_friendly_name(program)
        _name_by_order(model)
        with tempfile.TemporaryDirectory() as scratch:
            package.save_model(model, str(Path(scratch) / f"{program}.xml"), compress_to_fp16=False)
            for made in sorted(Path(scratch).iterdir()):
                write_atomic(folder / made.name, made.read_bytes())
                written.append(folder / made.name)
    return written


def _name_by_order(model: Any) -> None:
    """Names that OpenVINO numbered through the whole process are numbered through the model."""
    for index, operation in enumerate(model.get_ordered_ops()):
        if re.fullmatch(r"[A-Za-z]+_\d+", operation.get_friendly_name()):
            operation.set_friendly_name(f"{operation.get_type_name()}_{index}")


def export_onnx(network: Network, folder: Path, ranges: Ranges | None) -> list[Path]:
    """Write NAME.onnx for each program, of any batch, height and width, in int8 with `ranges`; returns
    the files.

    Raises:
        EnvironmentProblemError: the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise EnvironmentProblemError("export to ONNX needs onnx; `pip install 'samn-tracker[export]'`") from None
    folded = fold_batch_norm(network.eval())
    written = []
    for program in EXPORTED:
        model = onnx.load_from_string(_traced_onnx(folded, program))
        if ranges is not None:
            _quantise_onnx(model, ranges)
            onnx.checker.check_model(model)
        path = folder / f"{program}.onnx"
        write_atomic(path, model.SerializeToString(deterministic=True))
        written.append(path)
    return written


def _traced_onnx(network: Network, program: str) -> bytes:
    names = input_names(program, network.config), output_names(program, network.config)
    shapes = program_shapes(program, network.config, *EXAMPLE)
    axes = {name: {axis: f"{name}_{axis}" for axis in range(4)} for name in (*names[0], *names[1])}
    for name in ("patches", "probability"):
        axes.get(name, {}).pop(3, None)
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says of every trace that tracing is old
        torch.onnx.export(
            make_programs(network)[program],
            tuple(torch.zeros(shape, dtype=input_dtype(shape)) for shape in shapes),
            stream,  # type: ignore[arg-type]  # the older exporter writes to streams, too
            input_names=list(names[0]),
            output_names=list(names[1]),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    return stream.getvalue()


def _quantise_onnx(model: Any, ranges: Ranges) -> None:
    """Bring what enters each wide convolution to eight bits and back (QDQ), and store its weights in eight."""
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    nodes: list[Any] = []
    for node in list(graph.node):
        name = node.input[1].removeprefix("network.").removesuffix(".weight") if node.op_type == "Conv" else ""
        if name in ranges and is_quantised(name, (array := numpy_helper.to_array(weights[node.input[1]])).shape):
            levels = Levels.spanning(*ranges[name])
            scale = (levels.high - levels.low) / 255
            sizes = np.maximum(np.abs(array).max((1, 2, 3)), 1e-12) / 127
            whole = np.clip(np.rint(array / sizes[:, None, None, None]), -127, 127).astype(np.int8)
            constants = {
                "scale": np.float32(scale),
                "zero": np.uint8(round(-levels.low / scale)),
                "whole": whole,
                "sizes": sizes.astype(np.float32),
                "none": np.zeros(len(sizes), np.int8),
            }
            graph.initializer.extend(
                numpy_helper.from_array(np.asarray(v), f"{name}/{k}") for k, v in constants.items()
            )
            given = [f"{name}/scale", f"{name}/zero"]
            nodes += [
                helper.make_node("QuantizeLinear", [node.input[0], *given], [f"{name}/levels"]),
                helper.make_node("DequantizeLinear", [f"{name}/levels", *given], [f"{name}/given"]),
                helper.make_node(
                    "DequantizeLinear", [f"{name}/whole", f"{name}/sizes", f"{name}/none"], [f"{name}/weights"], axis=0
                ),
            ]
            graph.initializer.remove(weights[node.input[1]])
            node.input[0], node.input[1] = f"{name}/given", f"{name}/weights"
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
