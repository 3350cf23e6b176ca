"""The rules of each VOT challenge that a workspace can have: its stack of the toolkit, and its kind of ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
        several: whether sequences may have several objects, which all begin in the first frame.
        title: of a stack that is written here.
        dataset: where the toolkit downloads the data from, of stacks that are written here.
        realtime: whether a stack that is written here has the real-time experiment, too.
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
    several: bool = False
    title: str = ""
    dataset: str = ""
    realtime: bool = False


_VOTS_DATA = "https://data.votchallenge.net/"


def _vots(title: str, data: str, realtime: bool = False) -> Rules:
    """Stacks of VOTS are one unsupervised experiment with several objects; toolkit 0.7.4 has only some of them."""
    return Rules(
        "",
        "mask",
        absent=True,
        templates="vots",
        several=True,
        dataset=f"{_VOTS_DATA}{data}/description.json",
        realtime=realtime,
        title=title,
    )


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
    "vots2023": _vots("VOTS2023", "vots2023/dataset"),
    "vots2024": _vots("VOTS2024", "vots2023/dataset"),
    "vots2025": _vots("VOTS2025", "vots2023/dataset"),
    "vots2025-realtime": _vots("VOTS2025-RT", "vots2023/dataset", realtime=True),
    "votst2024": _vots("VOTST2024", "vots2024/vost"),
    "votst2025": _vots("VOTST2025", "vots2024/vost"),
    "votst-val": _vots("VOTST validation", "vots2024/vost-val"),
    "demo": Rules("", "polygon", templates="demo"),
    "demo/masks": Rules("", "mask", anchors=True, absent=True, templates="demo/masks"),
}
"""By the name that `--rules` takes."""


def vots_stack(rules: Rules, download: bool) -> dict[str, Any]:
    """The stack of VOTS rules, with analyses for where the truth is at hand; the challenges' own are made by a server.

    The analyses are those of the toolkit's stack of VOTST's validation set, which counts frames with a tag only.

    Args:
        download: whether the toolkit gets the data.
    """
    tagged = {"filter_tag": "evaluation"} if download and rules.title == "VOTST validation" else {}
    quality = {"burnin": 0, "ignore_unknown": False, "weighted": False}
    analyses = [
        {"type": "average_accuracy", "name": "Quality", **quality, **tagged},
        {"type": "longterm_ar", "name": "AR", **tagged},
        {"type": "average_quality_auxiliary", "name": "Auxiliary", **tagged},
    ]
    experiment = {"type": "unsupervised", "repetitions": 1, "multiobject": True}
    experiments = {"baseline": {**experiment, "analyses": analyses}}
    if rules.realtime:
        experiments["realtime"] = {**experiment, "realtime": {"grace": 3}, "analyses": analyses}
    return {"title": rules.title, **({"dataset": rules.dataset} if download else {}), "experiments": experiments}


YEARS = tuple(name for name in RULES if not name.startswith("demo"))
