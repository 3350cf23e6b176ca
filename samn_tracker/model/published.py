"""The published checkpoint layout (SAMN.tar and DMB of the authors, STM_weights.pth of Oh et al.), both ways.

Both sides name the same tensors, so conversion is renaming: a file imports and exports to identical tensors. What
differs is how the weights were trained and have to be read, which no tensor shows: `LAYOUTS`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.files import write_atomic
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.encoders import IMAGENET_MEAN, IMAGENET_STD
from samn_tracker.model.network import Network
from samn_tracker.model.weights import load_state, read_checkpoint
from samn_tracker.settings import merge, to_dict

Layout = Literal["samn", "stm"]
LAYOUTS: dict[Layout, ModelConfig] = {
    "samn": ModelConfig(aggregate_single=True, location_sampling="corner"),
    "stm": ModelConfig(aggregate_single=True, positional_encoding="none"),
}
"""The networks that share the layout: SAMN's and DMB's; and STM's, a start for training only."""

_READING = ("aggregate_single", "location_sampling", "positional_encoding")
"""What of a model's configuration no tensor shows."""
_CONFIG_ENTRY = "samn_model"

# Prefix of a published name, prefix of ours.
_PREFIXES: tuple[tuple[str, str], ...] = (
    *(
        (f"{published}.{theirs}.", f"{ours}.{name}.")
        for published, ours in (("Encoder_Q", "query_encoder.trunk"), ("Encoder_M", "memory_encoder.body.trunk"))
        for theirs, name in (
            ("conv1", "conv1"),
            ("bn1", "bn1"),
            ("res2", "layer1"),
            ("res3", "layer2"),
            ("res4", "layer3"),
        )
    ),
    ("Encoder_M.conv1_m.", "memory_encoder.body.foreground."),
    ("Encoder_M.conv1_o.", "memory_encoder.body.background."),
    ("KV_Q_r4.Key.", "query_encoder.head.key."),
    ("KV_Q_r4.Value.", "query_encoder.head.value."),
    ("KV_M_r4.Key.", "memory_encoder.body.head.key."),
    ("KV_M_r4.Value.", "memory_encoder.body.head.value."),
    ("Decoder.convFM.", "decoder.reduce."),
    ("Decoder.ResMM.", "decoder.block."),
    *(
        (f"Decoder.{published}.{theirs}.", f"decoder.{ours}.{name}.")
        for published, ours in (("RF3", "refine_f8"), ("RF2", "refine_f4"))
        for theirs, name in (("convFS", "skip_conv"), ("ResFS", "skip_block"), ("ResMM", "block"))
    ),
    ("Decoder.pred2.", "decoder.predict."),
)
_NORMALISATION = {
    f"{encoder}.{name}": torch.tensor(values).view(1, 3, 1, 1)
    for encoder in ("Encoder_M", "Encoder_Q")
    for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD))
}


def import_published(path: str | Path, layout: Layout | None = None) -> tuple[Network, Layout]:
    """The network of `samn-r50`'s shape with the parameters of a published checkpoint, in evaluation mode.

    Args:
        layout: whose network the file holds, `LAYOUTS`; None where the file says so, as those of `export_published` do.

    Returns:
        The network, its configuration that of the weights, and whose it is.

    Raises:
        WeightsError: nothing says whose network it is; or lists every tensor that is missing, unknown or of another
            shape; or another image normalisation than ImageNet's.
    """
    state, facts = read_checkpoint(path)
    own_config = _exported_config(facts, path)
    if own_config is not None and layout == "stm":
        raise WeightsError(f"{path} was exported by this project and is no file of STM; leave --as out")
    if own_config is None and layout is None:
        raise WeightsError(
            f"{path} does not say whose network it holds: SAMN's and STM's files have the same names and shapes, but "
            "in STM's the second mask convolution means other objects, and no location map was trained; "
            "say --as samn for SAMN.tar or DMB, --as stm for STM_weights.pth"
        )
    _check_normalisation(state, path)
    found: Layout = layout or "samn"
    network = Network(own_config or LAYOUTS[found])
    renamed = {_our_name(key): value for key, value in state.items() if key not in _NORMALISATION}
    load_state(network, {**_missing_counters(network, renamed), **renamed}, str(path))
    return network.eval(), found


def to_published(network: Network) -> dict[str, Tensor]:
    """The parameters of a network of `samn-r50`'s shape under their published names.

    Raises:
        WeightsError: the network has another architecture, which the published code cannot load.
    """
    if not _has_published_shape(network.config):
        raise WeightsError(
            "only networks of the samn-r50 architecture with unfolded BatchNorm have a published layout; "
            f"this one is {network.config}"
        )
    tensors = {_published_name(key): value.detach().cpu() for key, value in network.state_dict().items()}
    return {**tensors, **{key: value.clone() for key, value in _NORMALISATION.items()}}


def export_published(network: Network, path: str | Path) -> None:
    """Write `network` as a checkpoint that the authors' code loads: a pickled dictionary of tensors.

    Beside them stands how the weights are read, for the way back; the authors' code does not look at it.
    """
    buffer = io.BytesIO()
    torch.save({"state_dict": to_published(network), _CONFIG_ENTRY: json.dumps(to_dict(network.config))}, buffer)
    write_atomic(Path(path), buffer.getbuffer())


def _has_published_shape(config: ModelConfig) -> bool:
    reading = {name: getattr(ModelConfig(), name) for name in _READING}
    return replace(config, **reading) == ModelConfig()


def _exported_config(facts: Mapping[str, Any], path: str | Path) -> ModelConfig | None:
    """What `export_published` wrote of the network; None in a file of somebody else."""
    if _CONFIG_ENTRY not in facts:
        return None
    try:
        config = merge(ModelConfig(), json.loads(facts[_CONFIG_ENTRY]))
    except (ConfigError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} has a damaged entry {_CONFIG_ENTRY}: {error}") from None
    if not _has_published_shape(config):
        raise WeightsError(f"{path}: its entry {_CONFIG_ENTRY} describes another network than samn-r50")
    return config


def _our_name(published: str) -> str:
    """Our name of a published tensor; unknown names stay as they are, for `load_state` to list."""
    for theirs, ours in _PREFIXES:
        if published.startswith(theirs):
            return ours + published.removeprefix(theirs)
    return published


def _published_name(name: str) -> str:
    theirs, ours = next(pair for pair in _PREFIXES if name.startswith(pair[1]))
    return theirs + name.removeprefix(ours)


def _check_normalisation(state: Mapping[str, Tensor], path: str | Path) -> None:
    for key, expected in _NORMALISATION.items():
        if key in state and not torch.allclose(state[key].float().view(1, 3, 1, 1), expected, atol=1e-6):
            raise WeightsError(f"{path}: {key} is {state[key].flatten().tolist()}, expected ImageNet's normalisation")


def _missing_counters(network: Network, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BatchNorm's batch counters where an older checkpoint lacks them; nothing reads them."""
    return {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked") and k not in state}
