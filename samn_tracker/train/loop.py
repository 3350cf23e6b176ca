"""The training loop, read from top to bottom; resumes exactly where its run folder's checkpoint stands."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from samn_tracker.config import VARIANTS, DynamicConfig
from samn_tracker.errors import TrainingError
from samn_tracker.model.network import Network
from samn_tracker.train.checkpoint import load_checkpoint, save_checkpoint
from samn_tracker.train.config import LossConfig, RunConfig, TrainConfig
from samn_tracker.train.data import make_samples
from samn_tracker.train.forward import Batch, segment
from samn_tracker.train.initialise import build_network
from samn_tracker.train.loader import Tensors, as_tensors, make_loader, patch_size, to_batch
from samn_tracker.train.losses import segmentation_loss, soft_iou
from samn_tracker.train.optimiser import MovingAverage, freeze, make_optimiser, rate_at, set_rate
from samn_tracker.train.samples import SampleMaker


class TrainingStep(nn.Module):
    """Network and loss as one module, so that a distributed wrapper sees a whole forward pass."""

    def __init__(self, network: Network, run: RunConfig, loss: LossConfig, dynamic: DynamicConfig | None) -> None:
        super().__init__()
        self.network = network
        self._dtype = torch.bfloat16 if run.precision == "bfloat16" else None
        self._loss = loss
        self._dynamic = dynamic

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss () summed over the two predicted frames, and the soft IoU () of those where the target is present."""
        device = batch.frames.device.type
        autocast = torch.autocast(device, self._dtype) if self._dtype else contextlib.nullcontext()
        with autocast:
            predictions = segment(self.network, batch, self._dynamic)
        truths = batch.masks[:, 1:].unbind(1)
        loss = torch.stack(
            [segmentation_loss(p, t, self._loss) for p, t in zip(predictions, truths, strict=True)]
        ).sum()
        with torch.no_grad():
            logits, truth = torch.cat(predictions).float(), torch.cat(truths)
            present = truth.flatten(1).sum(1) > 0
            overlaps = soft_iou(torch.softmax(logits, 1)[:, 1], truth)
            iou = (overlaps * present).sum() / present.sum().clamp_min(1)
        return loss, iou


@dataclass
class Meter:
    """Running sums between two log lines."""

    losses: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    waiting: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    def line(self, iteration: int, rate: float, samples: int) -> dict[str, float]:
        """What is logged: means, samples per second and the share of the time spent waiting for data."""
        elapsed = time.perf_counter() - self.started
        return {
            "iteration": iteration,
            "loss": sum(self.losses) / len(self.losses),
            "iou": sum(self.overlaps) / max(1, len(self.overlaps)),
            "rate": rate,
            "samples_per_second": samples * len(self.losses) / elapsed,
            "loader_share": self.waiting / elapsed,
        }


def train(config: TrainConfig, folder: Path) -> Network:
    """Train to the end of the run, from the checkpoint in `folder` if there is one; returns the averaged network.

    Raises:
        TrainingError: the loss stopped being finite, or the checkpoint is of another configuration.
        DatasetError, WeightsError: an input file is missing or broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    maker = make_samples(config)
    network = build_network(config, example_patches(maker)).to(device)
    if config.run.channels_last:
        network = network.to(memory_format=torch.channels_last)
    freeze(network, config.optimiser.frozen)
    optimiser = make_optimiser(network, config.optimiser)
    average = MovingAverage(network, config.optimiser.ema)
    progress = load_checkpoint(folder, config, network, average, optimiser)
    dynamic = VARIANTS[config.variant].dynamic if config.run.dynamic else None
    step = TrainingStep(network, config.run, config.loss, dynamic)
    loader = iter(make_loader(maker, config.run, progress.iteration))
    meter, samples = Meter(), config.run.batch * config.run.accumulate
    while progress.iteration < config.run.iterations:
        begun = time.perf_counter()
        rate = rate_at(progress.iteration, config.run.iterations, config.optimiser)
        set_rate(optimiser, rate)
        loss, overlap = _update(step, optimiser, loader, config, meter, device)
        average.update(network, progress.iteration)
        progress.iteration += 1
        progress.seconds += time.perf_counter() - begun
        meter.losses.append(loss)
        meter.overlaps.append(overlap)
        if progress.iteration % config.run.log_every == 0:
            line = meter.line(progress.iteration, rate, samples)
            _log(folder, {**line, "seconds": progress.seconds, "size": patch_size(config.run, progress.iteration - 1)})
            meter = Meter()
        if progress.iteration % config.run.checkpoint_every == 0 or progress.iteration == config.run.iterations:
            save_checkpoint(folder, config, network, average, optimiser, progress)
    network.load_state_dict(average.state)
    return network.eval()


def _update(
    step: nn.Module,
    optimiser: torch.optim.Optimizer,
    loader: Iterator[Tensors],
    config: TrainConfig,
    meter: Meter,
    device: torch.device,
) -> tuple[float, float]:
    """One optimiser step over all accumulated batches; the mean loss and overlap."""
    optimiser.zero_grad(set_to_none=True)
    losses, overlaps = [], []
    for _ in range(config.run.accumulate):
        waited = time.perf_counter()
        batch = to_batch(next(loader), device)
        meter.waiting += time.perf_counter() - waited
        loss, overlap = step(batch)
        (loss / config.run.accumulate).backward()
        losses.append(float(loss.detach()))
        overlaps.append(float(overlap))
    if not all(map(math.isfinite, losses)):
        raise TrainingError("the loss is not finite; lower optimiser.rate, or train in float32")
    learning = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    torch.nn.utils.clip_grad_norm_(learning, config.optimiser.clip)
    optimiser.step()
    return sum(losses) / len(losses), sum(overlaps) / len(overlaps)


def example_patches(maker: SampleMaker, count: int = 24, size: int = 256) -> Tensor:
    """Patches (count, 3, size, size) in 0..1 of samples that no iteration uses, for the keys' initial values."""
    tensors: list[Tensors] = [as_tensors(maker.make(2**40 + number, size)) for number in range(count)]
    return torch.stack([one["frames"][0] for one in tensors]).float() / 255


def _log(folder: Path, line: dict[str, float]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(" ".join(f"{key} {value:.4g}" for key, value in line.items()), file=sys.stderr, flush=True)
