"""The ranges that int8 needs: one for each convolution, the same on every machine."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.errors import WeightsError
from samn_tracker.model.network import Network
from samn_tracker.runtime.calibration import activation_ranges


def _network(config: TrackerConfig) -> Network:
    torch.manual_seed(0)
    return Network(config.model).eval()


@pytest.mark.parametrize("config", [SAMN_LITE, SAMN_R50], ids=["samn-lite", "samn-r50"])
def test_every_convolution_has_a_range(config: TrackerConfig) -> None:
    network = _network(config)
    ranges = activation_ranges(network)
    convolutions = {name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    assert set(ranges) == convolutions
    assert all(low <= 0 < high for low, high in ranges.values())


def test_the_image_is_measured_after_its_normalisation() -> None:
    """ImageNet's means and deviations: black is -0.485 / 0.229 = -2.12 at least, white (1 - 0.406) / 0.225 = 2.64."""
    low, high = activation_ranges(_network(SAMN_LITE))["query_encoder.trunk.conv1"]
    assert -2.12 <= low < -1
    assert 1 < high <= 2.64


def test_ranges_do_not_depend_on_the_number_of_threads() -> None:
    network, before = _network(SAMN_LITE), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = activation_ranges(network)
        torch.set_num_threads(2)
        assert activation_ranges(network) == alone
    finally:
        torch.set_num_threads(before)


def test_weights_that_overflow_are_told_by_the_convolution_behind_them() -> None:
    network = _network(SAMN_LITE)
    with torch.no_grad():
        for convolution in ("conv1", "conv2"):
            getattr(network.query_encoder.trunk.layer1[0], convolution).weight.fill_(3e38)
    with pytest.raises(WeightsError, match=r"layer1\.\d\.conv\d is not finite; use other weights"):
        activation_ranges(network)


def test_measuring_leaves_no_hook_behind() -> None:
    network = _network(SAMN_LITE)
    activation_ranges(network)
    assert not any(module._forward_pre_hooks for module in network.modules())
