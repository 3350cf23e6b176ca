"""Seconds of the processor that readers of data sets take; run as a file, with any checkout of ours on the path.

A name of READERS on standard input is answered by a line with the seconds of one reading; `readers.py` asks two of
these in turn. Only what every checkout has is used here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

LEAST = 0.3
"""Seconds that are measured at once: the clock of a processor has steps of milliseconds."""

_CLASSES = {
    "ope": ("ope_runner.runner:Ope", "samn_tracker.benchmark.ope:OnePass"),
    "got10k": ("got10k_runner.runner:Got10k",),
    "trackingnet": ("trackingnet_runner.runner:TrackingNet",),
    "davis": ("davis_runner.runner:Davis",),
}
_SPLITS = {"ope": "zero-based", "got10k": "val", "trackingnet": "TRAIN_0", "davis": "2016/val"}


def _sequences(name: str) -> Callable[[Path], object]:
    return lambda root: _benchmark(name).sequences(root / name, _SPLITS[name])


def _scores(name: str) -> Callable[[Path], object]:
    return lambda root: _benchmark(name).score(root / name, root / f"{name} results", _SPLITS[name])


def _vot(root: Path) -> object:
    return import_module("vot_workspace.layouts").read_dataset(root / "vot")


def _track(root: Path) -> object:
    return import_module("samn_tracker.app.sources").open_source(str(root / "ope/a/img"))


READERS: dict[str, Callable[[Path], object]] = {
    **{f"{name}, sequences": _sequences(name) for name in _CLASSES},
    **{f"{name}, score": _scores(name) for name in _CLASSES},
    "vot, data set": _vot,
    "samn track, folder": _track,
}


def _benchmark(name: str) -> Any:
    for place in _CLASSES[name]:
        module, _, factory = place.partition(":")
        try:
            return getattr(import_module(module), factory)()
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"no {name} here")


def main() -> None:
    """Answer until standard input ends."""
    sys.path.pop(0)  # this file's own folder
    root = Path(sys.argv[1])
    for line in sys.stdin:
        read, count, start = READERS[line.strip()], 0, time.process_time()
        while (seconds := time.process_time() - start) < LEAST:
            read(root)
            count += 1
        print(seconds / count, flush=True)


if __name__ == "__main__":
    main()
