"""What a run reports: lines on stderr, `log.jsonl`, TensorBoard, and where its weights come from."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from samn_tracker.errors import EnvironmentProblemError, TrainingError
from samn_tracker.files import open_text, remove_unfinished, write_atomic
from samn_tracker.model.weights import read_info
from samn_tracker.train.config import TrainConfig, save_config
from samn_tracker.train.sources import Source

LOG, CONFIG, PROVENANCE = "log.jsonl", "config.toml", "provenance.json"


@dataclass
class Meter:
    """Running sums between two log lines; `seconds` of training, of which `waiting` for data."""

    losses: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    waiting: float = 0.0

    def summary(self, samples: int) -> dict[str, float]:
        """Means, samples per second (`samples` were used in each iteration) and the loader's share of the time."""
        return {
            "loss": sum(self.losses) / len(self.losses),
            "iou": sum(self.overlaps) / len(self.overlaps),
            "samples_per_second": samples * len(self.losses) / self.seconds,
            "loader_share": self.waiting / self.seconds,
        }


class RunLog:
    """Writes numbers by iteration.

    Raises:
        EnvironmentProblemError: TensorBoard was asked for and is not installed.
    """

    def __init__(self, folder: Path, tensorboard: bool) -> None:
        self._path = folder / LOG
        self._writer = _tensorboard(folder) if tensorboard else None

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        """One line: the iteration and its values."""
        line = {"iteration": iteration, **values}
        with open_text(self._path, "a") as file:
            file.write(json.dumps(line) + "\n")
        print(" ".join(f"{key} {value:.4g}" for key, value in line.items()), file=sys.stderr, flush=True)
        if self._writer is not None:
            for key, value in values.items():
                self._writer.add_scalar(key, value, iteration)
            self._writer.flush()


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise EnvironmentProblemError(
            'run.tensorboard needs TensorBoard: pip install "samn-tracker[train]", or set it to false'
        ) from None
    return SummaryWriter(str(folder / "tensorboard"))


def claim_folder(folder: Path) -> None:
    """Make sure that what the run writes into its folder is nobody else's, and remove what a killed write left there.

    Raises:
        TrainingError: there is a configuration, and no run wrote it.
    """
    if (folder / CONFIG).exists() and not (folder / PROVENANCE).exists():
        raise TrainingError(
            f"{folder / CONFIG} is there and would be written over, and {folder} is not the folder of a run (it has no "
            f"{PROVENANCE}); choose another --run"
        )
    remove_unfinished(folder)


def record_origin(folder: Path, config: TrainConfig, sources: Sequence[Source], command: Sequence[str]) -> None:
    """Write the whole configuration and what a model card needs: data and counts, machine, versions, command, and
    the same of the weights that the run starts from."""
    facts: dict[str, Any] = {
        "command": f"samn train {shlex.join(map(_without_folders, command))}",
        "data": {one.name: {"images": len(one), "clips": len(one.clips)} for one in sources},
        "machine": f"{platform.machine()}, {_processor()}",
        "torch": torch.__version__,
    }
    if config.start.weights:
        facts["started_from"] = read_info(config.start.weights).provenance
    write_atomic(folder / PROVENANCE, json.dumps(facts, indent=2) + "\n")
    save_config(config, folder / CONFIG)  # second: `claim_folder` takes a configuration alone for somebody else's


def _without_folders(word: str) -> str:
    """A word of a command with the last part only of absolute paths: weights travel, the author's folders need not."""
    key, separator, value = word.rpartition("=")
    path = Path(value)
    return f"{key}{separator}{path.name}" if path.is_absolute() else word


def _processor() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"CPU, {torch.get_num_threads()} threads"
