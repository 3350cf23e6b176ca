"""The network on a device: numpy patches in, features and probabilities out.

One engine serves any number of trackers and sequences; it holds no state of a target.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from samn_tracker.errors import ConfigError, EnvironmentProblemError
from samn_tracker.model.encoders import IMAGENET_MEAN, IMAGENET_STD, ImageMemoryEncoder, MemoryFeatures, SearchFeatures
from samn_tracker.model.folding import fold_batch_norm, join_stem
from samn_tracker.model.fused import fuse_blocks, has_matrix_units
from samn_tracker.model.int8 import to_int8
from samn_tracker.model.network import Network, aggregate, location_map, single_logits, target_probability
from samn_tracker.model.transfer import to_device
from samn_tracker.model.weights import Ranges
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.devices import resolve_device, resolve_precision
from samn_tracker.shapes.decoded_region import CellRegion

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
    """Normalised patches (B, 3, S, S) on the device, and what the query encoder says of them."""

    patches: Tensor
    query: SearchFeatures


class Engine:
    """The networks of `network`, BatchNorm folded, on `device` in the precision that `runtime` asks for.

    Args:
        network: in float32; it is not changed.
        device: "auto" (CUDA when present, else CPU), "cpu", "cuda", "cuda:1", ...
        runtime: precision and threads.
        ranges: of what enters each convolution (`calibration.activation_ranges`), for int8; "auto" has none without.

    Raises:
        ConfigError: the device does not exist here, or has no such precision.
    """

    def __init__(
        self,
        network: Network,
        device: str = "auto",
        runtime: RuntimeConfig | None = None,
        ranges: Ranges | None = None,
    ) -> None:
        runtime = runtime or RuntimeConfig()
        self.device = resolve_device(device)
        self.dtype, int8 = resolve_precision(runtime.precision, self.device)
        if runtime.threads:
            torch.set_num_threads(runtime.threads)
        self.model_config = network.config
        self._side_by_side = runtime.side_by_side
        folded = fold_batch_norm(network.eval())
        own = Network(folded.config).eval()
        own.load_state_dict(folded.state_dict())
        own = own.to(device=self.device, dtype=self.dtype)
        self.network = own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        join_stem(self.network)
        mean, std = (255 * torch.tensor(values, device=self.device) for values in (IMAGENET_MEAN, IMAGENET_STD))
        self._mean_and_std = (mean, std)
        if runtime.precision == "int8" and not ranges:
            raise ConfigError(
                "int8 needs the ranges of these weights, which were not measured; do so with `samn weights describe`, "
                "or set runtime.precision to bfloat16 or float32"
            )
        if int8 and ranges:
            to_int8(self.network, ranges)
        if self.device.type == "cpu" and self.dtype == torch.bfloat16 and has_matrix_units():
            fuse_blocks(self.network)
        _drop_normalisation(self.network)

    @property
    def memorises_beside(self) -> bool:
        """Whether `memorise` and `encode` gain from running at once: on a CPU, where both have a trunk of their own."""
        own_trunk = isinstance(self.network.memory_encoder.body, ImageMemoryEncoder)
        return self._side_by_side and own_trunk and self.device.type == "cpu"

    @torch.inference_mode()
    def encode(self, patches: NDArray[np.uint8]) -> Encoded:
        """Query features of patches (B, S, S, 3) uint8 RGB, S a multiple of 16."""
        tensor = self._normalised(patches)
        return Encoded(tensor, self.network.encode_search(tensor))

    @torch.inference_mode()
    def features(self, patches: NDArray[np.uint8]) -> Tensor:
        """Only the stride-16 features (B, C, S/16, S/16) of patches (B, S, S, 3), without query key and value."""
        _, _, f16 = self.network.query_encoder.trunk(self._normalised(patches))
        return f16

    @torch.inference_mode()
    def memorise(self, encoded: Encoded, masks: NDArray[np.float32]) -> MemoryFeatures:
        """Memory key and value of one encoded patch for each of the soft masks (O, S, S) in 0..1."""
        objects = masks.shape[0]
        tensor = to_device(masks, self.device).to(self.dtype)[:, None]
        memory = self.network.encode_memory(encoded.patches.expand(objects, -1, -1, -1), tensor, encoded.query)
        return MemoryFeatures(memory.key.expand(objects, -1, -1, -1), memory.value)

    @torch.inference_mode()
    def segment(
        self,
        retrieved: Tensor,
        encoded: Encoded,
        centre_crop: NDArray[np.float64] | None = None,
        region: CellRegion | None = None,
        seen: CellRegion | None = None,
    ) -> NDArray[np.float32]:
        """Probability (O, S, S) of each object on its own from its retrieved value (O, Cv, S/16, S/16).

        It is aggregated where the weights were trained so (`ModelConfig.aggregate_single`).

        `centre_crop` (2,) is the point, xy in patch pixels, around which the location map is drawn; default the middle.
        With `region`, only that part is decoded, and the probability is 0 elsewhere; with `seen`, the retrieved value
        is of those cells only, and nothing else is looked at (`Network.decode`).
        """
        height, width = encoded.query.key.shape[-2:]
        centre = (width / 2, height / 2) if centre_crop is None else (centre_crop[0] / 16, centre_crop[1] / 16)
        location = location_map(self.model_config, (height, width), centre, retrieved)
        logits = self.network.decode(retrieved, encoded.query, location, region, seen)
        decoded = target_probability(single_logits(self.model_config, logits))[:, 0].cpu().numpy()
        if region is None:
            return decoded
        probability = np.zeros((len(decoded), 16 * height, 16 * width), dtype=np.float32)
        probability[(slice(None), *region.slices(16))] = decoded
        return probability

    @torch.inference_mode()
    def segment_together(self, retrieved: Tensor, encoded: Encoded) -> NDArray[np.float32]:
        """Probabilities (O + 1, S, S) of background and objects of a patch, which add up to 1 (`aggregate`)."""
        height, width = encoded.query.key.shape[-2:]
        location = location_map(self.model_config, (height, width), (width / 2, height / 2), retrieved)
        logits = self.network.decode(retrieved, encoded.query, location)
        return aggregate(target_probability(logits)[:, 0].cpu()).numpy()

    def _normalised(self, patches: NDArray[np.uint8]) -> Tensor:
        """Patches (B, S, S, 3) as (B, 3, S, S), channels last, of ImageNet's mean and standard deviation.

        Whole rows at a time: three channels alone are too short a vector.
        """
        batch, height, width, channels = patches.shape
        mean, std = (value.repeat(width) for value in self._mean_and_std)
        rows = to_device(patches, self.device).reshape(batch, height, width * channels).float()
        rows = rows.sub_(mean).div_(std)
        return rows.to(self.dtype).view(batch, height, width, channels).permute(0, 3, 1, 2)


def _drop_normalisation(network: Network) -> None:
    """The engine hands normalised patches to its own network."""
    network.query_encoder.normalise = nn.Identity()
    if isinstance(network.memory_encoder.body, ImageMemoryEncoder):
        network.memory_encoder.body.normalise = nn.Identity()
