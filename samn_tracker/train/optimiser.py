"""Which parameters learn, how fast, and the moving average of all of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from samn_tracker.model.encoders import ImageMemoryEncoder
from samn_tracker.model.network import Network
from samn_tracker.model.trunk import Trunk
from samn_tracker.train.config import OptimiserConfig

STEM = ("conv1", "bn1", "layer1")


def freeze(network: Network, which: str) -> None:
    """Stop the gradients of "nothing", of the trunks' "stem" (up to stride 4), of whole "trunks", or of "encoders".

    These are the trunks with the mask convolutions that a memory encoder of its own trunk has, as the authors froze
    them; the heads of keys and values learn.
    """
    body = network.memory_encoder.body
    if which == "encoders" and isinstance(body, ImageMemoryEncoder):
        body.foreground.requires_grad_(False)
        body.background.requires_grad_(False)
    for trunk in _trunks(network):
        for name, child in trunk.named_children():
            if which in ("trunks", "encoders") or (which == "stem" and name in STEM):
                child.requires_grad_(False)


def make_optimiser(network: Network, config: OptimiserConfig) -> torch.optim.Optimizer:
    """AdamW, or Adam where the decay is coupled, with groups for heads and trunks; `set_rate` scales both."""
    in_trunk = {id(parameter) for trunk in _trunks(network) for parameter in trunk.parameters()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    heads = [parameter for parameter in learning if id(parameter) not in in_trunk]
    trunks = [parameter for parameter in learning if id(parameter) in in_trunk]
    groups = [{"params": heads, "factor": 1.0}, {"params": trunks, "factor": config.trunk_factor}]
    kind = torch.optim.Adam if config.coupled_decay else torch.optim.AdamW
    return kind(
        [group for group in groups if group["params"]],
        lr=config.rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )


def rate_at(iteration: int, iterations: int, config: OptimiserConfig) -> float:
    """The heads' learning rate at an iteration: linear warm-up, then constant or a cosine that ends at zero."""
    if iteration < config.warmup:
        return config.rate * (iteration + 1) / config.warmup
    if config.schedule == "constant":
        return config.rate
    progress = (iteration - config.warmup) / max(1, iterations - config.warmup)
    return config.rate * 0.5 * (1 + math.cos(math.pi * progress))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group `rate` times its own factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


class MovingAverage:
    """Exponential moving average of a network's parameters; young averages forget faster, so that the start fades."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.state: dict[str, Tensor] = {key: value.detach().clone() for key, value in network.state_dict().items()}
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, iteration: int) -> None:
        """Move towards the network's values after `iteration` + 1 updates."""
        decay = min(self._decay, (iteration + 1) / (iteration + 10))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)


def _trunks(network: Network) -> list[Trunk]:
    return [module for module in network.modules() if isinstance(module, Trunk)]
