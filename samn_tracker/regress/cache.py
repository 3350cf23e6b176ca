"""The folder of cached results: a file a case, and the environment and the reasons that made them.

DIR/manifest.json   environment, and for each update its date and reason
DIR/<case>.json     trajectory, masks and scores
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from samn_tracker.errors import ResultError
from samn_tracker.files import write_atomic
from samn_tracker.regress.record import FORMAT, Record, read_record, save_record


class Cache:
    """Reads and replaces the cached results in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._manifest = root / "manifest.json"

    def names(self) -> list[str]:
        """The cached cases; empty without a cache."""
        return sorted(path.stem for path in self.root.glob("*.json") if path != self._manifest)

    def read(self, case: str) -> tuple[Record, dict[str, float]]:
        """The record and the scores of a case; ResultError as of `read_record`."""
        return read_record(self.root / f"{case}.json")

    @property
    def environment(self) -> dict[str, Any]:
        """What made the cached results.

        Raises:
            ResultError: the manifest is missing or damaged.
        """
        manifest = self._read_manifest()
        if manifest is None:
            raise ResultError(f"no cached results in {self.root}; make them with `samn regress --update --reason TEXT`")
        environment: dict[str, Any] = manifest["environment"]
        return environment

    def write(self, case: str, record: Record, scores: dict[str, float]) -> None:
        """Replace one case."""
        save_record(self.root / f"{case}.json", record, scores)

    def write_manifest(self, environment: Mapping[str, Any], reason: str) -> None:
        """Replace the environment, and add the reason to those of earlier updates."""
        before = self._read_manifest()
        entry = {
            "date": datetime.now(timezone.utc).date().isoformat(),
            "weights_sha256": environment.get("weights_sha256"),
            "reason": reason,
        }
        updates = [*(before["updates"] if before else []), entry]
        content = {"format": FORMAT, "environment": dict(environment), "updates": updates}
        write_atomic(self._manifest, json.dumps(content, indent=1, sort_keys=True) + "\n")

    def _read_manifest(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self._manifest.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise ResultError(f"{self._manifest} is damaged ({error}); restore it from version control") from None
        entries = {"environment": dict, "updates": list}
        if not isinstance(content, dict) or any(not isinstance(content.get(k), kind) for k, kind in entries.items()):
            raise ResultError(f"{self._manifest} is not a regression manifest; restore it from version control")
        return content
