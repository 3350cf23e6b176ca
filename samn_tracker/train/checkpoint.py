"""The whole state of a run in one file, written so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from samn_tracker.errors import TrainingError
from samn_tracker.files import write_atomic
from samn_tracker.model.network import Network
from samn_tracker.settings import to_dict
from samn_tracker.train.config import TrainConfig
from samn_tracker.train.optimiser import MovingAverage

FILE = "checkpoint.pt"
_KEYS = ("config", "network", "average", "optimiser", "random", "progress")


@dataclass
class Progress:
    """How far a run has come; `seconds` counts training only, over all its restarts."""

    iteration: int = 0
    seconds: float = 0.0
    best: float = -1.0


def save_checkpoint(
    folder: Path,
    config: TrainConfig,
    network: Network,
    average: MovingAverage,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write everything that the next iteration depends on: parameters, average, optimiser, random state, position.

    Samples need no state: they are functions of the seed and the iteration.
    """
    state = {
        "config": fingerprint(config),
        "network": network.state_dict(),
        "average": average.state,
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "progress": vars(progress),
    }
    buffer = io.BytesIO()  # torch hides why a file cannot be written
    torch.save(state, buffer)
    write_atomic(folder / FILE, buffer.getbuffer())


def load_checkpoint(
    folder: Path,
    config: TrainConfig,
    network: Network,
    average: MovingAverage,
    optimiser: torch.optim.Optimizer,
) -> Progress:
    """Restore a run; a fresh one if the folder holds no checkpoint.

    Raises:
        TrainingError: the checkpoint is of another configuration, or damaged; every changed setting is named.
    """
    path = folder / FILE
    if not path.is_file():
        return Progress()
    state = read_state(folder)
    _check_same(path, state["config"], fingerprint(config))
    network.load_state_dict(state["network"])
    average.state = state["average"]
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return Progress(**state["progress"])


def read_state(folder: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        TrainingError: it cannot be read, or is something else.
    """
    path = folder / FILE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds for a damaged file, and advises to read it unsafely
        raise TrainingError(f"{path} cannot be read; it is damaged: remove it to start the run anew") from None
    lacking = [key for key in _KEYS if not isinstance(state, dict) or key not in state]
    if lacking:
        raise TrainingError(f"{path} is no checkpoint of a run: it lacks {', '.join(lacking)}; remove it to start anew")
    return dict(state)


def fingerprint(config: TrainConfig) -> dict[str, str]:
    """Every setting that changes what is learnt, by dotted name; not where files lie or how often it logs."""
    ignored = {"threads", "workers", "log_every", "checkpoint_every", "tensorboard", "pack", "data_root", "path"}
    flat: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, one in value.items():
                if key not in ignored:
                    walk(f"{prefix}.{key}" if prefix else key, one)
        else:
            flat[prefix] = repr(value)

    sets = {one.name: to_dict(one) for one in config.sets}
    walk("", {**to_dict(config), "sets": sets, "start": {}, "validation": {}})
    return flat


def _check_same(path: Path, saved: dict[str, str], current: dict[str, str]) -> None:
    keys = sorted(saved.keys() | current.keys())
    changed = [f"{key}: {saved.get(key)} -> {current.get(key)}" for key in keys if saved.get(key) != current.get(key)]
    if changed:
        raise TrainingError(
            f"{path} belongs to another configuration ({'; '.join(changed)}); restore it or choose another run folder"
        )
