"""The same function with fewer passes over memory: BatchNorm folded into the convolutions before it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from samn_tracker.model.encoders import ImageMemoryEncoder
from samn_tracker.model.network import Network
from samn_tracker.model.trunk import FrozenBatchNorm2d


def fold_batch_norm(network: Network) -> Network:
    """A network without BatchNorm that computes the same (up to rounding); `network` itself where it has none."""
    if not network.config.batch_norm:
        return network
    folded = Network(replace(network.config, batch_norm=False)).eval()
    source = network.state_dict()
    state = {key: value for key, value in source.items() if ".bn" not in key and ".downsample.1." not in key}
    for name, module in network.named_modules():
        if isinstance(module, FrozenBatchNorm2d):
            _fold(state, source, module, _convolution_before(name))
    if isinstance(network.memory_encoder.body, ImageMemoryEncoder):
        # The mask convolutions are summed with the image's before the stem's BatchNorm, so they scale with it.
        gain = _gain(network.memory_encoder.body.trunk.bn1)
        for stem in ("foreground", "background"):
            state[f"memory_encoder.body.{stem}.weight"] = source[f"memory_encoder.body.{stem}.weight"] * gain
    folded.load_state_dict(state)
    return folded


def _convolution_before(batch_norm: str) -> str:
    """The name of the convolution that feeds a BatchNorm of a trunk."""
    if batch_norm.endswith("downsample.1"):
        return batch_norm[:-1] + "0"
    head, _, number = batch_norm.rpartition("bn")
    return f"{head}conv{number}"


def _gain(batch_norm: nn.Module) -> Tensor:
    assert isinstance(batch_norm, FrozenBatchNorm2d)
    assert batch_norm.running_var is not None
    return (batch_norm.weight / torch.sqrt(batch_norm.running_var + batch_norm.eps)).detach().view(-1, 1, 1, 1)


def _fold(state: dict[str, Tensor], source: dict[str, Tensor], batch_norm: FrozenBatchNorm2d, before: str) -> None:
    assert batch_norm.running_mean is not None
    gain = _gain(batch_norm)
    state[f"{before}.weight"] = source[f"{before}.weight"] * gain
    state[f"{before}.bias"] = (batch_norm.bias - batch_norm.running_mean * gain.flatten()).detach()
