"""Which numbers enter each convolution of a network: what its int8 form needs to know beforehand.

They are measured once, when a weights file is written, and stand in its header. The pictures are generated with
textures that nothing but NumPy and OpenCV decides, so that every machine finds the same ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from samn_tracker.errors import WeightsError
from samn_tracker.memory.reader import read_memory
from samn_tracker.model.folding import fold_batch_norm
from samn_tracker.model.network import Network, location_map
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.regions import mask_to_box
from samn_tracker.synthetic import make_sequence

_SCENES = 4
_SIDE = 192
_SEARCH_FACTOR = 4.0
_LATER = 2
"""A memory is read this many frames after the one that it holds."""


class _Scenes(NamedTuple):
    """Patches (B, 3, S, S) of RGB in 0..1 with the mask (B, 1, S, S) of their target, and the same targets later."""

    first: Tensor
    masks: Tensor
    later: Tensor


@torch.inference_mode()
def activation_ranges(network: Network) -> dict[str, tuple[float, float]]:
    """The least and the largest number that enters each convolution of `network`, BatchNorm folded, by its name.

    `network` takes patches in 0..1; it is run on its own device, in its own dtype. Ranges are rounded, so that they do
    not depend on the order in which a machine adds.

    Raises:
        WeightsError: a number is not finite.
    """
    network = fold_batch_norm(network)
    ends: dict[str, tuple[float, float]] = {}
    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: _widen(ends, name, inputs[0]))  # type: ignore[misc]
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    parameter = next(network.parameters())
    _run(network, _Scenes(*(part.to(parameter.device, parameter.dtype) for part in _scenes())))
    for hook in hooks:
        hook.remove()
    return {name: (_rounded(low), _rounded(high)) for name, (low, high) in ends.items()}


def check_ranges(ranges: Mapping[str, tuple[float, float]], network: Network) -> None:
    """Make sure that no convolution of `network` lacks its range; that of the cues is never rounded.

    Raises:
        WeightsError: some do.
    """
    convolutions = {name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)} - {"cue"}
    if missing := sorted(convolutions - ranges.keys()):
        raise WeightsError(
            f"the ranges of {len(missing)} convolutions are missing, the first of {missing[0]}; run `samn "
            "weights describe`"
        )


def _run(network: Network, scenes: _Scenes) -> None:
    """Remember every target from its first patch, and segment it in the later one."""
    query = network.encode_query(scenes.first)
    memory = network.encode_memory(scenes.first, scenes.masks, query)
    keys, values = (part.flatten(2).transpose(1, 2)[:, None] for part in memory)
    later = network.encode_query(scenes.later)
    retrieved = read_memory(later.key, keys, values, similarity=network.config.similarity)
    height, width = retrieved.shape[-2:]
    network.decode(retrieved, later, location_map(network.config, (height, width), (width / 2, height / 2), retrieved))


def _widen(ends: dict[str, tuple[float, float]], name: str, inputs: Tensor) -> None:
    if not torch.isfinite(inputs).all():
        raise WeightsError(
            f"what enters {name} is not finite; use other weights, or set runtime.precision to float32 or bfloat16"
        )
    low, high = ends.get(name, (0.0, 0.0))
    ends[name] = (min(low, float(inputs.min())), max(high, float(inputs.max())))


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


@lru_cache(maxsize=1)
def _scenes() -> _Scenes:
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for seed in range(_SCENES):
        sequence = make_sequence("moving", seed=seed, length=_LATER + 1, textures="procedural")
        for index, patches in ((0, parts[0]), (_LATER, parts[2])):
            box = mask_to_box(sequence.mask(index))
            middle = box[:2] + box[2:] / 2
            side = _SEARCH_FACTOR * float(np.sqrt(box[2:].prod()))
            window = Window((float(middle[0]), float(middle[1])), side, _SIDE)
            patches.append(torch.from_numpy(window.crop(sequence.frame(index))).permute(2, 0, 1) / 255)
            if index == 0:
                parts[1].append(torch.from_numpy(window.crop_mask(sequence.mask(index)))[None])
    return _Scenes(*(torch.stack(part) for part in parts))
