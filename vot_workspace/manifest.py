"""No mixing of results: the manifest and the seals beside them.

The manifest says how a tracker's results are made. The seals are fingerprints of the trajectories that a run has left,
so that one which was changed, or put there from elsewhere, is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from samn_tracker.errors import ResultError
from samn_tracker.files import fingerprint, sha256, write_atomic
from samn_tracker.runner.trackers import describe_tracker
from samn_tracker.trax.options import Options
from vot_workspace.trajectory import SUFFIXES
from vot_workspace.workspace import Workspace, environment_of

NAME, SEALS = "manifest.json", "seals.json"


def describe(workspace: Workspace, tracker: str) -> dict[str, Any]:
    """Everything that decides a tracker's results in a workspace, ready for JSON.

    For a tracker behind our TraX server that is its weights, code, settings and packages; for another one its entry in
    trackers.ini. Then the experiments, and the ground truth and the pictures of every sequence.
    """
    entry = workspace.tracker(tracker)
    if "samn_tracker.trax.server" in entry.get("command", ""):
        options = Options().updated(environment_of(entry), prefix="SAMN_")
        identity = describe_tracker(options.tracker, options.device, options.overrides)
        identity["reply"] = options.reply
    else:
        identity = {name: value for name, value in entry.items() if name not in ("label", "timeout")}
    description = {
        "tracker": identity,
        "experiments": [asdict(experiment) for experiment in workspace.experiments],
        "sequences": {name: _hash(workspace.sequence_folder / name) for name in workspace.names},
        "pictures": {name: fingerprint(sequence.frames) for name, sequence in workspace.sequences.items()},
    }
    return json.loads(json.dumps(description))


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in (folder / "groundtruth.txt", *sorted(folder.glob("groundtruth_*.txt")), folder / "anchor.value"):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def claim(results: Path, description: Mapping[str, Any], adopt: bool = False) -> None:
    """Write the manifest beside new results, or make sure that what is there was made the same way.

    Raises:
        ResultError: results of another configuration, or without a manifest (unless `adopt`).
    """
    path = results / NAME
    if path.is_file():
        found = _read(path)
        if isinstance(found, dict) and "pictures" not in found:  # written before pictures were told
            description = {key: value for key, value in description.items() if key != "pictures"}
        kept = any(any(results.rglob(f"*{suffix}")) for suffix in SUFFIXES)
        differences = _differences(found, description)
        if differences and kept:
            raise ResultError(
                f"{results} was made by another configuration ({'; '.join(differences)}); keep it under another "
                "tracker name, or give --restart to delete it"
            )
        if not differences:
            return
    if not adopt and any(any(results.rglob(f"*{suffix}")) for suffix in SUFFIXES):
        raise ResultError(
            f"{results} does not say how it was made (no {NAME}); give --adopt to go on with it, or --restart to "
            "delete it"
        )
    write_atomic(path, (json.dumps(description, indent=1) + "\n").encode())


def seal(results: Path) -> None:
    """Write down the fingerprint of every trajectory that has none yet."""
    found = sorted(path for suffix in SUFFIXES for path in results.glob(f"*/*/*{suffix}"))
    seals = read_seals(results)
    added = {_key(path, results): path for path in found if _key(path, results) not in seals}
    _write_seals(results, seals | {key: sha256(path) for key, path in added.items()})


def break_seals(results: Path, paths: Iterable[Path]) -> None:
    """Forget the fingerprints of trajectories that are made again."""
    broken = {_key(path, results) for path in paths}
    _write_seals(results, {key: value for key, value in read_seals(results).items() if key not in broken})


def _write_seals(results: Path, seals: Mapping[str, str]) -> None:
    write_atomic(results / SEALS, (json.dumps(seals, indent=1) + "\n").encode())


def _key(path: Path, results: Path) -> str:
    return path.relative_to(results).as_posix()


def read_seals(results: Path) -> dict[str, str]:
    """The fingerprints by path relative to `results`; empty where no run has ended yet.

    Raises:
        ResultError: unreadable.
    """
    path = results / SEALS
    found = _read(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise ResultError(f"{path} is not a table of fingerprints; remove it to accept the results beside it")
    return found


def is_sealed(path: Path, results: Path, seals: Mapping[str, str]) -> bool:
    """Whether a trajectory is as its run left it; so is one that no run has sealed (the toolkit made it by hand)."""
    fingerprint = seals.get(_key(path, results))
    return fingerprint is None or fingerprint == sha256(path)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ResultError(
            f"{path} cannot be read ({error}); remove it and give --adopt to go on with the results beside it, or "
            "--restart to delete them"
        ) from None


def _differences(found: Any, wanted: Any, name: str = "") -> list[str]:
    """The leaves that differ, as `a.b: was 1, is 2`."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = [*found, *(key for key in wanted if key not in found)]
        return [
            text for key in keys for text in _differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if found == wanted else [f"{name}: was {found}, is {wanted}"]
