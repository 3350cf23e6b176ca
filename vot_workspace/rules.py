"""The rules of each VOT challenge that a workspace can have: its stack of the toolkit, and its kind of ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

TargetOf = Literal["polygon", "mask", "box"]


@dataclass(frozen=True)
class Rules:
    """One challenge's rules.

    Attributes:
        stack: name of the toolkit's stack; empty where the folder of templates has one of its own.
        target: what its ground truth is. Reset-based years have polygons or boxes; short-term challenges from 2020 on
            begin at anchors, with masks or boxes; long-term ones run once, and have boxes with frames without target.
        anchors: whether runs begin at anchors.
        absent: whether frames may have no target.
        templates: folder here with the `trackers.ini` to begin with.
        without: experiments of the stack that toolkit 0.7.4 cannot run: redetection, whose made-up sequence needs a
            cache that `vot evaluate` does not give it. No score of the challenges is made from it.
    """

    stack: str
    target: TargetOf
    anchors: bool = False
    absent: bool = False
    templates: str = ""
    without: tuple[str, ...] = ()


def _long_term(year: int) -> Rules:
    return Rules(f"vot{year}/longterm", "box", absent=True, templates="boxes", without=("redetection",))


RULES: Mapping[str, Rules] = {
    "vot2016": Rules("vot2016/rgb", "polygon", templates="vot2016"),
    "vot2017": Rules("vot2017", "polygon", templates="vot2018"),
    "vot2018": Rules("vot2018/shortterm", "polygon", templates="vot2018"),
    "vot2019": Rules("vot2019/shortterm", "polygon", templates="vot2019"),
    "vot2020": Rules("vot2020/shortterm", "mask", anchors=True, absent=True, templates="vot2020"),
    "vot2021": Rules("vot2021/shortterm", "mask", anchors=True, absent=True, templates="vot2020"),
    "vot2022": Rules("vot2022/shortterm", "mask", anchors=True, absent=True, templates="vot2020"),
    "vot2022-box": Rules("vot2022/shorttermbox", "box", anchors=True, absent=True, templates="boxes"),
    **{f"vot{year}-longterm": _long_term(year) for year in (2018, 2019, 2020, 2021, 2022)},
    "demo": Rules("", "polygon", templates="demo"),
    "demo/masks": Rules("", "mask", anchors=True, absent=True, templates="demo/masks"),
}
"""By the name that `--rules` takes."""

YEARS = tuple(name for name in RULES if not name.startswith("demo"))
