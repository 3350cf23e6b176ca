"""SA-V's validation and test set (Ravi et al., SAM 2, 2024): one mask an object and file, for objects may overlap.

    DATA/sav_val/sav_val.txt                                       names of the videos
    DATA/sav_val/JPEGImages_24fps/<video>/00000.jpg                every frame
    DATA/sav_val/Annotations_6fps/<video>/<object>/00000.png       every fourth frame; object 000, 001, ...
    RESULTS/<video>/<object>/00000.png                             0 and 1

Layout and scores as in `sav_dataset` of facebookresearch/sam2: J and F of each object over its annotated frames but the
first and the last, from the frame on in which truth or answer show it; all objects weigh alike. Our trackers answer
label maps, in which no two objects overlap: where given masks do, the smaller object has the pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.runner.frames import folders, read_frames, visible
from samn_tracker.runner.label_png import read_labels
from samn_tracker.runner.mask_pairs import pair_by_number, require_same_size
from samn_tracker.runner.metrics import davis as metrics
from samn_tracker.runner.object_map import read_objects
from samn_tracker.runner.sequences import Sequence
from samn_tracker.runner.truth import read_names

IMAGES, ANNOTATIONS = "JPEGImages_24fps", "Annotations_6fps"


def video_names(root: Path) -> list[str]:
    """Those of the list that is named as the folder, sav_val.txt; without it the folders of annotations.

    Raises:
        DatasetError: there are none.
    """
    lists = list(visible(root.glob("*.txt")))
    if lists:
        return read_names(lists[0])
    names = [path.name for path in folders(root / ANNOTATIONS)]
    if not names:
        raise DatasetError(f"no list of videos in {root} and no {ANNOTATIONS}/<video>; check the folder and --split")
    return names


def read_sequence(root: Path, name: str) -> Sequence:
    """One video; each object begins in the first of its annotations that shows it.

    Raises:
        DatasetError: no object, or masks of frames that are not there.
    """
    frames = read_frames(root / IMAGES / name)
    masks: dict[int, dict[int, Path]] = {}
    for one, folder in _objects(root / ANNOTATIONS / name).items():
        for index, path in pair_by_number(frames, read_frames(folder).paths).items():
            masks.setdefault(index, {})[one] = path
    return Sequence(name, frames.paths, masks=dict(sorted(masks.items())))


def score_video(annotations: Path, results: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """J and F of every object, VIDEO_OBJECT, by the name of the frame.

    Raises:
        ResultError: an answer is missing.
        ImageError: one is no mask, or of another size.
    """
    scored = {}
    for folder in _objects(annotations).values():
        frames: dict[str, tuple[float, float]] = {}
        begun = False
        for path in read_frames(folder).paths[1:-1]:
            answer = results / folder.name / f"{path.stem}.png"
            if not answer.is_file():
                raise ResultError(f"{annotations.name}/{folder.name}/{path.stem}.png is missing")
            truth, result = read_objects(path, single=True), read_labels(answer)
            require_same_size(truth, result, answer)
            begun = begun or bool(truth.any() or result.any())
            if begun:
                frames[path.stem] = metrics.region_and_contour(truth, (result > 0).astype(truth.dtype))
        if frames:
            scored[f"{annotations.name}_{folder.name}"] = frames
    return scored


def _objects(folder: Path) -> Mapping[int, Path]:
    """The folders of objects by id, which is one more than their name says."""
    found = {int(one.name) + 1: one for one in folders(folder) if one.name.isdecimal()}
    if not found:
        raise DatasetError(f"no folder of an object (000, 001, ...) in {folder}")
    if max(found) >= 255:
        raise DatasetError(f"{folder} has the object {max(found) - 1}; label maps hold ids up to 254")
    return found
