"""Which benchmark a folder of results belongs to: as its manifest says, or as the layout of the data shows."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from samn_tracker.errors import ConfigError, DatasetError, ResultError
from samn_tracker.report.kinds import kind_of
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.run_folder import RunFolder
from vot_workspace import report as vot_report

BENCHMARKS = {
    "got10k": "got10k_runner.runner:Got10k",
    "trackingnet": "trackingnet_runner.runner:TrackingNet",
    "davis": "davis_runner.runner:Davis",
    "ope": "ope_runner.runner:Ope",
    "vos": "vos_runner.runner:Vos",
}
"""The benchmarks of the runners, imported when one is needed."""

VOT = vot_report.KIND.name
NAMES = (*BENCHMARKS, VOT)

_LAYOUTS = {
    "got10k": ("*/list.txt", "GOT-10k_*/groundtruth.txt"),
    "trackingnet": ("*/anno/*.txt", "anno/*.txt"),
    "davis": ("Annotations/480p",),
    "vos": ("valid/Annotations", "train/Annotations", "sav_*/Annotations_6fps"),
    "ope": ("*/groundtruth_rect*.txt", "anno/UAV*", "*/*_gt.txt", "*/30", "*/240", "*/*/out_of_view.txt", "*/imgs"),
}


def load_benchmark(name: str) -> Benchmark:
    """The benchmark called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f"no benchmark is called {name!r}; known: {', '.join(NAMES)}")
    module, _, factory = BENCHMARKS[name].partition(":")
    benchmark: Benchmark = getattr(import_module(module), factory)()
    return benchmark


def benchmark_of(results: Path, truth: Path) -> str:
    """The benchmark that a run's manifest names, else the one whose layout the data has.

    Raises:
        ResultError: there are no results, or the manifest is damaged.
        DatasetError: there is no data.
        ConfigError: neither says it.
    """
    if not results.is_dir():
        raise ResultError(f"there is no folder {results}; give a run's folder, or a folder of results")
    if not truth.exists():
        raise DatasetError(f"there is no ground truth at {truth}; check --truth")
    found = manifest_of(results).get("benchmark") or benchmark_of_data(truth)
    if found is None:
        raise ConfigError(
            f"neither {results} (no manifest.json) nor the layout of {truth} says of which benchmark this is; "
            f"give --benchmark: {', '.join(NAMES)}"
        )
    return str(found)


def manifest_of(results: Path) -> Mapping[str, Any]:
    """The manifest of a run's folder; empty for other folders, those of VOT's results included.

    Raises:
        ResultError: the manifest is damaged.
    """
    return (RunFolder(results).manifest or {}) if (results / "results").is_dir() else {}


def benchmark_of_data(truth: Path) -> str | None:
    """The benchmark whose layout the data has, or None where that is not one and only one."""
    if kind := kind_of(truth):
        return kind.name
    if truth.suffix == ".json":
        return "ope"
    fitting = [name for name, patterns in _LAYOUTS.items() if any(next(truth.glob(one), None) for one in patterns)]
    return fitting[0] if len(fitting) == 1 else None
