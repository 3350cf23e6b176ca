"""pysot's VOT20xx.json: sequences with their ground truth, beside the sequences' folders or without them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samn_tracker.errors import DatasetError
from samn_tracker.images import read_image
from samn_tracker.runner.frames import is_there
from samn_tracker.runner.truth import decode_text
from vot_workspace.source_sequence import SourceSequence, checked_size, find_frames
from vot_workspace.trajectory import parse_region

PYSOT_TAGS = ("camera_motion", "illum_change", "motion_change", "size_change", "occlusion")


def pysot_index(source: Path) -> Path | None:
    """The index in a data folder, if there is one.

    Raises:
        DatasetError: there are several.
    """
    found = sorted(source.glob("VOT20*.json"))
    if len(found) > 1:
        raise DatasetError(f"{source} has {', '.join(p.name for p in found)}; give the path of one of them")
    return found[0] if found else None


def read_index(path: Path) -> dict[str, Any]:
    """The entries of an index by sequence name.

    Raises:
        DatasetError: it cannot be read, or is something else.
    """
    try:
        content = json.loads(decode_text(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is not an index of sequences; it must be an object with a name for each")
    return content


def read_pysot(name: str, entry: Mapping[str, Any], root: Path) -> SourceSequence:
    """A sequence of pysot's index; images that are not on disk are left out, all or none.

    Raises:
        DatasetError: a part of the images is missing, or nothing says the size.
        ResultError: a region is malformed; other errors come from values of a wrong kind.
    """
    frames = [root / path for path in entry.get("img_names", [])]
    if not frames and (root / name).is_dir():
        frames = list(find_frames(root / name))
    present = [path for path in frames if is_there(path)]
    if present and len(present) != len(frames):
        raise DatasetError(f"{name}: {len(frames) - len(present)} of {len(frames)} images are missing under {root}")
    groundtruth = [parse_region(",".join(map(str, values))) for values in entry["gt_rect"]]
    if frames and len(frames) != len(groundtruth):
        raise DatasetError(f"{name} has {len(frames)} images and {len(groundtruth)} rows of ground truth")
    if "width" in entry:
        size = checked_size(int(entry["width"]), int(entry["height"]), name)
    elif present:
        height, width = read_image(present[0]).shape[:2]
        size = (width, height)
    else:
        raise DatasetError(f"{name} has neither images under {root} nor width and height in the index")
    tags = {tag: [bool(value) for value in entry[tag]] for tag in PYSOT_TAGS if entry.get(tag)}
    return SourceSequence(name, present, groundtruth, size, tags=tags)
