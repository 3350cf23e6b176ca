"""Rates, frozen parts and the moving average."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from samn_tracker.core.config import SAMN_LITE, VARIANTS
from samn_tracker.model.network import Network
from samn_tracker.train.config import OptimiserConfig
from samn_tracker.train.optimiser import MovingAverage, freeze, make_optimiser, rate_at, set_rate


def test_the_cosine_warms_up_and_ends_at_zero() -> None:
    config = OptimiserConfig(rate=1.0, schedule="cosine", warmup=10)
    rates = [rate_at(iteration, 110, config) for iteration in range(110)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[-1] < 0.001
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_a_constant_rate_stays() -> None:
    config = OptimiserConfig(rate=1e-5, schedule="constant")
    assert {rate_at(iteration, 50, config) for iteration in range(50)} == {1e-5}


def test_trunks_learn_at_their_own_rate() -> None:
    network = Network(SAMN_LITE.model)
    optimiser = make_optimiser(network, OptimiserConfig(rate=1.0, trunk_factor=0.2))
    set_rate(optimiser, 0.5)
    rate_of = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    assert rate_of[id(network.query_encoder.trunk.conv1.weight)] == pytest.approx(0.1)
    assert rate_of[id(network.query_encoder.head.key.weight)] == pytest.approx(0.5)
    assert len(rate_of) == len(list(network.parameters()))


@pytest.mark.parametrize(
    ("which", "learning"),
    [("nothing", {"conv1", "layer1", "layer2", "layer3"}), ("stem", {"layer2", "layer3"}), ("trunks", set())],
)
def test_freezing(which: str, learning: set[str]) -> None:
    network = Network(SAMN_LITE.model)
    freeze(network, which)
    trunk = network.query_encoder.trunk
    assert {name.split(".")[0] for name, p in trunk.named_parameters() if p.requires_grad} == learning
    assert all(parameter.requires_grad for parameter in network.decoder.parameters())


def test_stage_2_freezes_what_the_authors_froze() -> None:
    """Everything that they named "Encoder": the trunks and the two mask convolutions; heads and decoder learn."""
    network = Network(replace(VARIANTS["published"].model, trunk="resnet18"))
    freeze(network, "encoders")
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    frozen = {name for name, _ in network.named_parameters()} - learning
    assert {"memory_encoder.body.foreground.weight", "memory_encoder.body.background.weight"} <= frozen
    assert all(name.startswith(("query_encoder.head.", "memory_encoder.body.head.", "decoder.")) for name in learning)
    assert any(".head." in name for name in learning)
    assert not any(".head." in name or name.startswith("decoder.") for name in frozen)


def test_a_coupled_decay_is_part_of_the_gradient() -> None:
    network = Network(SAMN_LITE.model)
    coupled = make_optimiser(network, OptimiserConfig(weight_decay=5e-4, coupled_decay=True))
    assert (type(coupled), coupled.param_groups[0]["weight_decay"]) == (torch.optim.Adam, 5e-4)
    assert type(make_optimiser(network, OptimiserConfig())) is torch.optim.AdamW


def test_the_average_follows_slowly_and_forgets_the_start() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 0.0)
    average = MovingAverage(layer, 0.9)
    nn.init.constant_(layer.weight, 1.0)
    average.update(layer, 1000)
    assert average.state["weight"].item() == pytest.approx(0.1)
    young = MovingAverage(layer, 0.9)
    nn.init.constant_(layer.weight, 2.0)
    young.update(layer, 0)
    assert young.state["weight"].item() == pytest.approx(1.9)
    assert torch.equal(layer.weight.detach(), torch.full((1, 1), 2.0))
