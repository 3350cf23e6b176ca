"""From a name or a path to a tracker with its weights; weights are read once per process."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from samn_tracker.core.config import CONVERTED_PRESET, TrackerConfig, tracking_settings
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.model.weights import WeightsInfo, load_weights, read_info
from samn_tracker.runtime.calibration import check_ranges
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.devices import resolve_device
from samn_tracker.runtime.engine import Engine
from samn_tracker.settings import merge
from samn_tracker.shipped import SHIPPED_WEIGHTS


@lru_cache(maxsize=4)
def _engine(path: Path, sha256: str, device: str, runtime: RuntimeConfig) -> tuple[Engine, WeightsInfo]:
    """Weights are loaded once per process for each file, device and runtime; engines hold no state of a target."""
    network, info = load_weights(path)
    if info.ranges:
        check_ranges(info.ranges, network)
    return Engine(network, device, runtime, info.ranges), info


def find_weights(name_or_path: str | Path) -> Path:
    """The weights file of a shipped variant's name or of a path.

    Raises:
        WeightsError: no such file, with the names that exist.
    """
    path = Path(name_or_path)
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise WeightsError(
                f"no weights file {path}; correct the path, or give a name that `samn weights list` shows"
            )
        return path
    folders = [SHIPPED_WEIGHTS, *(Path(folder) for folder in [os.environ.get("SAMN_WEIGHTS_DIR")] if folder)]
    for folder in folders:
        if (file := folder / f"{name_or_path}.safetensors").is_file():
            return file
    names = sorted({file.stem for folder in folders for file in folder.glob("*.safetensors")})
    raise WeightsError(
        f"no weights for {str(name_or_path)!r}; shipped or in $SAMN_WEIGHTS_DIR: {', '.join(names) or 'none'}. Give a "
        "path to a .safetensors file, or convert a published checkpoint with `samn weights convert`"
    )


def load_tracker(
    name_or_path: str | Path = "samn-lite",
    device: str = "auto",
    overrides: Mapping[str, Any] | TrackerConfig | None = None,
    preset: str | None = None,
    training_weights: bool = False,
) -> Tracker:
    """A tracker with trained weights.

    Args:
        name_or_path: "samn-lite" or another shipped variant, or the path of a .safetensors weights file.
        device: "auto" (CUDA when present, else CPU), "cpu", "cuda", "cuda:1", ...
        overrides: settings to change, for instance {"appearance.interval": 10}, or a whole TrackerConfig.
        preset: track by the rules of "published", "paper" or another preset instead of those that the weights file
            asks for; `overrides` change them.
        training_weights: track even with weights that only start a training.

    Raises:
        WeightsError: the weights are missing, damaged, or of another model than the configuration.
        ConfigError: an unknown setting or device.
    """
    path = find_weights(name_or_path)
    info = read_info(path)
    if info.provenance.get("layout") == "stm" and not training_weights:
        raise WeightsError(
            f"{path} holds STM's own weights, which are a start for training: their second mask convolution means "
            "other objects, not the background, and they know no location map; train from them (start.weights), or "
            "track all the same with --training-weights (in Python training_weights=True)"
        )
    config = _configured(_settings(path, info, preset), info, overrides)
    engine, info = _engine(path.resolve(), info.sha256, str(resolve_device(device)), config.runtime)
    return Tracker(engine, config, info)


def _settings(path: Path, info: WeightsInfo, preset: str | None) -> TrackerConfig:
    """The configuration of the preset, or else the one that the weights file asks for."""
    if preset is not None:
        return merge(TrackerConfig(model=info.model), tracking_settings(preset))
    if info.name == CONVERTED_PRESET:
        _tell_preset(path)
    return own_settings(path, info)


@lru_cache(maxsize=4)
def _tell_preset(path: Path) -> None:
    """Say once in a process by whose rules published weights are tracked."""
    rules = f"these are published weights, tracked by the preset {CONVERTED_PRESET!r}: the authors' loop, as the paper"
    print(f"samn: {path.name}: {rules} describes it (--preset published: as its code was released)", file=sys.stderr)


def own_settings(path: Path, info: WeightsInfo) -> TrackerConfig:
    """The configuration that the header of a weights file says.

    Raises:
        WeightsError: it says nothing of tracking, or names a setting that does not exist.
    """
    if info.tracking is None:
        raise WeightsError(
            f"{path} does not say how to track with it, as an earlier version wrote it; give it a header with "
            "`samn weights describe`"
        )
    try:
        return merge(TrackerConfig(model=info.model), info.tracking)
    except ConfigError as error:
        raise WeightsError(
            f"{path} asks for settings that this version does not have: {error}; write its header anew with `samn "
            "weights describe`"
        ) from None


def _configured(
    config: TrackerConfig, info: WeightsInfo, overrides: Mapping[str, Any] | TrackerConfig | None
) -> TrackerConfig:
    if isinstance(overrides, TrackerConfig):
        config = overrides
    elif overrides:
        config = config.with_overrides(overrides)
    if config.model != info.model:
        raise WeightsError(
            f"the weights are of a {info.name} model {info.model}, but the configuration asks for {config.model}; "
            "leave the model section to the weights file"
        )
    return config
