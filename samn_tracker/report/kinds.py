"""The kinds of results that a report can be made of: who can read some says so here, and the command line asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from samn_tracker.report.model import Report


@dataclass(frozen=True)
class Asked:
    """What a report is asked for.

    Attributes:
        runs: name and place of each, at least one.
        truth: the ground truth, where it was given.
        benchmark, split: as they were named, where they were.
        pictures: how many of the best and of the worst sequences are drawn.
        partial: whether a set that is not complete is scored as far as it is there.
    """

    runs: tuple[tuple[str, Path], ...]
    truth: Path | None = None
    benchmark: str | None = None
    split: str | None = None
    pictures: int = 0
    partial: bool = False


@dataclass(frozen=True)
class Kind:
    """Results of one kind.

    Attributes:
        name: as `--benchmark` has it.
        fits: whether ground truth at a place is of this kind.
        read: the report of results of this kind; raises a `SamnError` where they cannot be read or scored.
    """

    name: str
    fits: Callable[[Path], bool]
    read: Callable[[Asked], Report]


_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind known under its name."""
    _KINDS[kind.name] = kind
    return kind


def kind_of(truth: Path) -> Kind | None:
    """The known kind that ground truth is of, if it is of one."""
    return next((kind for kind in _KINDS.values() if kind.fits(truth)), None)


def kind_named(name: str | None) -> Kind | None:
    """The known kind with this name."""
    return _KINDS.get(name or "")
