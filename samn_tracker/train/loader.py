"""Batches from samples: worker processes, one image thread each, and an order that depends on the iteration alone."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from samn_tracker.train.config import RunConfig
from samn_tracker.train.forward import Batch
from samn_tracker.train.sample import Sample
from samn_tracker.train.samples import SampleMaker

Request = tuple[int, int]
Tensors = dict[str, Tensor]


class SampleDataset(Dataset[Tensors]):
    """Samples by (number, patch size), as uint8 tensors."""

    def __init__(self, maker: SampleMaker) -> None:
        self._maker = maker

    def __getitem__(self, request: Request) -> Tensors:
        return as_tensors(self._maker.make(*request))


class BatchOrder:
    """Which samples make up each batch of this process.

    Iteration i uses the samples i·n … (i+1)·n − 1, n = batch · accumulate · processes, so that a resumed run sees
    exactly what the uninterrupted run would have seen, and processes never share a sample.
    """

    def __init__(self, run: RunConfig, start: int, rank: int = 0, world: int = 1) -> None:
        self._run = run
        self._start = start
        self._rank = rank
        self._world = world

    def __iter__(self) -> Iterator[list[Request]]:
        run = self._run
        for iteration in range(self._start, run.iterations):
            size = patch_size(run, iteration)
            for part in range(run.accumulate):
                block = (iteration * run.accumulate + part) * self._world + self._rank
                yield [(block * run.batch + number, size) for number in range(run.batch)]


def patch_size(run: RunConfig, iteration: int) -> int:
    """Patch size of an iteration: the final size in the run's last share."""
    return run.final_size if iteration >= round(run.iterations * (1 - run.final_share)) else run.size


def as_tensors(sample: Sample) -> Tensors:
    """A sample as tensors, by the names of `Batch`, without a batch axis."""
    return {
        "frames": torch.from_numpy(sample.frames).permute(0, 3, 1, 2).contiguous(),
        "masks": torch.from_numpy(sample.masks),
        "first": torch.from_numpy(sample.first)[None],
        "box_start": torch.tensor(sample.box_start),
        "located": torch.from_numpy(sample.located),
        "moves": torch.from_numpy(sample.moves),
        "writes": torch.from_numpy(sample.writes),
        "corrupted": torch.from_numpy(sample.corrupted),
        "shown": torch.from_numpy(sample.shown),
    }


def to_batch(tensors: Tensors, device: torch.device) -> Batch:
    """Collated uint8 tensors as the network's input on `device`."""
    moved = {key: value.to(device, non_blocking=True) for key, value in tensors.items()}
    shares = {"frames": moved["frames"].float() / 255, "writes": moved["writes"].float() / 255}
    return Batch(**{**moved, **shares, "first": moved["first"].float()})


def make_loader(maker: SampleMaker, run: RunConfig, start: int, rank: int = 0, world: int = 1) -> DataLoader[Tensors]:
    """A loader of all batches from iteration `start` to the end of the run."""
    return DataLoader(
        SampleDataset(maker),
        batch_sampler=BatchOrder(run, start, rank, world),  # type: ignore[arg-type]
        num_workers=run.workers,
        worker_init_fn=one_thread,
        prefetch_factor=4 if run.workers else None,
        # A forked worker inherits OpenCV's thread pool without its threads, and hangs in the first call that uses it.
        multiprocessing_context="spawn" if run.workers else None,
        pin_memory=torch.cuda.is_available(),
    )


def one_thread(_: int = 0) -> None:
    """Keep a worker to one thread: workers are the parallelism."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
