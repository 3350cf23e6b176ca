"""Configuration of a training run: frozen, read from TOML, every unknown key an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from samn_tracker.core.config import VARIANTS
from samn_tracker.errors import ConfigError
from samn_tracker.memory.config import STRIDE
from samn_tracker.model.config import ModelConfig
from samn_tracker.settings import merge, read_toml, save_toml
from samn_tracker.train.sample import SamplingConfig


@dataclass(frozen=True)
class SetConfig:
    """One data set and how often it is used for each purpose (see `samples.WeightedSource`).

    Attributes:
        name: unique; also the name inside a packed file.
        reader: a layout in `layouts.LAYOUTS`.
        path: folder, relative to the data root.
        split: of the layouts that have some; "" for their training split.
        images, masks: subfolders of the plain layouts.
        binary: masks are black and white; otherwise every value is an object of its own.
        longest_side: pixels kept by `samn train pack`.
        paste: how often its objects are cut out and pasted on other photographs.
        still: how often one of its photographs is seen in several poses.
        clip: how often frames of one of its videos are used.
        background: how often its photographs lie under pasted objects.
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
    """AdamW with gradient clipping.

    Attributes:
        rate: learning rate of the heads and the decoder.
        trunk_factor: the trunks' rate, relative to it.
        frozen: what does not learn: of the trunks their stem or all, or "encoders", with their mask convolutions.
        schedule: after the warm-up the rate stays, or falls as a cosine to zero at the last iteration.
        warmup: iterations in which the rate rises linearly.
        betas: decay of the averages of gradients and squared gradients.
        weight_decay: decoupled from the gradient.
        coupled_decay: it is part of the gradient instead (L2, plain Adam), as released.
        clip: largest norm of the gradient.
        ema: decay of the average of the parameters that is validated and exported.
    """

    rate: float = 1e-5
    trunk_factor: float = 1.0
    frozen: Literal["nothing", "stem", "trunks", "encoders"] = "nothing"
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    coupled_decay: bool = False
    clip: float = 5.0
    ema: float = 0.999


@dataclass(frozen=True)
class LossConfig:
    """Bootstrapped cross-entropy plus soft mask-IoU loss (section 4.1).

    Attributes:
        hardest: share of a mask's pixels, those of the largest cross-entropy, that count.
        iou_weight: weight of the mask-IoU loss.
    """

    hardest: float = 0.4
    iou_weight: float = 1.0


@dataclass(frozen=True)
class RunConfig:
    """How long, how large and how a run is executed.

    Attributes:
        iterations: updates of the parameters.
        batch: samples a step and process.
        accumulate: steps whose gradients are averaged before an update.
        size: patch pixels.
        final_size, final_share: patch pixels of the last share of the iterations.
        dynamic: weight memory frames by the dynamic memory machine, as the tracker does.
        seed: of the parameters that start at random.
        precision: of the forward pass; the parameters are float32.
        channels_last: memory layout of the networks; the faster one differs between machines.
        threads: of torch in each process; 0 leaves torch's own choice.
        workers: processes that make samples; 0 makes them in the training process.
        log_every: iterations between log lines.
        checkpoint_every: iterations between checkpoints.
        tensorboard: write the log's numbers for TensorBoard too.
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
        every: iterations between validations.
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
    """What the parameters start from, either of the two or neither.

    Attributes:
        trunk: file of an ImageNet trunk; "" for none.
        weights: file of the weights of an earlier stage; "" for none.
    """

    trunk: str = ""
    weights: str = ""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a training run does.

    Attributes:
        variant: the network, by the name of a tracker's variant.
        data_root: folder that the sets' paths are relative to.
        pack: file of `samn train pack` to read instead of the folders; "" for none.
        previous_mask, pixel_score: whether the network takes these cues (`ModelConfig`); what it starts from may not.
    """

    variant: str = "samn-r50"
    data_root: str = ""
    pack: str = ""
    previous_mask: bool = False
    pixel_score: bool = False
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
        return replace(VARIANTS[self.variant].model, previous_mask=self.previous_mask, pixel_score=self.pixel_score)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration in a TOML file, with `overrides` such as "run.iterations=100" applied.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, or values do not make sense; all are listed.
    """
    values = read_toml(path)
    for text in overrides:
        _override(values, text)
    sets = tuple(merge(SetConfig(), one, f"sets.{one.get('name', number)}.") for number, one in enumerate(_pop(values)))
    config = replace(merge(TrainConfig(), values), sets=sets)
    _check(config)
    return config


def save_config(config: TrainConfig, path: Path) -> None:
    """Write every setting, so that `load_config` gives the same configuration."""
    save_toml(config, path)


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
        if getattr(run, key) % STRIDE or getattr(run, key) < 64:
            faults.append(f"run.{key} must be a multiple of {STRIDE}, at least 64")
    if config.sampling.frames < 3:
        faults.append("sampling.frames must be at least 3: a start from a box repeats the first frame")
    if config.start.trunk and config.start.weights:
        faults.append("start.trunk and start.weights exclude each other")
    if faults:
        raise ConfigError("; ".join(faults))
