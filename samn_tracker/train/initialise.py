"""What a run starts from: ImageNet trunks, small mask filters and keys that already tell places apart."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from samn_tracker.model.encoders import ImageMemoryEncoder, KeyValueHead, QueryEncoder
from samn_tracker.model.network import Network
from samn_tracker.model.weights import initialise_trunks, load_state, load_weights
from samn_tracker.train.config import TrainConfig

KEY_ENERGY = 8.0
"""Mean |k|² / √key_channels of the initial keys: about how much the attention logits of unlike places then differ."""


def build_network(config: TrainConfig, patches: Callable[[], Tensor]) -> Network:
    """A network as `config.start` says; `patches` makes examples (B, 3, S, S) in 0..1 of what keys will see.

    Raises:
        WeightsError: the start's file is missing or does not fit.
    """
    torch.manual_seed(config.run.seed)
    network = Network(config.model)
    if config.start.weights:
        earlier, _ = load_weights(config.start.weights)
        state = earlier.state_dict()
        if network.cue is not None and earlier.cue is None:  # the weights of an earlier stage know no cues: zeros
            state["cue.weight"] = network.cue.weight.detach()
        load_state(network, state, config.start.weights)
    elif config.start.trunk:
        initialise_trunks(network, config.start.trunk)
        initialise_masks(network)
        initialise_keys(network, patches())
    return network


def initialise_masks(network: Network) -> None:
    """Mask filters of a trunk start near zero, so that its ImageNet features survive the first steps."""
    body = network.memory_encoder.body
    if isinstance(body, ImageMemoryEncoder):
        for filters in (body.foreground, body.background):
            torch.nn.init.normal_(filters.weight, 0, 0.01)


@torch.no_grad()
def initialise_keys(network: Network, patches: Tensor) -> None:
    """Set the key heads to the principal components of the trunk's features, centred and scaled to `KEY_ENERGY`."""
    encoder = network.query_encoder
    _project_onto_components(encoder.head, _features(encoder, patches))
    body = network.memory_encoder.body
    if isinstance(body, ImageMemoryEncoder):
        body.head.key.load_state_dict(encoder.head.key.state_dict())


def _features(encoder: QueryEncoder, patches: Tensor) -> Tensor:
    """(N, C) stride-16 features of all positions."""
    return encoder(patches).f16.float().permute(0, 2, 3, 1).flatten(0, 2)


def _project_onto_components(head: KeyValueHead, features: Tensor) -> None:
    channels = head.key.out_channels
    mean = features.mean(0)
    centred = features - mean
    components = torch.linalg.eigh(centred.T @ centred / len(features)).eigenvectors[:, -channels:].T
    energy = (centred @ components.T).square().sum(1).mean()
    components = components * torch.sqrt(KEY_ENERGY * channels**0.5 / energy)
    head.key.weight.zero_()
    head.key.weight[:, :, 1, 1] = components
    head.key.bias.copy_(-components @ mean)  # type: ignore[union-attr]
