"""The published checkpoint layout (SAMN.tar and DMB of the authors, STM_weights.pth of Oh et al.), both ways.

Both sides name the same tensors, so conversion is renaming: a file imports and exports to identical tensors.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from samn_tracker.errors import WeightsError
from samn_tracker.files import write_atomic
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.encoders import IMAGENET_MEAN, IMAGENET_STD
from samn_tracker.model.network import Network
from samn_tracker.model.weights import load_state, read_tensors

_PUBLISHED = ModelConfig()
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


def import_published(path: str | Path) -> Network:
    """The `samn-r50` network with the parameters of a published checkpoint, in evaluation mode.

    Raises:
        WeightsError: lists every tensor that is missing, unknown or of another shape, or an image normalisation that
            is not ImageNet's.
    """
    state = read_tensors(path)
    _check_normalisation(state, path)
    network = Network(_PUBLISHED)
    renamed = {_our_name(key): value for key, value in state.items() if key not in _NORMALISATION}
    load_state(network, {**_missing_counters(network, renamed), **renamed}, str(path))
    return network.eval()


def to_published(network: Network) -> dict[str, Tensor]:
    """The parameters of a `samn-r50` network under their published names.

    Raises:
        WeightsError: the network has another architecture, which the published code cannot load.
    """
    if network.config != _PUBLISHED:
        raise WeightsError(
            "only networks of the samn-r50 architecture with unfolded BatchNorm have a published layout; "
            f"this one is {network.config}"
        )
    tensors = {_published_name(key): value.detach().cpu() for key, value in network.state_dict().items()}
    return {**tensors, **{key: value.clone() for key, value in _NORMALISATION.items()}}


def export_published(network: Network, path: str | Path) -> None:
    """Write `network` as a checkpoint that the authors' code loads (a pickled dictionary of tensors)."""
    buffer = io.BytesIO()
    torch.save({"state_dict": to_published(network)}, buffer)
    write_atomic(Path(path), buffer.getbuffer())


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
