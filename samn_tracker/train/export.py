"""From a run folder to a weights file that the tracker loads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samn_tracker.core.config import tracking_settings
from samn_tracker.errors import TrainingError
from samn_tracker.model.network import Network
from samn_tracker.model.weights import load_state, read_info, save_weights
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.train.checkpoint import FILE, read_state
from samn_tracker.train.config import TrainConfig, load_config
from samn_tracker.train.runlog import CONFIG, PROVENANCE

RUN_FILES = (FILE, CONFIG, PROVENANCE)
"""What is read of a run's folder."""


def export(folder: Path, out: Path) -> dict[str, Any]:
    """Write the averaged parameters of a run as float16; returns the provenance that the file carries.

    Raises:
        TrainingError: the folder holds no finished checkpoint of a run.
        WeightsError: the checkpoint does not fit the run's configuration.
    """
    missing = [name for name in RUN_FILES if not (folder / name).is_file()]
    if missing:
        raise TrainingError(f"{folder} is not the folder of a run: it lacks {', '.join(missing)}")
    config = load_config(folder / CONFIG)
    state = read_state(folder)
    network = Network(config.model)
    load_state(network, state["average"], str(folder / FILE))
    provenance = {
        **json.loads((folder / PROVENANCE).read_text(encoding="utf-8")),
        "iterations": state["progress"]["iteration"],
        "planned_iterations": config.run.iterations,
        "samples": state["progress"]["iteration"] * config.run.batch * config.run.accumulate,
        "seconds": round(state["progress"]["seconds"]),
    }
    write_weights(out, network, config, provenance)
    return provenance


def write_weights(out: Path, network: Network, config: TrainConfig, provenance: Mapping[str, Any]) -> None:
    """A weights file of a run, with all that it takes to track with it; int8's ranges are measured here.

    Raises:
        WeightsError: the network gives numbers that are not finite.
    """
    save_weights(
        out,
        network,
        config.variant,
        provenance,
        tracking=tracking_settings(config.variant),
        ranges=activation_ranges(network),
        training_data=trained_on(config),
    )


def trained_on(config: TrainConfig) -> list[str]:
    """Names of the sets of a run and of all that its start weights were trained on, sorted."""
    earlier = read_info(config.start.weights).training_data if Path(config.start.weights).is_file() else ()
    return sorted({*(one.name for one in config.sets), *earlier})
