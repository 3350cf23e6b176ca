"""Run by torchrun in the tests: the first gradient of a run, and the weights after it, from every process.

Arguments: configuration, output folder, overrides. Writes one file a process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from samn_tracker.train.config import load_config
from samn_tracker.train.distributed import joined
from samn_tracker.train.loader import make_loader
from samn_tracker.train.loop import Trainer
from samn_tracker.train.runlog import Meter


def main(config_path: str, out: str, *overrides: str) -> None:
    config = load_config(config_path, overrides)
    with joined() as processes:
        trainer = Trainer(config, Path(out) / "run", processes)
        loader = make_loader(trainer.samples, config.run, 0, processes.rank, processes.world)
        trainer.compute_gradients(iter(loader), Meter())
        gradients = {name: p.grad for name, p in trainer.network.named_parameters() if p.grad is not None}
        torch.save(gradients, Path(out) / f"gradients{processes.rank}.pt")
        trainer.train()
        torch.save(trainer.network.state_dict(), Path(out) / f"weights{processes.rank}.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
