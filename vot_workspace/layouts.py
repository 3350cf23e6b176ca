"""Sequences from a data folder, in any layout in use.

- the toolkit's own: `<seq>/sequence`, `<seq>/color/%08d.jpg`, `groundtruth.txt`, `*.tag`, `*.value`;
- flat, 2016 to 2019: images in `<seq>/` beside `groundtruth.txt`;
- pysot's: a `VOT20xx.json` beside (or without) the sequences' folders;
- boxes: `<seq>/img/` and `groundtruth_rect.txt`, or GOT-10k's images beside `groundtruth.txt`;
- masks: `<seq>/img/` and `<seq>/mask/*.png`.

A `list.txt` names the sequences and their order; without one every folder that has a ground truth is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.images import read_image
from vot_workspace.trajectory import MaskPart, Region, parse_region

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
IMAGE_FOLDERS = ("color", "img", "imgs")
GROUNDTRUTH_FILES = ("groundtruth.txt", "groundtruth_rect.txt")
PYSOT_TAGS = ("camera_motion", "illum_change", "motion_change", "size_change", "occlusion")


@dataclass(frozen=True)
class SourceSequence:
    """One sequence of a data folder.

    Attributes:
        frames: image files in order; empty where only the ground truth is at hand (scoring needs no more).
        groundtruth: one region a frame, or fewer where the last frames are not annotated.
        size: width, height.
        tags: for each tag, one truth value a frame.
        anchors: one number a frame, positive to track forward from there, negative backward; empty if not given.
    """

    name: str
    frames: list[Path]
    groundtruth: list[Region]
    size: tuple[int, int]
    fps: int = 30
    tags: Mapping[str, list[bool]] = field(default_factory=dict)
    anchors: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.frames) or len(self.groundtruth)


def read_dataset(source: Path, names: Iterable[str] | None = None) -> list[SourceSequence]:
    """Every sequence (or those in `names`) of a folder in one of the layouts above, or of a `VOT20xx.json`.

    Raises:
        DatasetError: no sequence found, or faults in sequences: all of them are listed.
    """
    readers = _readers(source)
    wanted = list(readers) if names is None else list(names)
    faults = [f"no sequence '{name}' in {source}" for name in wanted if name not in readers]
    faults += [f"the sequence's name '{name}' is a path; rename it" for name in readers if Path(name).name != name]
    sequences = []
    for name in wanted:
        try:
            with _naming_malformed(name):
                sequences += [readers[name]()] if name in readers else []
        except (DatasetError, ResultError) as error:
            faults.append(str(error))
    if not wanted:
        faults.append(f"no sequences in {source}; expected folders with groundtruth.txt or mask/, or a VOT20xx.json")
    if faults:
        raise DatasetError("; ".join(faults))
    return sequences


@contextmanager
def _naming_malformed(name: str) -> Iterator[None]:
    """What a malformed file makes a reader raise becomes a DatasetError that names the sequence."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise DatasetError(f"{name} is malformed ({type(error).__name__}: {error})") from None


def _readers(source: Path) -> dict[str, Callable[[], SourceSequence]]:
    """For each sequence of the source, in order, what reads it."""
    index = source if source.suffix == ".json" else _pysot_index(source)
    if index is None:
        return {folder.name: partial(read_folder, folder) for folder in _sequence_folders(source)}
    return {name: partial(_read_pysot, name, entry, index.parent) for name, entry in _load_json(index).items()}


def _load_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path} is not an index of sequences; it must be an object with a name for each")
    return content


def _pysot_index(source: Path) -> Path | None:
    found = sorted(source.glob("VOT20*.json"))
    if len(found) > 1:
        raise DatasetError(f"{source} has {', '.join(p.name for p in found)}; give the path of one of them")
    return found[0] if found else None


def _sequence_folders(source: Path) -> list[Path]:
    if not source.is_dir():
        raise DatasetError(f"no data folder {source}")
    listing = source / "list.txt"
    if listing.is_file():
        return [source / name for name in listing.read_text(encoding="utf-8").split()]
    if _has_groundtruth(source):
        return [source]
    return sorted(folder for folder in source.iterdir() if folder.is_dir() and _has_groundtruth(folder))


def _has_groundtruth(folder: Path) -> bool:
    return (folder / "mask").is_dir() or any((folder / name).is_file() for name in GROUNDTRUTH_FILES)


def read_folder(folder: Path) -> SourceSequence:
    """The sequence in one folder, in any layout but pysot's.

    Raises:
        DatasetError: no ground truth, no images and no declared size, lengths that do not fit, or a malformed file.
    """
    with _naming_malformed(str(folder)):
        return _read_folder(folder)


def _read_folder(folder: Path) -> SourceSequence:
    if not _has_groundtruth(folder):
        raise DatasetError(f"{folder} has no groundtruth.txt, groundtruth_rect.txt or mask/; is the sequence there?")
    properties = _read_properties(folder / "sequence")
    frames = _find_frames(folder)
    if (folder / "mask").is_dir() and not any((folder / name).is_file() for name in GROUNDTRUTH_FILES):
        groundtruth: list[Region] = [_read_mask(path) for path in _images_in(folder / "mask")]
    else:
        groundtruth = _read_groundtruth(folder)
    length = len(frames) or int(properties.get("length", len(groundtruth)))
    if len(groundtruth) > length or not groundtruth:
        raise DatasetError(f"{folder} has {length} images and {len(groundtruth)} ground-truth rows; one a frame needed")
    anchors = folder / "anchor.value"
    return SourceSequence(
        folder.name,
        frames,
        groundtruth,
        _image_size(folder, frames, properties),
        int(float(properties.get("fps", 30))),
        {path.stem: _read_tag(path) for path in sorted([*folder.glob("*.tag"), *folder.glob("*.label")])},
        [float(line) for line in anchors.read_text().split()] if anchors.is_file() else [],
    )


def _read_properties(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines if "=" in line)}


def _images_in(folder: Path) -> list[Path]:
    """Image files, in the order of the numbers in their names."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found, key=lambda path: ([int(part) for part in re.findall(r"\d+", path.stem)], path.name))


def _find_frames(folder: Path) -> list[Path]:
    for name in IMAGE_FOLDERS:
        if (folder / name).is_dir():
            return _images_in(folder / name)
    return _images_in(folder)


def _read_groundtruth(folder: Path) -> list[Region]:
    path = next(folder / name for name in GROUNDTRUTH_FILES if (folder / name).is_file())
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [parse_region(re.sub(r"[\s,;]+", ",", line)) for line in lines]


def _read_mask(path: Path) -> MaskPart:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DatasetError(f"{path} is not a readable mask")
    mask = image if image.ndim == 2 else image[..., :3].max(axis=2)
    return MaskPart((0, 0), (mask != 0).astype(np.uint8))


def _read_tag(path: Path) -> list[bool]:
    return [line.strip() == "1" for line in path.read_text(encoding="utf-8").splitlines()]


def _image_size(folder: Path, frames: list[Path], properties: Mapping[str, str]) -> tuple[int, int]:
    if "width" in properties and "height" in properties:
        return int(properties["width"]), int(properties["height"])
    if not frames:
        raise DatasetError(f"{folder} has no images, and no width= and height= in its file 'sequence'")
    height, width = read_image(frames[0]).shape[:2]
    return width, height


def _read_pysot(name: str, entry: Mapping[str, Any], root: Path) -> SourceSequence:
    """A sequence of pysot's index; images that are not on disk are left out, all or none."""
    frames = [root / path for path in entry.get("img_names", [])]
    if not frames and (root / name).is_dir():
        frames = _find_frames(root / name)
    present = [path for path in frames if path.is_file()]
    if present and len(present) != len(frames):
        raise DatasetError(f"{name}: {len(frames) - len(present)} of {len(frames)} images are missing under {root}")
    groundtruth = [parse_region(",".join(map(str, values))) for values in entry["gt_rect"]]
    if "width" in entry:
        size = (int(entry["width"]), int(entry["height"]))
    elif present:
        height, width = read_image(present[0]).shape[:2]
        size = (width, height)
    else:
        raise DatasetError(f"{name} has neither images under {root} nor width and height in the index")
    tags = {tag: [bool(value) for value in entry[tag]] for tag in PYSOT_TAGS if entry.get(tag)}
    return SourceSequence(name, present, groundtruth, size, tags=tags)
