"""What VOT results say of single frames: one trajectory of each sequence with its confidences and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.images import read_image
from samn_tracker.report.model import Clip
from samn_tracker.report.thumbnails import LINE, Picture
from samn_tracker.shapes.overlay import Colour, colour_of, draw_polygon, outline_mask, tint_mask
from samn_tracker.shapes.polygons import polygon_to_mask
from samn_tracker.shapes.regions import box_to_polygon, mask_iou
from vot_workspace.overlaps import overlaps
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import FAILURE, UNKNOWN, MaskPart, Region, read_trajectory, read_values

FloatArray = NDArray[np.float64]

_SUFFIXES = (".bin", ".txt")
_ANCHOR_DIGITS = 8


@dataclass(frozen=True, eq=False)
class Shown:
    """The first trajectory of a sequence: regions by frame of the sequence, and what was noted beside them.

    Attributes:
        regions: the codes of starts, failures and skipped frames are left out.
        failures: frames of the sequence in which the tracker failed.
        confidence: (frames,) NaN where nothing was said.
        seconds: of each frame in `regions`; empty without a file of times.
    """

    regions: Mapping[int, Region]
    confidence: FloatArray
    seconds: FloatArray
    failures: tuple[int, ...] = ()


def read_shown(folder: Path, sequences: Sequence[SourceSequence]) -> dict[str, Shown]:
    """By sequence name, from the folder of an experiment; those without a result, or of several objects, are left out.

    Raises:
        ResultError: a file is damaged.
    """
    found = {}
    for sequence in sequences:
        named = {path for path in (folder / sequence.name).glob(f"{sequence.name}_[0-9]*") if path.suffix in _SUFFIXES}
        if named and not sequence.tracked:
            found[sequence.name] = _read(min(named), sequence)
    return found


def _read(path: Path, sequence: SourceSequence) -> Shown:
    first, step = _beginning(path, sequence)
    trajectory = read_trajectory(path)
    regions = {index: one for index, one in enumerate(trajectory) if not isinstance(one, int)}
    codes = {index: one for index, one in enumerate(trajectory) if isinstance(one, int)}
    failures = tuple(first + step * index for index, code in codes.items() if code == FAILURE)
    noted, seconds = (_values(path.with_name(f"{path.stem}_{kind}.value")) for kind in ("confidence", "time"))
    confidence = np.full(len(sequence), np.nan)
    for index in regions:
        confidence[first + step * index] = noted[index] if index < len(noted) else np.nan
    timed = [seconds[index] for index in regions if index < len(seconds)]
    by_frame = {first + step * index: region for index, region in regions.items()}
    return Shown(by_frame, confidence, np.array(timed, dtype=np.float64), failures)


def _beginning(path: Path, sequence: SourceSequence) -> tuple[int, int]:
    """First frame and step of a trajectory: an anchor's number has eight digits, and leads forward or backward."""
    number = path.stem.rpartition("_")[2]
    if len(number) != _ANCHOR_DIGITS:
        return 0, 1
    frame = int(number)
    return frame, -1 if sequence.anchors and sequence.anchors[frame] < 0 else 1


def _values(path: Path) -> FloatArray:
    """The numbers of a `.value` file, NaN on empty lines; none where there is no file."""
    return np.array(read_values(path) if path.is_file() else [], dtype=np.float64)


def frames_per_second(shown: Mapping[str, Shown]) -> float | None:
    """Over all frames that have a region and a time; frames in which a tracker starts have no region."""
    seconds = np.concatenate([one.seconds for one in shown.values()] or [np.zeros(0)])
    return len(seconds) / float(seconds.sum()) if np.nansum(seconds) > 0 else None


def confidences(shown: Mapping[str, Shown]) -> dict[str, FloatArray]:
    """Confidence (frames,) by sequence; nothing if the tracker says the same in every frame."""
    known = {name: one.confidence for name, one in shown.items() if np.isfinite(one.confidence).any()}
    values = np.concatenate([one[np.isfinite(one)] for one in known.values()] or [np.zeros(0)])
    return known if len(np.unique(values)) > 1 else {}


def mask_overlaps(shown: Shown, sequence: SourceSequence) -> FloatArray:
    """(frames,) overlap of the trajectory's masks with those of the ground truth; NaN where there is one at most."""
    shape = sequence.size[::-1]
    values = np.full(len(sequence.groundtruth), np.nan)
    for frame, region in enumerate(sequence.groundtruth):
        if frame in shown.regions and not isinstance(region, int):
            values[frame] = mask_iou(_mask(shown.regions[frame], shape), _mask(region, shape))
    return values


def polygon_overlaps(shown: Shown, sequence: SourceSequence) -> FloatArray:
    """(frames,) overlap as pysot measures it; 0 in failures, NaN where the tracker did not run."""
    width, height = sequence.size
    answers = [shown.regions.get(frame, UNKNOWN) for frame in range(len(sequence.groundtruth))]
    values = overlaps(answers, sequence.groundtruth, (width - 1, height - 1))
    values[list(shown.failures)] = 0.0
    return values


def mean_overlap(values: FloatArray) -> float | None:
    """The mean over the frames that have an overlap; None if none has."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def clips(shown: Mapping[str, Shown], sequences: Sequence[SourceSequence]) -> Callable[[str], Clip]:
    """The clip of each sequence, of the frames that have a region; of none where there are no images."""
    by_name = {one.name: one for one in sequences}

    def clip_of(name: str) -> Clip:
        images = by_name[name].frames
        frames = sorted(frame for frame in shown[name].regions if frame < len(images))
        mark = partial(_mark, by_name[name].size[::-1], shown[name].regions)
        return Clip(frames, lambda frame: read_image(images[frame]), mark)

    return clip_of


def _mark(
    shape: tuple[int, int],
    regions: Mapping[int, Region],
    canvas: Picture,
    scale: float,
    frame: int,
    colour: Colour | None,
) -> None:
    region = regions[frame]
    if not isinstance(region, MaskPart):
        draw_polygon(canvas, _corners(region) * scale, colour or colour_of(1), LINE)
        return
    mask = cv2.resize(_mask(region, shape), canvas.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    if colour is None:
        tint_mask(canvas, np.asarray(mask, dtype=np.uint8), colour_of(1))
    else:
        outline_mask(canvas, np.asarray(mask, dtype=np.uint8), colour, LINE)


def _mask(region: Region, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The region as a mask (H, W) of 0 and 1."""
    if not isinstance(region, MaskPart):
        return polygon_to_mask(_corners(region), shape)
    whole = np.zeros(shape, dtype=np.uint8)
    left, top = region.offset
    part = region.mask[: shape[0] - top, : shape[1] - left]
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole


def _corners(region: Region) -> FloatArray:
    """(n, 2) corners of a box or polygon."""
    assert isinstance(region, np.ndarray)
    return box_to_polygon(region) if region.shape == (4,) else region
