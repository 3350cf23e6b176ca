"""The data sets' own layouts on disk, by the name that a configuration gives as `reader`.

Each opener takes the data set's settings and its folder, and returns a source; faults in the layout are found here,
broken files when they are read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from samn_tracker.errors import DatasetError
from samn_tracker.runner.frames import folders, listed
from samn_tracker.runner.truth import is_plain_name, read_text
from samn_tracker.train.coco import CocoSource
from samn_tracker.train.config import SetConfig
from samn_tracker.train.readers import FileSource, existing, image_files, match_by_stem, match_clips, require
from samn_tracker.train.sources import Source


def open_set(one: SetConfig, root: Path) -> Source:
    """The source of one data set below the data root.

    Raises:
        DatasetError: a folder or list is missing or empty, or files do not match; the message names them.
    """
    if one.reader not in LAYOUTS:
        raise DatasetError(f"data set '{one.name}' has reader '{one.reader}'; known are {', '.join(LAYOUTS)}")
    return LAYOUTS[one.reader](one, root / one.path)


def open_folder(one: SetConfig, path: Path) -> Source:
    """Stills, `IMAGES/NAME.jpg` with `MASKS/NAME.png`; both may be one folder (JPEG images, PNG labels).

    With the subfolders set in the configuration this also reads ECSSD, MSRA10K and PASCAL-S, whose masks are binary.
    """
    images, masks = path / one.images, path / one.masks
    together = images.resolve() == masks.resolve()
    return FileSource(
        one.name,
        match_by_stem(
            image_files(images, (".jpg", ".jpeg")) if together else image_files(images),
            image_files(masks, (".png",)) if together else image_files(masks),
        ),
        binary=one.binary,
    )


def open_sequences(one: SetConfig, path: Path) -> Source:
    """Clips, `SEQUENCE/IMAGES/*.jpg` with `SEQUENCE/MASKS/*.png`."""
    entries = folders(existing(path))
    pairs, clips = match_clips([(entry / one.images, entry / one.masks) for entry in entries])
    return FileSource(one.name, pairs, clips, one.binary)


def open_voc(one: SetConfig, path: Path) -> Source:
    """PASCAL VOC 2012: `JPEGImages`, `SegmentationObject`, and the names in `ImageSets/Segmentation/SPLIT.txt`."""
    names = read_names(path / "ImageSets" / "Segmentation" / f"{one.split or 'train'}.txt")
    pairs = [(path / "JPEGImages" / f"{name}.jpg", path / "SegmentationObject" / f"{name}.png") for name in names]
    require([file for pair in pairs for file in pair])
    return FileSource(one.name, pairs, white_is_object=False)


def open_davis(one: SetConfig, path: Path) -> Source:
    """DAVIS: `{JPEGImages,Annotations}/480p/SEQUENCE`, names in `ImageSets/SPLIT.txt`, for instance "2017/train".

    The lists of 2016 name frames instead of sequences; their second folder is taken.
    """
    lines = read_names(path / "ImageSets" / f"{one.split or '2017/train'}.txt")
    names = list(dict.fromkeys(_sequence_of(line) for line in lines))
    if strange := [name for name in names if not is_plain_name(name)]:
        raise DatasetError(f"{path} has a list with names that are none: {listed([name[:60] for name in strange])}")
    folders = [(path / "JPEGImages" / "480p" / name, path / "Annotations" / "480p" / name) for name in names]
    pairs, clips = match_clips(folders)
    return FileSource(one.name, pairs, clips, one.binary, white_is_object=False)


def _sequence_of(line: str) -> str:
    """The sequence that a line of a list names, by itself or by the path of one of its frames."""
    return line.split()[0].rpartition("/")[0].rpartition("/")[2] if "/" in line else line


def open_youtube_vos(one: SetConfig, path: Path) -> Source:
    """YouTube-VOS: `SPLIT/JPEGImages/VIDEO` and `SPLIT/Annotations/VIDEO`; every video of the split is used."""
    base = path / (one.split or "train")
    names = [entry.name for entry in folders(existing(base / "Annotations"))]
    pairs, clips = match_clips([(base / "JPEGImages" / name, base / "Annotations" / name) for name in names])
    return FileSource(one.name, pairs, clips)


def open_coco(one: SetConfig, path: Path) -> Source:
    """COCO: images in `SPLIT/`, instances in `annotations/instances_SPLIT.json`."""
    split = one.split or "train2017"
    return CocoSource(one.name, path / split, path / "annotations" / f"instances_{split}.json")


def read_names(path: Path) -> list[str]:
    """The non-empty lines of a list.

    Raises:
        DatasetError: the list is missing or empty.
    """
    lines = [line.strip() for line in read_text(existing(path)).splitlines()]
    names = [line for line in lines if line]
    if not names:
        raise DatasetError(f"{path} is empty")
    return names


LAYOUTS: dict[str, Callable[[SetConfig, Path], Source]] = {
    "folder": open_folder,
    "sequences": open_sequences,
    "voc": open_voc,
    "davis": open_davis,
    "youtube_vos": open_youtube_vos,
    "coco": open_coco,
}
