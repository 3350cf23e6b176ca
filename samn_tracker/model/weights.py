"""Weights on disk: our own safetensors files, and ImageNet trunks to start from.

A file holds the parameters as float16 (or float32) and, in its header, all that decides what comes of them: the model,
the settings to track with, the ranges that int8 needs, what it was trained on and under which licence. Loading is by
content, strict, and lists every mismatch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.files import sha256, write_atomic
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.encoders import ImageMemoryEncoder
from samn_tracker.model.network import Network
from samn_tracker.model.numpy_numbers import numpy_numbers
from samn_tracker.model.trunk import Trunk
from samn_tracker.settings import merge, to_dict

FORMAT = "samn-weights-2"
EARLIER_FORMAT = "samn-weights-1"
"""Of files that say nothing of tracking: a start for training, until `samn weights describe` gives them a header."""
NOT_STATED = "not stated"
_SHOWN_FAULTS = 20
_WRAPPINGS = 8

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class WeightsInfo:
    """The header of a weights file.

    Attributes:
        name: the variant's name, for instance "samn-lite".
        model: the configuration that the parameters fit.
        provenance: free facts: data, iterations, seconds, command, source.
        tracking: the settings to track with, by section; what they do not name is the method's default. None where a
            file of an earlier version says nothing of it.
        ranges: the least and the largest number that enters each convolution; empty where they were not measured.
        training_data: names of the sets and sequences that it was trained on, for instance "davis16/cows".
        licence: the terms of use.
        sha256: of the whole file.
        header_sha256: of the header alone, which holds the hash of the parameters.
    """

    name: str
    model: ModelConfig
    provenance: dict[str, Any]
    tracking: dict[str, Any] | None
    ranges: dict[str, tuple[float, float]]
    training_data: tuple[str, ...]
    licence: str
    sha256: str
    header_sha256: str


def save_weights(
    path: str | Path,
    network: Network,
    name: str,
    provenance: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
    *,
    tracking: Mapping[str, Any] | None = None,
    ranges: Ranges | None = None,
    training_data: Sequence[str] = (),
    licence: str = NOT_STATED,
) -> None:
    """Write `network` to a safetensors file whose header says what `WeightsInfo` lists."""
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    state = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    facts = {
        "model": to_dict(network.config),
        "provenance": dict(provenance),
        "tracking": dict(tracking or {}),
        "ranges": {key: list(ends) for key, ends in (ranges or {}).items()},
        "training_data": list(training_data),
    }
    _write(Path(path), state, name, facts, licence)


def describe_weights(path: str | Path, output: str | Path, info: WeightsInfo) -> None:
    """Write the parameters of a weights file, as they are, with the header that `info` says.

    Raises:
        WeightsError: the file is missing or is not safetensors.
    """
    _, state = _open(Path(path))
    facts = {
        "model": to_dict(info.model),
        "provenance": info.provenance,
        "tracking": info.tracking or {},
        "ranges": {key: list(ends) for key, ends in info.ranges.items()},
        "training_data": list(info.training_data),
    }
    _write(Path(output), state, info.name, facts, info.licence)


def _write(path: Path, state: Mapping[str, Tensor], name: str, facts: Mapping[str, Any], licence: str) -> None:
    header = {"format": FORMAT, "name": name, "licence": licence, "parameters_sha256": _parameters_hash(state)}
    header |= {key: json.dumps(value, sort_keys=True) for key, value in facts.items()}
    # save_file() would let no one else read the file.
    write_atomic(path, _in_order(save(dict(state), metadata=header)))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with the facts of its header in alphabetical order, so that equal files are equal bytes."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _parameters_hash(state: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes of the parameters."""
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_info(path: str | Path) -> WeightsInfo:
    """The header of a weights file.

    Raises:
        WeightsError: the file is missing, is not safetensors, or was not written by `save_weights`.
    """
    header, _ = _open(Path(path))
    return _parse_header(Path(path), header)


def load_weights(path: str | Path) -> tuple[Network, WeightsInfo]:
    """The network in a weights file, in float32 and evaluation mode, with the file's header.

    Raises:
        WeightsError: as `read_info`, and if the parameters are not those that the header was written for, do not fit
            its configuration or are not finite.
    """
    header, state = _open(Path(path))
    info = _parse_header(Path(path), header)
    if header["format"] == FORMAT and header.get("parameters_sha256") != _parameters_hash(state):
        raise WeightsError(f"{path}: the parameters are not those of its header; the file is damaged, copy it again")
    network = Network(info.model)
    load_state(network, state, str(path))
    return network.eval(), info


def load_state(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy `state` into `module`; every parameter must be there, fit and be finite, and nothing may be left over.

    Raises:
        WeightsError: lists what is missing, left over, of another shape, or not finite.
    """
    own = module.state_dict()
    faults = [f"missing {key} {tuple(own[key].shape)}" for key in own if key not in state]
    faults += [f"unknown {key} {tuple(state[key].shape)}" for key in state if key not in own]
    for key in own.keys() & state.keys():
        if own[key].shape != state[key].shape:
            faults.append(f"{key} is {tuple(state[key].shape)}, expected {tuple(own[key].shape)}")
        elif not torch.isfinite(state[key].float()).all():
            faults.append(f"{key} holds values that are not finite")
    if faults:
        raise WeightsError(f"{source} does not fit this model; {_listed(sorted(faults))}")
    module.load_state_dict({key: value.to(own[key].dtype) for key, value in state.items()})


def initialise_trunks(network: Network, path: str | Path) -> None:
    """Start all trunks of `network` from an ImageNet ResNet file: torchvision's layout, or BatchNorm folded to biases.

    Layers beyond stride 16 in the file are ignored by name (`layer4`, `fc`).

    Raises:
        WeightsError: the file does not hold this trunk.
    """
    state = {k: v for k, v in read_tensors(path).items() if not k.startswith(("layer4.", "fc."))}
    trunks = [network.query_encoder.trunk]
    if isinstance(network.memory_encoder.body, ImageMemoryEncoder):
        trunks.append(network.memory_encoder.body.trunk)
    for trunk in trunks:
        load_state(trunk, _with_counters(trunk, state), str(path))


def _with_counters(trunk: Trunk, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's older files lack BatchNorm's batch counters, which nothing reads."""
    counters = {k: v for k, v in trunk.state_dict().items() if k.endswith("num_batches_tracked")}
    return {**counters, **state}


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a pickled PyTorch checkpoint, as of `read_checkpoint`."""
    return _open(Path(path))[1] if Path(path).suffix == ".safetensors" else read_checkpoint(path)[0]


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a pickled PyTorch checkpoint, and the plain facts beside them (iteration, score, ...).

    It is read with `weights_only`, so that nothing in it is executed; of numpy's types, numbers are understood. The
    checkpoint's own wrapping (`state_dict`, `model`, a `module.` prefix) is removed.

    Raises:
        WeightsError: the file is missing, cannot be read, or holds anything but tensors and plain facts.
    """
    path = Path(path)
    _require_readable(path)
    try:
        with torch.serialization.safe_globals(numpy_numbers()):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged or hostile pickle
        raise WeightsError(f"{path} is not a checkpoint of plain tensors; {_refusal(error)}") from None
    facts: dict[str, Any] = {}
    wrappings = 0
    while isinstance(loaded, Mapping) and (inner := loaded.get("state_dict", loaded.get("model"))) is not None:
        if (wrappings := wrappings + 1) > _WRAPPINGS:
            raise WeightsError(f"{path} holds itself again and again; it is no checkpoint")
        facts |= {str(key): value for key, value in loaded.items() if value is not inner}
        loaded = inner
    if not isinstance(loaded, Mapping) or not any(isinstance(value, Tensor) for value in loaded.values()):
        raise WeightsError(f"{path} holds no dictionary of tensors")
    tensors = {str(key).removeprefix("module."): v for key, v in loaded.items() if isinstance(v, Tensor)}
    others = {str(key): value for key, value in loaded.items() if not isinstance(value, Tensor)}
    strange = sorted(key for key, value in others.items() if not isinstance(value, (int, float, str, np.generic)))
    if strange:
        raise WeightsError(f"{path} holds more than tensors and numbers among its parameters: {', '.join(strange)}")
    return tensors, facts | others


@lru_cache(maxsize=16)
def _file_hash(path: Path, modified_ns: int, size: int) -> str:
    return sha256(path)


def file_hash(path: str | Path) -> str:
    """sha256 of a file, remembered while the file does not change."""
    status = Path(path).stat()
    return _file_hash(Path(path).resolve(), status.st_mtime_ns, status.st_size)


def _refusal(error: Exception) -> str:
    """Why torch refused a pickle, in our words: its own advise to read it unsafely."""
    if found := re.search(r"(?:GLOBAL|global|class) ['`]?([\w.]+)", str(error)):
        return f"it holds {found[1]}, which could execute anything, and was refused; ask its author for one of tensors"
    return "it is damaged, or something else; copy it again"


def _open(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    _require_readable(path)
    try:
        with safe_open(str(path), framework="pt") as stream:
            return dict(stream.metadata() or {}), {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from None


def _require_readable(path: Path) -> None:
    """Raise WeightsError where a file cannot be opened; the libraries call that a missing file."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise WeightsError(f"no weights file {path}") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}; check its permissions and its disk") from None


def _parse_header(path: Path, header: Mapping[str, str]) -> WeightsInfo:
    if header.get("format") not in (FORMAT, EARLIER_FORMAT):
        raise WeightsError(
            f"{path} is not a weights file of this project (format {header.get('format')!r}, expected {FORMAT!r}); "
            "convert published checkpoints with `samn weights convert`"
        )
    try:
        return WeightsInfo(
            name=header["name"],
            model=merge(ModelConfig(), json.loads(header["model"])),
            provenance=_parsed(header, "provenance", {}),
            tracking=_parsed(header, "tracking", {}) if header["format"] == FORMAT else None,
            ranges={key: (float(low), float(high)) for key, (low, high) in _parsed(header, "ranges", {}).items()},
            training_data=tuple(map(str, _parsed(header, "training_data", []))),
            licence=header.get("licence", NOT_STATED),
            sha256=file_hash(path),
            header_sha256=hashlib.sha256(json.dumps(dict(header), sort_keys=True).encode()).hexdigest(),
        )
    except (KeyError, ValueError, TypeError, ConfigError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{path} has a damaged header: {error}") from None


def _parsed(header: Mapping[str, str], key: str, default: Any) -> Any:
    """A fact of the header, of the default's type; the default where an earlier version did not write it."""
    value = json.loads(header[key]) if key in header or header["format"] == FORMAT else default
    if not isinstance(value, type(default)):
        raise TypeError(f"{key} is {value!r}")
    return value


def _listed(faults: list[str]) -> str:
    shown = "; ".join(faults[:_SHOWN_FAULTS])
    rest = len(faults) - _SHOWN_FAULTS
    return f"{len(faults)} faults: {shown}" + (f"; and {rest} more" if rest > 0 else "")
