"""Configuration of a training run: frozen, read from TOML, every unknown key an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w

from samn_tracker.config import VARIANTS, ModelConfig, merge, to_dict
from samn_tracker.errors import ConfigError
from samn_tracker.train.sample import SamplingConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class SetConfig:
    """One data set and how often it is used for each purpose (see `samples.WeightedSource`).

    Attributes:
        name: unique; also the name inside a packed file.
        reader: a layout in `layouts.LAYOUTS`.
        path: folder, relative to the data root.
        split: of the layouts that have some; "" for their training split.
        images, masks: subfolders of the plain layouts; `binary` says that masks are grey levels, not object ids.
        longest_side: pixels kept by `samn train pack`.
    """

    name: str = ""
    reader: str = "folder"
    path: str = ""
    split: str = ""
    images: str = "img"
    masks: str = "mask"
    binary: bool = False
    longest_side: int = 480
    paste: float = 0.0
    still: float = 0.0
    clip: float = 0.0
    background: float = 0.0


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW with gradient clipping; the rate warms up linearly, then stays or falls as a cosine to zero."""

    rate: float = 1e-5
    trunk_factor: float = 1.0
    frozen: Literal["nothing", "stem", "trunks"] = "nothing"
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float = 5.0
    ema: float = 0.999


@dataclass(frozen=True)
class LossConfig:
    """Bootstrapped cross-entropy over the hardest pixels, plus `iou_weight` times the soft mask-IoU loss."""

    hardest: float = 0.4
    iou_weight: float = 1.0


@dataclass(frozen=True)
class RunConfig:
    """How long, how large and how a run is executed.

    Attributes:
        batch: samples a step and process; `accumulate` of them are summed before each update.
        size, final_size, final_share: patch pixels, and those of the last share of iterations.
        dynamic: weight memory frames by the dynamic memory machine, as the tracker does.
    """

    iterations: int = 1000
    batch: int = 4
    accumulate: int = 1
    size: int = 384
    final_size: int = 384
    final_share: float = 0.0
    dynamic: bool = False
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    threads: int = 0
    workers: int = 1
    log_every: int = 20
    checkpoint_every: int = 200
    tensorboard: bool = False


@dataclass(frozen=True)
class ValidationConfig:
    """Sequences on which the real tracker is scored every `every` iterations (0: never); the best weights are kept.

    Attributes:
        reader, path, binary: as of a data set.
        start: what the tracker is given in the first frame.
        longest: frames of each sequence, 0 for all.
    """

    every: int = 0
    reader: str = "sequences"
    path: str = ""
    binary: bool = False
    start: Literal["mask", "box"] = "mask"
    longest: int = 0


@dataclass(frozen=True)
class StartConfig:
    """What the parameters start from: an ImageNet trunk file, or the weights of an earlier stage; "" for none."""

    trunk: str = ""
    weights: str = ""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training run does."""

    variant: str = "samn-r50"
    data_root: str = ""
    pack: str = ""
    start: StartConfig = field(default_factory=StartConfig)
    run: RunConfig = field(default_factory=RunConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    sets: tuple[SetConfig, ...] = ()

    @property
    def model(self) -> ModelConfig:
        """The network that is trained."""
        return VARIANTS[self.variant].model


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration in a TOML file, with `overrides` such as "run.iterations=100" applied.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, or values do not make sense; all are listed.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no training configuration {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    for text in overrides:
        _override(values, text)
    sets = tuple(merge(SetConfig(), one, f"sets.{one.get('name', number)}.") for number, one in enumerate(_pop(values)))
    config = replace(merge(TrainConfig(), values), sets=sets)
    _check(config)
    return config


def save_config(config: TrainConfig, path: Path) -> None:
    """Write every setting, so that `load_config` gives the same configuration."""
    values = {**to_dict(config), "sets": [to_dict(one) for one in config.sets]}
    path.write_text(tomli_w.dumps(values), encoding="utf-8")


def _pop(values: dict[str, Any]) -> list[dict[str, Any]]:
    sets = values.pop("sets", [])
    if not isinstance(sets, list) or not all(isinstance(one, dict) for one in sets):
        raise ConfigError("'sets' must be written as [[sets]] tables, one a data set")
    return sets


def _override(values: dict[str, Any], text: str) -> None:
    dotted, separator, value = text.partition("=")
    if not separator:
        raise ConfigError(f"'{text}' is not an override; write key=value, for instance run.iterations=100")
    *sections, key = dotted.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[key] = value


def _check(config: TrainConfig) -> None:
    faults = []
    names = [one.name for one in config.sets]
    if config.variant not in VARIANTS:
        faults.append(f"variant '{config.variant}' is unknown (known: {', '.join(VARIANTS)})")
    if not names:
        faults.append("no data set; add a [[sets]] table")
    if len(set(names)) < len(names) or "" in names:
        faults.append("every data set needs a name of its own")
    run = config.run
    if min(run.iterations, run.batch, run.accumulate, run.log_every, run.checkpoint_every) < 1:
        faults.append("run.iterations, batch, accumulate, log_every and checkpoint_every must be at least 1")
    for key in ("size", "final_size"):
        if getattr(run, key) % 16 or getattr(run, key) < 64:
            faults.append(f"run.{key} must be a multiple of 16, at least 64")
    if config.sampling.frames < 3:
        faults.append("sampling.frames must be at least 3: a start from a box repeats the first frame")
    if config.start.trunk and config.start.weights:
        faults.append("start.trunk and start.weights exclude each other")
    if faults:
        raise ConfigError("; ".join(faults))
