"""The training loop; it resumes exactly where its run folder's checkpoint stands."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from samn_tracker.core.config import VARIANTS
from samn_tracker.errors import TrainingError
from samn_tracker.memory.config import DynamicConfig
from samn_tracker.model.network import Network
from samn_tracker.train.checkpoint import load_checkpoint, save_checkpoint
from samn_tracker.train.config import LossConfig, RunConfig, TrainConfig
from samn_tracker.train.data import make_samples
from samn_tracker.train.distributed import Processes
from samn_tracker.train.export import write_weights
from samn_tracker.train.forward import Batch, segment
from samn_tracker.train.initialise import build_network
from samn_tracker.train.loader import Tensors, as_tensors, make_loader, patch_size, to_batch
from samn_tracker.train.losses import segmentation_loss, soft_iou
from samn_tracker.train.optimiser import MovingAverage, freeze, make_optimiser, rate_at, set_rate
from samn_tracker.train.runlog import Meter, RunLog, claim_folder, record_origin
from samn_tracker.train.samples import SampleMaker
from samn_tracker.train.validation import open_validation, validate

BEST = "best.safetensors"


class TrainingStep(nn.Module):
    """Network and loss as one module, so that a distributed wrapper sees a whole forward pass."""

    def __init__(self, network: Network, run: RunConfig, loss: LossConfig, dynamic: DynamicConfig | None) -> None:
        super().__init__()
        self.network = network
        self._dtype = torch.bfloat16 if run.precision == "bfloat16" else None
        self._loss = loss
        self._dynamic = dynamic

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss () summed over the predicted frames, and the soft IoU () of those where the target is present."""
        device = batch.frames.device.type
        with torch.autocast(device, self._dtype) if self._dtype else contextlib.nullcontext():
            predictions = segment(self.network, batch, self._dynamic)
        truths = batch.masks[:, 1:].unbind(1)
        losses = [segmentation_loss(p, t, self._loss) for p, t in zip(predictions, truths, strict=True)]
        with torch.no_grad():
            logits, truth = torch.cat(predictions).float(), torch.cat(truths)
            present = truth.flatten(1).sum(1) > 0
            overlaps = soft_iou(torch.softmax(logits, 1)[:, 1], truth)
            overlap = (overlaps * present).sum() / present.sum().clamp_min(1)
        return torch.stack(losses).sum(), overlap


class Trainer:
    """One run in its folder, in this process or in several.

    Raises:
        TrainingError: the folder's checkpoint is of another configuration.
        DatasetError, WeightsError: an input file is missing or broken.
    """

    def __init__(self, config: TrainConfig, folder: Path, processes: Processes, command: Sequence[str] = ()) -> None:
        self.config = config
        self._folder = folder
        self._processes = processes
        if processes.leads:
            claim_folder(folder)
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        self.samples = make_samples(config)
        validation = config.validation
        self._validation = open_validation(validation, Path(config.data_root)) if validation.every else None
        self.network = build_network(config, lambda: example_patches(self.samples)).to(processes.device)
        if config.run.channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.train()
        freeze(self.network, config.optimiser.frozen)
        self._optimiser = make_optimiser(self.network, config.optimiser)
        self._average = MovingAverage(self.network, config.optimiser.ema)
        self.progress = load_checkpoint(folder, config, self.network, self._average, self._optimiser)
        dynamic = VARIANTS[config.variant].dynamic if config.run.dynamic else None
        self._step = processes.wrap(TrainingStep(self.network, config.run, config.loss, dynamic))
        if processes.leads:
            self._log = RunLog(folder, config.run.tensorboard)
            record_origin(folder, config, self.samples.sources, command)

    def train(self, until: int | None = None) -> None:
        """Train to the end of the run, or to iteration `until` of it.

        Raises:
            TrainingError: the loss stopped being finite.
            DatasetError: a data file is broken.
        """
        run, progress = self.config.run, self.progress
        loader = iter(make_loader(self.samples, run, progress.iteration, self._processes.rank, self._processes.world))
        meter = Meter()
        while progress.iteration < (run.iterations if until is None else until):
            begun = time.perf_counter()
            rate = rate_at(progress.iteration, run.iterations, self.config.optimiser)
            set_rate(self._optimiser, rate)
            self.compute_gradients(loader, meter)
            self._optimiser.step()
            self._average.update(self.network, progress.iteration)
            progress.iteration += 1
            elapsed = time.perf_counter() - begun
            progress.seconds += elapsed
            meter.seconds += elapsed
            if self._processes.leads and self._report(meter, rate):
                meter = Meter()

    def compute_gradients(self, loader: Iterator[Tensors], meter: Meter) -> None:
        """Fill the parameters' gradients from this process's next batches, averaged over batches and processes."""
        parts = self.config.run.accumulate
        self._optimiser.zero_grad(set_to_none=True)
        losses, overlaps = [], []
        for part in range(parts):
            waited = time.perf_counter()
            batch = to_batch(next(loader), self._processes.device)
            meter.waiting += time.perf_counter() - waited
            with self._unsynchronised(part < parts - 1):
                loss, overlap = self._step(batch)
                (loss / parts).backward()
            losses.append(float(loss.detach()))
            overlaps.append(float(overlap))
        if not all(map(math.isfinite, losses)):
            raise TrainingError("the loss is not finite; lower optimiser.rate, or train in float32")
        meter.losses.append(sum(losses) / parts)
        meter.overlaps.append(sum(overlaps) / parts)
        learning = [parameter for group in self._optimiser.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(learning, self.config.optimiser.clip)

    def averaged_network(self) -> Network:
        """A copy of the network with the moving average of its parameters, ready to track."""
        network = Network(self.config.model)
        network.load_state_dict(self._average.state)
        return network.eval()

    def _unsynchronised(self, wanted: bool) -> contextlib.AbstractContextManager[None]:
        """Keep gradients local while batches are accumulated: only the last one is averaged over processes."""
        if wanted and isinstance(self._step, DistributedDataParallel):
            return self._step.no_sync()
        return contextlib.nullcontext()

    def _report(self, meter: Meter, rate: float) -> bool:
        """Log, validate and save where this iteration is due; whether a log line ended the meter."""
        run, done = self.config.run, self.progress.iteration
        last = done == run.iterations
        if self._validation is not None and (last or done % self.config.validation.every == 0):
            self._validate()
        if last or done % run.checkpoint_every == 0:
            save_checkpoint(self._folder, self.config, self.network, self._average, self._optimiser, self.progress)
        if not last and done % run.log_every:
            return False
        samples = run.batch * run.accumulate * self._processes.world
        position = {"rate": rate, "seconds": self.progress.seconds, "size": patch_size(run, done - 1)}
        self._log.write(done, {**meter.summary(samples), **position})
        return True

    def _validate(self) -> None:
        """Score the averaged network with the real tracker; keep its weights if they are the best so far."""
        assert self._validation is not None
        network = self.averaged_network()
        score = validate(network, VARIANTS[self.config.variant], self._validation, self.config.validation)
        self._log.write(self.progress.iteration, {"validation_j": score.region, "validation_box_iou": score.box})
        if score.region > self.progress.best:
            self.progress.best = score.region
            facts = {"iterations": self.progress.iteration, "validation_j": score.region}
            write_weights(self._folder / BEST, network, self.config, facts)


def example_patches(maker: SampleMaker, count: int = 24, size: int = 256) -> Tensor:
    """Patches (count, 3, size, size) in 0..1 of samples that no iteration uses, for the keys' initial values."""
    tensors = [as_tensors(maker.make(2**40 + number, size)) for number in range(count)]
    return torch.stack([one["frames"][0] for one in tensors]).float() / 255
