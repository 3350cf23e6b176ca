"""What to follow: regions from the command line, checked against the first frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.sources import similar
from samn_tracker.errors import RegionError, SamnError
from samn_tracker.runner.object_map import read_objects
from samn_tracker.shapes.points import Points, points_from_text
from samn_tracker.shapes.regions import as_target

Region = NDArray[Any] | Points


@dataclass(frozen=True)
class Targets:
    """The objects to follow.

    Attributes:
        regions: id -> checked box (4,), polygon (n, 2), mask (H, W) or points, in rising order of ids.
        labels: (H, W) uint8, where all objects came as one label map; else None.
    """

    regions: dict[int, Region]
    labels: NDArray[np.uint8] | None = None


def targets_from_text(
    boxes: list[str], polygons: list[str], masks: list[str], shape: tuple[int, int], points: list[str]
) -> Targets:
    """Targets from "x,y,w,h" boxes, "x1,y1,x2,y2,..." polygons, points and mask files, numbered from 1 in this order.

    All points, "x,y", "x,y,+" or "x,y,-", are of one object. A single mask file keeps its own ids; what counts as one
    object and what as void is said in `runner/object_map.py`.

    Raises:
        RegionError: lists every region that is malformed, empty or outside the frame.
    """
    faults: list[str] = []
    found: list[Region] = []
    for text in boxes:
        _collect(found, faults, f"--box {text}", _numbers(text, 4), shape, "x,y,w,h, for instance --box 310,120,80,60")
    for text in polygons:
        values = _numbers(text, None)
        corners = values.reshape(-1, 2) if values is not None and len(values) >= 6 and len(values) % 2 == 0 else None
        _collect(found, faults, f"--polygon {text}", corners, shape, "x1,y1,x2,y2,x3,y3,... of at least three corners")
    if points:
        try:
            clicks = points_from_text(points)
            clicks.check_inside(shape)
            found.append(clicks)
        except RegionError as error:
            faults.append(f"--point: {error}")
    maps = [labels for text in masks if (labels := _label_map(Path(text), shape, faults)) is not None]
    if faults:
        raise RegionError("; ".join(faults))
    if len(maps) == 1 and not found:
        return targets_from_labels(maps[0])
    found += [region for labels in maps for region in targets_from_labels(labels).regions.values()]
    return Targets(dict(enumerate(found, start=1)))


def targets_from_labels(labels: NDArray[np.uint8]) -> Targets:
    """Every id of a label map (H, W)."""
    ids = [int(one) for one in np.unique(labels) if one]
    return Targets({one: (labels == one).astype(np.uint8) for one in ids}, labels if len(ids) > 1 else None)


def _collect(
    found: list[Region],
    faults: list[str],
    option: str,
    region: NDArray[np.float64] | None,
    shape: tuple[int, int],
    form: str,
) -> None:
    """Add the checked region, or the fault."""
    if region is None:
        faults.append(f"{option} is not {form}")
        return
    try:
        found.append(as_target(region, shape))
    except RegionError as error:
        faults.append(f"{option}: {error}")


def _numbers(text: str, count: int | None) -> NDArray[np.float64] | None:
    try:
        values = np.array([float(part) for part in text.replace(" ", ",").split(",") if part], dtype=np.float64)
    except ValueError:
        return None
    return values if count is None or len(values) == count else None


def _label_map(path: Path, shape: tuple[int, int], faults: list[str]) -> NDArray[np.uint8] | None:
    if not path.is_file():
        faults.append(f"there is no file --mask {path}{similar(path)}; give an indexed PNG of the first frame's size")
        return None
    try:
        labels = read_objects(path)
        as_target(labels, shape)
    except SamnError as error:
        faults.append(f"--mask {path}: {error}")
        return None
    return labels
