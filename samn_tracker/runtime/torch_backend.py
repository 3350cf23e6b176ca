"""Programs of a network by torch: on a CPU as they are, on CUDA as graphs of fixed shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from samn_tracker.model.encoders import Normalise
from samn_tracker.model.network import Network
from samn_tracker.runtime.programs import Shapes, input_dtype, make_programs

_WARM_UPS = 3
"""Calls before a graph is captured, in which cuDNN chooses its kernels and torch its buffers."""


class _Graph(NamedTuple):
    """A captured program: what is copied into `inputs` before a `replay` is answered in `outputs`."""

    replay: Callable[[], object]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class TorchBackend:
    """Runs the programs of `network` on `device` in `dtype`; with `graphs`, on CUDA, each shape is captured once.

    Args:
        network: in float32 with BatchNorm folded; it is not changed.
        graphs: on a CPU nothing can be captured, and the programs run as they are.
    """

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype, graphs: bool = True) -> None:
        own = Network(network.config).eval()
        own.load_state_dict(network.state_dict())
        own = own.to(device=device, dtype=dtype).requires_grad_(False)
        for module in own.modules():
            if isinstance(module, Normalise):
                module.float()  # of its own dtype, whose rounding of the means would shift all pixels alike
        self.device = device
        self.network: Network = own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._programs = make_programs(self.network)
        self._captures = graphs and device.type == "cuda"
        self._graphs: dict[tuple[str, Shapes], _Graph] = {}

    @torch.inference_mode()
    def prepare(self, program: str, shapes: Shapes) -> None:
        """Capture a program for inputs of these shapes now, where programs are captured."""
        if self._captures:
            self._graph(program, shapes)

    @torch.inference_mode()
    def run(self, program: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs of a program, in tensors of their own."""
        if not self._captures:
            return _called(self._programs[program], inputs)
        graph = self._graph(program, tuple(tuple(one.shape) for one in inputs))
        for kept, given in zip(graph.inputs, inputs, strict=True):
            kept.copy_(given, non_blocking=True)
        graph.replay()
        return tuple(one.clone(memory_format=torch.preserve_format) for one in graph.outputs)

    def _graph(self, program: str, shapes: Shapes) -> _Graph:
        key = (program, shapes)
        if key not in self._graphs:
            inputs = tuple(torch.zeros(shape, dtype=input_dtype(shape), device=self.device) for shape in shapes)
            self._graphs[key] = _captured(self._programs[program], inputs)
        return self._graphs[key]


def _captured(program: nn.Module, inputs: tuple[Tensor, ...]) -> _Graph:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UPS):
            _called(program, inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = _called(program, inputs)
    return _Graph(graph.replay, inputs, outputs)


def _called(program: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    outputs: Tensor | tuple[Tensor, ...] = program(*inputs)
    return (outputs,) if isinstance(outputs, Tensor) else outputs
