"""Scores of a run in the forms that people and programs read: one JSON object, a CSV table, a printed table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ScoreTable:
    """Scores over all sequences and of each one.

    Attributes:
        benchmark, split: what was scored.
        overall: score name to value; None where it is not defined.
        sequences: the same for every sequence (or object of one), by name.
        curves: curve name to {"x": [...], "y": [...]}.
        notes: sentences that a reader of the numbers has to know.
        attributes: the overall scores of the sequences that have an attribute, by its name and their number.
        part: how many sequences were scored and how many the benchmark has, where those are not all.
        overlaps: IoU of each frame (frames,) of a sequence (or object of one), by name; NaN where a frame does not
            count. For reports; no file has them.
    """

    benchmark: str
    split: str
    overall: Mapping[str, float | None]
    sequences: Mapping[str, Mapping[str, float | None]]
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    part: tuple[int, int] | None = None
    overlaps: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def to_json(self) -> str:
        """One JSON object: the overall scores at the top level, then `sequences`, `curves`, `notes`."""
        content: dict[str, Any] = {"benchmark": self.benchmark, "split": self.split, **self.overall}
        content |= {"sequences": self.sequences, "curves": self.curves, "notes": list(self.notes)}
        if self.attributes:
            content["attributes"] = self.attributes
        if self.part:
            content["partial"] = {"scored": self.part[0], "official": self.part[1]}
        return json.dumps(content, indent=1)

    def to_csv(self) -> str:
        """A header, a row per sequence and attribute, and a last row called `overall`; full precision.

        Where a part of the benchmark was scored, the last row says so: `overall of 37/100`.
        """
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["sequence", *self._columns()])
        for name, scores in self._rows():
            writer.writerow([name, *("" if scores.get(one) is None else repr(scores[one]) for one in self._columns())])
        return stream.getvalue()

    def to_text(self) -> str:
        """The same rows aligned for reading, four decimals, then the notes."""
        columns = self._columns()
        names = [name for name, _ in self._rows()]
        width = max(len(name) for name in ["sequence", *names])
        lines = [f"{'sequence':{width}}  " + "  ".join(f"{one:>{max(len(one), 8)}}" for one in columns)]
        for name, scores in self._rows():
            cells = ("-" if scores.get(one) is None else f"{scores[one]:.4f}" for one in columns)
            lines.append(
                f"{name:{width}}  "
                + "  ".join(f"{cell:>{max(len(one), 8)}}" for cell, one in zip(cells, columns, strict=True))
            )
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)]) + "\n"

    def _columns(self) -> list[str]:
        return list(self.overall)

    def _rows(self) -> list[tuple[str, Mapping[str, float | None]]]:
        attributes = [(f"attribute {name}", scores) for name, scores in self.attributes.items()]
        overall = f"overall of {self.part[0]}/{self.part[1]}" if self.part else "overall"
        return [*self.sequences.items(), *attributes, (overall, self.overall)]
