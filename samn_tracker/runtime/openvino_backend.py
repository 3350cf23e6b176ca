"""Programs of a network by OpenVINO on a CPU: converted from torch once, compiled for each shape they are asked for."""

from __future__ import annotations

import hashlib
import inspect
import io
import json
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.model import decoder, encoders, trunk
from samn_tracker.model import network as networks
from samn_tracker.model.network import Network
from samn_tracker.model.weights import Ranges
from samn_tracker.runtime import conversion, programs, quantised
from samn_tracker.runtime.compiled_cache import CompiledCache
from samn_tracker.runtime.conversion import converted, laid_out
from samn_tracker.runtime.openvino_package import core, openvino
from samn_tracker.runtime.programs import Shapes

_SOURCES = (decoder, encoders, networks, trunk, conversion, programs, quantised)
"""What decides, besides numbers and settings, what a compiled program is."""
_DTYPES = {"u8": torch.uint8, "f32": torch.float32, "bf16": torch.bfloat16}


class _Compiled(NamedTuple):
    """A program for fixed shapes: one request, which is asked once at a time, and what it takes and gives."""

    request: Any
    lock: Lock
    inputs: list[torch.dtype]
    outputs: list[tuple[list[int], torch.dtype]]


class OpenVinoBackend:
    """Runs the programs of `network`, in float32 with BatchNorm folded, on `threads` of the CPU.

    Args:
        network: it is not changed.
        dtype: in which OpenVINO computes, and features and values go in and out; the rest does in float32.
        ranges: of what enters each convolution, where most are to have eight bits.
        threads: of the CPU.
        cache: where compiled programs are kept between processes; None keeps none.
    """

    device = torch.device("cpu")

    def __init__(
        self,
        network: Network,
        dtype: torch.dtype,
        ranges: Ranges | None,
        threads: int,
        cache: CompiledCache | None,
    ) -> None:
        self._network = network
        self._ranges = ranges
        self._cache = cache
        self._dtype = dtype
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
            "ENABLE_CPU_PINNING": "NO",  # several processes would be pinned to the same cores
        }
        self._identity = _identity(network, ranges, self._options) if cache else ""
        self._converted: dict[str, Any] = {}
        self._compiled: dict[tuple[str, Shapes], _Compiled] = {}
        self._lock = Lock()

    def prepare(self, program: str, shapes: Shapes) -> None:
        """Compile a program for inputs of these shapes now.

        Raises:
            EnvironmentProblemError: OpenVINO cannot compile it.
        """
        self._program(program, shapes)

    def run(self, program: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs of a program, in tensors of their own."""
        compiled = self._program(program, tuple(tuple(one.shape) for one in inputs))
        outputs = [torch.empty(shape, dtype=dtype) for shape, dtype in compiled.outputs]
        if program == "features" and inputs[0].dtype != torch.uint8:  # the released loop's patches have fractions
            inputs = (inputs[0].round(),)
        # OpenVINO reads and writes these very tensors, and does not keep them.
        given = [
            (one if dtype == torch.uint8 else one.permute(0, 2, 3, 1)).to(dtype).contiguous()
            for one, dtype in zip(inputs, compiled.inputs, strict=True)
        ]
        with compiled.lock:
            for index, one in enumerate(given):
                compiled.request.set_input_tensor(index, _shared(one))
            for index, one in enumerate(outputs):
                compiled.request.set_output_tensor(index, _shared(one))
            compiled.request.infer()
        return tuple(one.permute(0, 3, 1, 2) if one.ndim == 4 else one for one in outputs)

    def _program(self, program: str, shapes: Shapes) -> _Compiled:
        key = (program, shapes)
        if key not in self._compiled:
            with self._lock:
                if key not in self._compiled:
                    model = self._from_cache(program, shapes) or self._compile(program, shapes)
                    inputs = [_dtype(one) for one in model.inputs]
                    outputs = [(list(one.shape), _dtype(one)) for one in model.outputs]
                    self._compiled[key] = _Compiled(model.create_infer_request(), Lock(), inputs, outputs)
        return self._compiled[key]

    def _from_cache(self, program: str, shapes: Shapes) -> Any | None:
        key = self._key(program, shapes)
        data = self._cache.read(key) if self._cache else None
        if self._cache is None or data is None:
            return None
        try:
            return core().import_model(io.BytesIO(data), "CPU", self._options)
        except RuntimeError:  # of another build of OpenVINO, for instance
            self._cache.remove(key)
            return None

    def _compile(self, program: str, shapes: Shapes) -> Any:
        try:
            if program not in self._converted:
                self._converted[program] = converted(self._network, program, self._ranges)
            model = self._converted[program].clone()
            model.reshape({one: list(shape) for one, shape in zip(model.inputs, shapes, strict=True)})
            compiled = core().compile_model(laid_out(model, self._dtype), "CPU", self._options)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EnvironmentProblemError(
                f"OpenVINO cannot compile {program} for {shapes} on this CPU ({reason}); set runtime.backend=torch"
            ) from error
        if self._cache:
            self._cache.write(self._key(program, shapes), compiled.export_model().getvalue())
        return compiled

    def _key(self, program: str, shapes: Shapes) -> str:
        return hashlib.sha256(f"{self._identity} {program} {shapes}".encode()).hexdigest()[:32]


def _shared(tensor: Tensor) -> Any:
    if tensor.dtype != torch.bfloat16:  # which numpy has not
        return openvino().Tensor(tensor.numpy(), shared_memory=True)
    return openvino().Tensor(tensor.view(torch.int16).numpy(), list(tensor.shape), openvino().Type.bf16)


def _dtype(port: Any) -> torch.dtype:
    return _DTYPES[port.get_element_type().get_type_name()]


def _identity(network: Network, ranges: Ranges | None, options: Mapping[str, str]) -> str:
    """A hash of all that decides what a compiled program is, but for its name and shapes."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(value.numpy()).data)
    for module in _SOURCES:
        digest.update(inspect.getsource(module).encode())
    processor = core().get_property("CPU", "FULL_DEVICE_NAME")
    facts = [
        openvino().get_version(),
        torch.__version__,
        processor,
        dict(ranges or {}),
        repr(network.config),
        dict(options),
    ]
    digest.update(json.dumps(facts).encode())
    return digest.hexdigest()
