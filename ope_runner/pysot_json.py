"""pysot's JSON files of data sets (OTB100.json, UAV123.json, LaSOT.json ...) as truth, with attributes.

    {"Basketball": {"video_dir": ..., "init_rect": [x, y, w, h], "img_names": [...], "gt_rect": [[x, y, w, h], ...],
                    "attr": ["IV", ...], "absent": [1, 1, 0, ...]}, ...}

`absent` is 1 where the target is in view, in spite of its name. Images are relative to the file's folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ope_runner.video import Truth
from samn_tracker.errors import DatasetError
from samn_tracker.runner.frames import is_there, listed, visible
from samn_tracker.runner.truth import decode_text, is_plain_name

_SHOWN = 60
_SETS = {
    "otb100": "otb100",
    "otb50": "otb50",
    "cvpr13": "otb2013",
    "otb2013": "otb2013",
    "uav123": "uav123",
    "uav20l": "uav20l",
    "nfs30": "nfs30",
    "nfs": "nfs30",
    "nfs240": "nfs240",
    "lasot": "lasot",
    "lasot-ext": "lasot-ext",
    "tc128": "tc128",
    "dtb70": "dtb70",
    "tnl2k": "tnl2k",
    "avist": "avist",
}


def json_of(path: Path) -> Path | None:
    """The JSON file that `path` is, or the only one of a known name in the folder `path`; None if there is none."""
    if path.suffix == ".json":
        return path
    found = [one for one in visible(path.glob("*.json")) if dataset_of(one)]
    return found[0] if len(found) == 1 else None


def dataset_of(path: Path) -> str | None:
    """The data set that the file's name says, as in `--dataset`; None for other names."""
    return _SETS.get(path.stem.lower().replace("_", "-"))


def read_entries(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The sequences of the file by name.

    Raises:
        DatasetError: it is not such a file.
    """
    try:
        content = json.loads(decode_text(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read as JSON ({error})") from None
    if not isinstance(content, dict) or not all(isinstance(one, dict) and "gt_rect" in one for one in content.values()):
        raise DatasetError(f"{path} is not one of pysot's files of a data set: every sequence needs a gt_rect")
    if strange := [name[:_SHOWN] for name in content if not is_plain_name(name)]:
        raise DatasetError(f"{path} has names of sequences that are paths: {listed(strange)}")
    return content


def truth_of(name: str, entry: Mapping[str, Any]) -> Truth:
    """The truth of one sequence.

    Raises:
        DatasetError: its boxes or flags are malformed.
    """
    try:
        boxes = np.array(entry["gt_rect"], dtype=np.float64)
        seen = np.array(entry.get("absent", [1] * len(boxes)), dtype=np.float64)
        attributes = tuple(str(one) for one in entry.get("attr", ()))
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{name} is malformed: {error}") from None
    if boxes.ndim != 2 or boxes.shape[1] != 4 or seen.shape != boxes.shape[:1]:
        raise DatasetError(f"{name} is malformed: gt_rect must be rows of x, y, w, h, and absent a number for each")
    return Truth(boxes, seen == 0, attributes)


def frames_of(name: str, entry: Mapping[str, Any], root: Path) -> tuple[Path, ...]:
    """The images of one sequence, below `root`.

    Raises:
        DatasetError: some are not there, or their number is not that of the boxes.
    """
    paths = tuple(root / str(one) for one in entry.get("img_names", ()))
    missing = [path for path in paths if not is_there(path)]
    if missing or not paths:
        raise DatasetError(
            f"{name}: {len(missing)} of {len(paths)} images are not below {root}, the first is {paths[:1]}"
        )
    if len(paths) != len(entry["gt_rect"]):
        raise DatasetError(f"{name} has {len(paths)} images and {len(entry['gt_rect'])} boxes")
    return paths
