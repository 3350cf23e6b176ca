"""The data sets of one-pass evaluation, a few facts each: layout, rule of the scores, official sequences, attributes.

A data set is an entry of DATASETS; what is common to all (readers, results, scores) is elsewhere. Names and frame
ranges are in `official/*.toml`. Where no list of names is known, the number of sequences is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ope_runner import layouts
from ope_runner.layouts import Place

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_OFFICIAL = Path(__file__).parent / "official"

# The orders of the columns are those of the toolkits: UAV123's as its evaluation code lists them (Mueller, Smith and
# Ghanem, ECCV 2016), HengLan/LaSOT_Evaluation_Toolkit, and wangxiao5791509/TNL2K_evaluation_toolkit.
_UAV_ATTRIBUTES = ("SV", "ARC", "LR", "FM", "FOC", "POC", "OV", "BC", "IV", "VC", "CM", "SOB")
_LASOT_ATTRIBUTES = ("IV", "POC", "DEF", "MB", "CM", "ROT", "BC", "VC", "SV", "FOC", "FM", "OV", "LR", "ARC")
_TNL2K_ATTRIBUTES = (
    *("CM", "ROT", "DEF", "FOC", "IV", "OV", "POC", "VC", "SV", "BC", "MB", "ARC", "LR", "FM", "AS", "TC", "MS"),
)


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name, title: as the command line and people write it.
        places: from the data's root to where the parts of each sequence lie, by name; empty where nothing is.
        count: how many sequences it has officially; 0 for folders of your own.
        names: their names, where they are known.
        one_based: its files call the first pixel 1. What the tracker is given is 0-based, what is written is the data
            set's own. No toolkit converts, and no score depends on it.
        rule: of the scores, a key of `metrics.ope.RULES`: what its own toolkit does with frames without a target.
        attributes: the names of the columns of its files of attributes, in order.
        cut: sequences whose published results have frames after the annotated ones, which the toolkit cuts off.
    """

    name: str
    title: str
    places: Callable[[Path], dict[str, Place]]
    count: int = 0
    names: tuple[str, ...] = ()
    one_based: bool = False
    rule: str = "otb"
    attributes: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()

    def missing(self, found: Iterable[str]) -> list[str]:
        """The official sequences that are not among `found`; one line where only their number is known."""
        found = set(found)
        if self.names:
            return [name for name in self.names if name not in found]
        short = self.count - len(found)
        return [f"{short} of {self.count} sequences (their names are not known here)"] if short > 0 else []


def normalised(name: str) -> str:
    """A sequence's name as toolkits may write it: Jogging-1, Jogging_1, jogging.1 and nfs_dog are all one."""
    return re.sub(r"[._]", "-", name.lower()).removeprefix("nfs-")


@cache
def _facts(name: str) -> Mapping[str, Any]:
    return tomllib.loads((_OFFICIAL / f"{name}.toml").read_text(encoding="utf-8"))


def _otb(version: str, title: str) -> DataSet:
    facts = _facts("otb")
    names = tuple(facts[version])
    attributes = {name: tuple(text.split()) for name, text in facts["attributes"].items()}

    def places(root: Path) -> dict[str, Place]:
        return layouts.otb(root, names, facts["frames"], attributes)

    return DataSet(version, title, places, len(names), names, one_based=True)


def _uav(name: str, title: str) -> DataSet:
    parts = {one: tuple(part) for one, part in _facts("uav123")[name].items()}
    return DataSet(
        name,
        title,
        lambda root: layouts.uav123(root, title, parts),
        len(parts),
        tuple(parts),
        one_based=True,
        attributes=_UAV_ATTRIBUTES,
    )


def _lasot(name: str, title: str, cut: tuple[str, ...] = ()) -> DataSet:
    classes: Mapping[str, list[int]] = _facts("lasot")[name]
    names = tuple(f"{one}-{number}" for one, numbers in classes.items() for number in numbers)
    return DataSet(
        name,
        title,
        lambda root: layouts.lasot(root, names),
        len(names),
        names,
        rule="lasot",
        attributes=_LASOT_ATTRIBUTES,
        cut=cut,
    )


def _nfs(rate: int) -> DataSet:
    names = tuple(_facts("nfs")["nfs"])
    return DataSet(f"nfs{rate}", f"NfS {rate}", lambda root: layouts.nfs(root, rate), len(names), names)


def _folders(name: str, one_based: bool) -> DataSet:
    rule = "otb" if one_based else "zero-based"
    return DataSet(name, f"Folders ({name} pixels)", layouts.folders, one_based=one_based, rule=rule)


DATASETS: Mapping[str, DataSet] = {
    one.name: one
    for one in (
        _otb("otb100", "OTB-100"),
        _otb("otb50", "OTB-50"),
        _otb("otb2013", "OTB-2013"),
        _uav("uav123", "UAV123"),
        _uav("uav20l", "UAV20L"),
        _nfs(30),
        _nfs(240),
        _lasot("lasot", "LaSOT", cut=("monkey-17",)),
        _lasot("lasot-ext", "LaSOT extension"),
        DataSet("tc128", "TC128", layouts.tc128, 128, one_based=True),
        DataSet("dtb70", "DTB70", layouts.folders, 70),
        DataSet("tnl2k", "TNL2K", layouts.tnl2k, 700, rule="lasot", attributes=_TNL2K_ATTRIBUTES),
        DataSet("avist", "AVisT", layouts.avist, 120, tuple(_facts("avist")["avist"]), rule="annotated"),
        _folders("one-based", one_based=True),
        _folders("zero-based", one_based=False),
    )
}
"""By name, in the order of `--dataset`."""
