"""Results of other toolkits: flat files NAME.txt under any spelling of the name, or GOT-10k's NAME/NAME_001.txt.

ours, pysot    Jogging-1.txt, jogging_1.txt     x,y,w,h
pytracking     Jogging_1.txt, nfs_dog.txt       x<tab>y<tab>w<tab>h, and NAME_time.txt
got10k         Jogging.1.txt, times/            x,y,w,h
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ope_runner.datasets import normalised
from samn_tracker.errors import ResultError
from samn_tracker.runner.frames import visible
from samn_tracker.runner.layout import read_results


class ResultFiles:
    """The files of boxes in one folder, by sequence."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        flat = [path for path in visible(folder.glob("*.txt")) if not path.stem.endswith("_time")]
        nested = [path for path in visible(folder.glob("*/*_001.txt")) if path.stem == f"{path.parent.name}_001"]
        self._twice = {path.stem for path in flat} & {path.parent.name for path in nested}
        self._exact = {path.stem: path for path in flat} | {path.parent.name: path for path in nested}
        self._spelled: dict[str, list[Path]] = {}
        for name, path in self._exact.items():
            self._spelled.setdefault(normalised(name), []).append(path)

    def path(self, name: str) -> Path:
        """The file of the sequence called `name`.

        Raises:
            ResultError: there is none, or several: in both layouts, or different in the spelling of the name only.
        """
        if name in self._twice:
            raise ResultError(f"{name}.txt and {name}/{name}_001.txt are both there; keep one of them")
        if name in self._exact:
            return self._exact[name]
        # Of Human4 one target is annotated, and toolkits leave its number out.
        spellings = [normalised(name), *([normalised(name.removesuffix("-2"))] if name == "Human4-2" else [])]
        for spelled in spellings:
            found = self._spelled.get(spelled, [])
            if len(found) > 1:
                raise ResultError(f"{name} may be {' or '.join(path.name for path in found)}; keep one of them")
            if found:
                return found[0]
        raise ResultError(f"{name}.txt is missing")

    def boxes(self, name: str, rows: int, cut: Iterable[str] = ()) -> NDArray[np.float64]:
        """(rows, 4) boxes of a sequence; of those in `cut`, rows after the last are left out.

        Raises:
            ResultError: the file is missing, too short or too long, or has values that are not numbers.
        """
        return read_results(self.path(name), rows, longer=name in cut)
