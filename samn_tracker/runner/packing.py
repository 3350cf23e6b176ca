"""Zip archives that a benchmark's server accepts; equal results give equal bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from samn_tracker.errors import ResultError
from samn_tracker.files import atomic
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.frames import listed_lines
from samn_tracker.runner.lint import FolderSource
from samn_tracker.runner.run_folder import RunFolder, results_folder

_EARLIEST = (1980, 1, 1, 0, 0, 0)


def pack(benchmark: Benchmark, results: Path, data: Path | None, split: str, output: Path) -> int:
    """Lint `results` and write the archive; returns the number of files in it.

    Args:
        results: the folder of a run, or a folder in the benchmark's layout.
        data: the benchmark's data, where its rules need them.
        output: the archive; written whole or not at all.

    Raises:
        ResultError: there are faults, of the results or of a run's record of them; nothing is written.
    """
    folder = results_folder(results)
    source = FolderSource(folder)
    faults = [str(fault) for fault in benchmark.lint(source, data, split)]
    if folder != results:
        faults += _damage(RunFolder(results))
    if faults:
        raise ResultError(f"not packed, {len(faults)} faults, see lint:{listed_lines(faults)}")
    names = source.names()
    with atomic(output) as stream:
        _write(stream, source, names)
    return len(names)


def _damage(run: RunFolder) -> list[str]:
    recorded = {name: run.damage(name) for name in run.records()}
    return [f"{name}: {fault}; run the same command again" for name, fault in recorded.items() if fault]


def _write(stream: IO[bytes], source: FolderSource, names: list[str]) -> None:
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read(name))
