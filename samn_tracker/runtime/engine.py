"""The network on a device: numpy patches in, features and probabilities out.

One engine serves any number of trackers and sequences; it holds no state of a target.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.errors import ConfigError, EnvironmentProblemError
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.encoders import MemoryFeatures, SearchFeatures
from samn_tracker.model.folding import fold_batch_norm
from samn_tracker.model.network import Network, aggregate, location_map
from samn_tracker.model.transfer import to_device
from samn_tracker.model.weights import Ranges
from samn_tracker.runtime.compiled_cache import CompiledCache, cache_folder
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.devices import resolve
from samn_tracker.runtime.openvino_backend import OpenVinoBackend
from samn_tracker.runtime.programs import Shapes, program_shapes
from samn_tracker.runtime.torch_backend import TorchBackend
from samn_tracker.shapes.decoded_region import CellRegion, bucket_sides

_P = ParamSpec("_P")
_R = TypeVar("_R")


def tells_full_memory(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """`method`, which says what to lower where the device's memory is full; the state before it is kept."""

    @wraps(method)
    def told(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return method(*args, **kwargs)
        except torch.OutOfMemoryError as error:
            reason = str(error).split(". ")[0]
            raise EnvironmentProblemError(
                f"the memory of the device is full ({reason}); use --device cpu, end other programs on it, or lower "
                "box_start.patch_size, mask_start.patch_size, appearance.capacity or the number of objects"
            ) from error

    return told


class Encoded(NamedTuple):
    """Patches (B, S, S, 3) uint8 RGB on the device, and what the query encoder says of them."""

    patches: Tensor
    query: SearchFeatures


class Backend(Protocol):
    """What computes the programs of a network (`samn_tracker.runtime.programs`)."""

    def prepare(self, program: str, shapes: Shapes) -> None:
        """Do now what a first `run` with inputs of these shapes would do before it computes."""

    def run(self, program: str, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs of a program, in tensors of their own."""


class Engine:
    """The networks of `network`, BatchNorm folded, on `device` by the backend and precision that `runtime` asks for.

    Args:
        network: in float32; it is not changed.
        device: "auto" (CUDA when present, else CPU), "cpu", "cuda", "cuda:1", ...
        runtime: backend, precision, threads, cache.
        ranges: of what enters each convolution (`calibration.activation_ranges`), for int8; "auto" has none without.

    Raises:
        ConfigError: the device does not exist here, or has no such precision.
        EnvironmentProblemError: the backend was asked for by name, and does not work here.
    """

    def __init__(
        self,
        network: Network,
        device: str = "auto",
        runtime: RuntimeConfig | None = None,
        ranges: Ranges | None = None,
    ) -> None:
        runtime = runtime or RuntimeConfig()
        if runtime.threads:
            torch.set_num_threads(runtime.threads)
        plan = resolve(runtime, device)
        if runtime.precision == "int8" and not ranges:
            raise ConfigError(
                "int8 needs the ranges of these weights, which were not measured; do so with `samn weights describe`, "
                "or set runtime.precision to bfloat16 or float32"
            )
        self.backend_name, self.device, self.dtype, _ = plan
        self.model_config: ModelConfig = network.config
        folded = fold_batch_norm(network.eval())
        if plan.backend == "openvino":
            cache = CompiledCache(cache_folder(), runtime.cache_megabytes) if runtime.cache else None
            given = ranges if plan.int8 and ranges else None
            self.backend: Backend = OpenVinoBackend(folded, plan.dtype, given, torch.get_num_threads(), cache)
        else:
            self.backend = TorchBackend(folded, plan.device, plan.dtype, runtime.graphs)
        self._side_by_side = runtime.side_by_side
        self._prepared: set[tuple[int, int]] = set()

    @property
    def memorises_beside(self) -> bool:
        """Whether `memorise` and `encode` gain from running at once: by torch on a CPU, with a trunk each."""
        own_trunk = self.model_config.memory_encoder == "image"
        return self._side_by_side and own_trunk and self.device.type == "cpu" and self.backend_name == "torch"

    @torch.inference_mode()
    def encode(self, patches: NDArray[np.uint8]) -> Encoded:
        """Query features of patches (B, S, S, 3) uint8 RGB, S a multiple of 16."""
        pixels = to_device(patches, self.device)
        return Encoded(pixels, SearchFeatures(*self.backend.run("search", pixels)))

    @torch.inference_mode()
    def features(self, patches: NDArray[np.uint8]) -> Tensor:
        """Only the stride-16 features (B, C, S/16, S/16) of patches (B, S, S, 3), without query key and value."""
        (f16,) = self.backend.run("features", to_device(patches, self.device))
        return f16

    @torch.inference_mode()
    def memorise(self, encoded: Encoded, masks: NDArray[np.float32]) -> MemoryFeatures:
        """Memory key and value of one encoded patch for each of the soft masks (O, S, S) in 0..1.

        With the first of a size and number all that is needed to segment them is compiled, where the backend compiles.
        """
        self._prepare_segment(masks.shape[1] // 16, len(masks))
        given = to_device(masks, self.device)[:, None]
        query = encoded.query
        if self.model_config.memory_encoder == "image":
            value, key = self.backend.run("memorise", encoded.patches, given)
        else:
            (value,) = self.backend.run("memorise", query.f8, query.f16, given)
            key = query.key.expand(len(masks), -1, -1, -1)
        return MemoryFeatures(key, value.to(self.dtype))

    @torch.inference_mode()
    def segment(
        self,
        retrieved: Tensor,
        encoded: Encoded,
        centre_crop: NDArray[np.float64] | None = None,
        region: CellRegion | None = None,
        seen: CellRegion | None = None,
        cues: Tensor | None = None,
    ) -> NDArray[np.float32]:
        """Probability (O, S, S) of each object on its own from its retrieved value (O, Cv, h, w).

        It is aggregated where the weights were trained so (`ModelConfig.aggregate_single`).

        `centre_crop` (2,) is the point, xy in patch pixels, around which the location map is drawn; default the middle.
        With `seen`, the retrieved value is of those cells only, and nothing else is looked at; outside of `region` the
        probability is 0, and inside it is that of the whole patch if `seen` reaches `decoder.REACH_CELLS` further.
        `cues` are maps of all cells from `network.cue_maps`; without them the decoder is told nothing.
        """
        query = encoded.query
        cells = (query.key.shape[-2], query.key.shape[-1])
        whole = CellRegion(0, 0, *cells)
        seen, region = seen or whole, region or whole
        decoded = self._decoded(retrieved, query, centre_crop, seen, cues)
        part = region.within(seen).cut(decoded, 16).cpu().numpy()
        if self.model_config.aggregate_single:
            part = part**2 / (part**2 + (1 - part) ** 2)
        if region == whole:
            return part
        probability = np.zeros((len(part), 16 * cells[0], 16 * cells[1]), dtype=np.float32)
        probability[(slice(None), *region.slices(16))] = part
        return probability

    @torch.inference_mode()
    def segment_together(self, retrieved: Tensor, encoded: Encoded) -> NDArray[np.float32]:
        """Probabilities (O + 1, S, S) of background and objects of a patch, which add up to 1 (`aggregate`)."""
        whole = CellRegion(0, 0, *encoded.query.key.shape[-2:])
        return aggregate(self._decoded(retrieved, encoded.query, None, whole, None).cpu()).numpy()

    def _decoded(
        self,
        retrieved: Tensor,
        query: SearchFeatures,
        centre_crop: NDArray[np.float64] | None,
        seen: CellRegion,
        cues: Tensor | None,
    ) -> Tensor:
        """Probability (O, 16 h, 16 w) of each object by itself in the seen cells."""
        height, width = query.key.shape[-2:]
        centre = (width / 2, height / 2) if centre_crop is None else (centre_crop[0] / 16, centre_crop[1] / 16)
        location = location_map(self.model_config, (height, width), centre, query.key)
        told = [] if location is None else [location]
        if channels := self.model_config.cue_channels:
            told.append(query.key.new_zeros(1, channels, height, width) if cues is None else cues)
        maps = [
            seen.cut(query.f4, 4),
            seen.cut(query.f8, 2),
            seen.cut(query.f16, 1),
            *(seen.cut(one, 1) for one in told),
        ]
        (decoded,) = self.backend.run("segment", retrieved, *maps)
        return decoded

    def _prepare_segment(self, cells: int, objects: int) -> None:
        """Compile what follows a start on patches of this size, so that nothing has to be in mid-video."""
        if (cells, objects) in self._prepared:
            return
        self._prepared.add((cells, objects))
        sides = bucket_sides(cells) if objects == 1 else (cells,)  # several objects are segmented on whole patches
        for height in sides:
            for width in sides:
                self.backend.prepare("segment", program_shapes("segment", self.model_config, height, width, objects))
