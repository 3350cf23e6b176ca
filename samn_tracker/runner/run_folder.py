"""A run on disk: result files that count only when they are recorded, and what still has to be done.

    DIR/manifest.json          what made the results: tracker, weights hash, settings, packages, device, dates
    DIR/results/...            the benchmark's own layout, nothing else
    DIR/frames/<sequence>.csv  frame, seconds, confidence, found
    DIR/records/<sequence>.json  configuration, input, and length and hash of each file of the sequence
    DIR/partial/               a sequence in the making; removed when a run starts

The manifest is written before anything else: a folder without one is not ours, and is left alone. A sequence's files
are written below partial/, moved into place when they are complete, and recorded last. Whatever happens before the
record is written, the sequence counts as not done.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from samn_tracker import files
from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.runner.sequences import Sequence

FORMAT = "samn-run-1"
_LONGEST_NAME = 255  # bytes; a file system asked for a longer one raises an error
_MANIFEST = {
    **dict.fromkeys(("benchmark", "split", "configuration", "created", "started"), str),
    **dict.fromkeys(("identity", "sequences"), dict),
}
_RECORD = {"sequence": str, "configuration": str, "input": str, "frames": int, "seconds": (int, float), "files": dict}
_FILE = {"bytes": int, "sha256": str}
TIMING = "seconds of initialize() and track() alone; reading and decoding of images is excluded"


class RunFolder:
    """One run's folder; see the module's header for its layout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = root / "results"

    @property
    def manifest(self) -> dict[str, Any] | None:
        """The manifest, or None where there is none.

        Raises:
            ResultError: it is not readable.
        """
        path = self.root / "manifest.json"
        if not path.is_file():
            return None
        manifest = _read_json(path)
        if manifest is None or manifest.get("format") != FORMAT or not _has(manifest, _MANIFEST):
            raise ResultError(
                f"{path} is damaged or not of format {FORMAT}; choose another folder, or remove {self.root} "
                "to run everything again"
            )
        return manifest

    def start(
        self, benchmark: str, split: str, identity: Mapping[str, Any], sequences: list[Sequence], name: str = ""
    ) -> list[str]:
        """Write the manifest of the run that begins; returns what differs from the run that was here before.

        `name` is what reports call the run; without one it keeps that of before.

        Raises:
            ResultError: the folder holds something else than a run of this benchmark and split.
        """
        before = self.manifest
        if before is None and not self._is_new():
            raise ResultError(f"{self.root} is not empty and not the folder of a run; choose a new folder for --output")
        if before and (before["benchmark"], before["split"]) != (benchmark, split):
            raise ResultError(
                f"{self.root} holds a run of {before['benchmark']} {before['split']}; "
                f"choose another --output for {benchmark} {split}"
            )
        shutil.rmtree(self.root / "partial", ignore_errors=True)
        files.remove_unfinished(self.root)
        now = _now()
        manifest = {
            "format": FORMAT,
            "benchmark": benchmark,
            "split": split,
            "name": name or (before or {}).get("name", ""),
            "configuration": configuration_hash(identity),
            "identity": dict(identity),
            "timing": TIMING,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "created": before["created"] if before else now,
            "started": now,
            "sequences": {sequence.name: len(sequence) for sequence in sequences},
        }
        files.write_atomic(self.root / "manifest.json", json.dumps(manifest, indent=1) + "\n")
        with files.storage(self.results):
            self.results.mkdir(exist_ok=True)
        return _differences(before["identity"], identity) if before else []

    def reason_to_run(self, sequence: Sequence, configuration: str) -> str | None:
        """Why the sequence has to be run, or None if its recorded result is complete and of this configuration."""
        record = _read_record(self._record_path(sequence.name))
        if record is None:
            return "missing"
        if record.get("configuration") != configuration:
            return "made by another configuration"
        try:
            if record.get("input") != sequence.digest():
                return "made from other frames or another first target"
        except DatasetError as error:  # which its run will meet, and no other one
            return str(error)
        return self.damage(sequence.name)

    def damage(self, name: str) -> str | None:
        """What is wrong with the recorded files of a sequence, or None."""
        record = _read_record(self._record_path(name))
        if record is None:
            return "missing"
        for place, facts in record["files"].items():
            path = self.root / place
            if not path.is_file():
                return f"missing: {place}"
            size = path.stat().st_size
            if size != facts["bytes"]:
                return f"{'short' if size < facts['bytes'] else 'damaged'}: {place}"
            if files.sha256(path) != facts["sha256"]:
                return f"damaged: {place}"
        return None

    def workplace(self, name: str) -> Path:
        """An empty folder in which the files of a sequence are made, laid out as below the run's folder."""
        place = self.root / "partial" / name
        shutil.rmtree(place, ignore_errors=True)
        with files.storage(place):
            place.mkdir(parents=True)
        return place

    def commit(self, sequence: Sequence, configuration: str, seconds: float) -> None:
        """Move the finished files of a sequence into place and record them."""
        self._forget(sequence.name)
        names = files.move_into_place(self.root / "partial" / sequence.name, self.root)
        record = {
            "sequence": sequence.name,
            "configuration": configuration,
            "input": sequence.digest(),
            "frames": len(sequence),
            "seconds": round(seconds, 6),
            "finished": _now(),
            "files": {
                name.as_posix(): {
                    "bytes": (self.root / name).stat().st_size,
                    "sha256": files.sha256(self.root / name),
                }
                for name in names
            },
        }
        files.write_atomic(self._record_path(sequence.name), json.dumps(record, indent=1) + "\n")

    def records(self) -> dict[str, dict[str, Any]]:
        """The readable records by sequence name."""
        paths = sorted((self.root / "records").glob("*.json"))
        return {record["sequence"]: record for path in paths if (record := _read_record(path))}

    def _is_new(self) -> bool:
        """Whether nothing is here but what a run leaves that is killed while it writes its first manifest."""
        ours = (".lock", ".manifest.json.*.part")
        return not self.root.is_dir() or all(any(map(path.match, ours)) for path in self.root.iterdir())

    def _forget(self, name: str) -> None:
        """Remove the record first and its files after it, so that a crash in between leaves nothing that counts."""
        path = self._record_path(name)
        record = _read_record(path)
        with files.storage(path):
            path.unlink(missing_ok=True)
            for place in record["files"] if record else ():
                (self.root / place).unlink(missing_ok=True)

    def _record_path(self, name: str) -> Path:
        return self.root / "records" / f"{name}.json"


def configuration_hash(identity: Mapping[str, Any]) -> str:
    """sha256 of a tracker's identity: results with equal hashes were made alike."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def results_folder(path: Path) -> Path:
    """The folder in the benchmark's layout: `path` itself, or its results/ if `path` is the folder of a run.

    Raises:
        ResultError: there is no such folder.
    """
    if not path.exists():
        raise ResultError(f"no results at {path}; check --results")
    return path / "results" if (path / "manifest.json").is_file() else path


def read_places(path: Path) -> list[Path]:
    """What is read of a run's folder, or of a folder of results: files and folders that nothing may be written over."""
    if not (path / "manifest.json").is_file():
        return [path]
    return [path / name for name in ("manifest.json", "results", "frames", "records")]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old} -> {new}")
    return found


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _read_record(path: Path) -> dict[str, Any] | None:
    """The record in a file, or None if it is missing, damaged, or names files outside of the run's folder."""
    record = _read_json(path)
    if record is None or not _has(record, _RECORD):
        return None
    for place, facts in record["files"].items():
        if not _is_inside(place) or not isinstance(facts, dict) or not _has(facts, _FILE):
            return None
    return record


def _has(content: Mapping[str, Any], kinds: Mapping[str, Any]) -> bool:
    return all(isinstance(content.get(key), kind) for key, kind in kinds.items())


def _is_inside(place: str) -> bool:
    path = PurePosixPath(place)
    if not place.isprintable() or len(place) >= 1024 or path.is_absolute() or ".." in path.parts:
        return False
    return all(len(part.encode()) <= _LONGEST_NAME for part in path.parts)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
