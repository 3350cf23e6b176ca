"""Banks of frames made by hand, for the tests of the appearance memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig

KEY, VALUE, SIDE = 8, 4, 6
UNWEIGHTED = DynamicConfig(weighting="none", grid=2)
COSINE = DynamicConfig(weighting="cosine", grid=2)


def noise(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def frame(index: int, objects: int = 1, channels: tuple[int, int] = (KEY, VALUE)) -> tuple[Tensor, Tensor]:
    """Key and value of a frame; every value is the frame's index, so that reads tell what is held."""
    key = noise(objects, channels[0], SIDE, SIDE, seed=index)
    return key, torch.full((objects, channels[1], SIDE, SIDE), float(index))


def make_bank(
    capacity: int = 6, interval: int = 5, last_frame: bool = True, dynamic: DynamicConfig = UNWEIGHTED
) -> AppearanceBank:
    return AppearanceBank(AppearanceConfig(capacity=capacity, interval=interval, last_frame=last_frame), dynamic, "dot")


def started(**settings: Any) -> AppearanceBank:
    bank = make_bank(**settings)
    bank.start(*frame(0))
    return bank


def run(bank: AppearanceBank, frames: range, objects: int = 1) -> None:
    for index in frames:
        bank.read(frame(index, objects)[0])
        bank.memorise(*frame(index, objects), index)
