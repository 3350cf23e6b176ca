"""Sequences from a data folder, in any layout in use.

- the toolkit's own: `<seq>/sequence`, `<seq>/color/%08d.jpg`, `groundtruth.txt`, `*.tag`, `*.value`; of VOTS
  `groundtruth_<object>.txt` for each object, or only their first rows, where the rest is with the server;
- flat, 2016 to 2019: images in `<seq>/` beside `groundtruth.txt`;
- pysot's: a `VOT20xx.json` beside (or without) the sequences' folders;
- boxes: `<seq>/img/` and `groundtruth_rect.txt` (of several targets `groundtruth_rect.1.txt`, ...: the sequences
  `<seq>-1`, ...), or GOT-10k's images beside `groundtruth.txt`;
- masks: `<seq>/img/` and `<seq>/mask/*.png`, paired by the numbers in their names.

A `list.txt` names the sequences and their order; without one every folder that has a ground truth is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from samn_tracker.errors import DatasetError, ImageError, ResultError
from samn_tracker.images import read_image
from samn_tracker.runner.box_text import separated
from samn_tracker.runner.frames import FrameList, folders, image_files, listed, visible
from samn_tracker.runner.mask_pairs import pair_by_number, require_every_mask
from samn_tracker.runner.object_map import read_objects
from samn_tracker.runner.truth import read_lines, read_names, read_text, targets_of
from vot_workspace.pysot_index import pysot_index, read_index, read_pysot
from vot_workspace.source_sequence import SourceSequence, checked_size, find_frames
from vot_workspace.trajectory import UNKNOWN, MaskPart, Region, parse_region

GROUNDTRUTH = "groundtruth.txt"


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
        except (DatasetError, ResultError, ImageError) as error:
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
    index = source if source.suffix == ".json" else pysot_index(source)
    if index is None:
        return _folder_readers(source)
    return {name: partial(read_pysot, name, entry, index.parent) for name, entry in read_index(index).items()}


def _folder_readers(source: Path) -> dict[str, Callable[[], SourceSequence]]:
    if not source.is_dir():
        raise DatasetError(f"no data folder {source}")
    listing = source / "list.txt"
    if listing.is_file():
        return {name: partial(_read_named, source, name) for name in read_names(listing)}
    places = [source] if _truths(source) else folders(source)
    found = [(name, folder, truth) for folder in places for name, truth in _truths(folder).items()]
    names = [name for name, _, _ in found]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise DatasetError(f"{source} has two sequences called {listed(doubled)}; rename one of the folders")
    return {name: partial(read_folder, folder, name, truth) for name, folder, truth in found}


def _truths(folder: Path) -> dict[str, Path]:
    """What says where the targets of one folder are, a file or a folder of masks, by sequence name."""
    if (folder / GROUNDTRUTH).is_file():
        return {folder.name: folder / GROUNDTRUTH}
    if objects := _object_files(folder):
        return {folder.name: next(iter(objects.values()))}
    boxes = targets_of(folder)
    return boxes or ({folder.name: folder / "mask"} if (folder / "mask").is_dir() else {})


def _object_files(folder: Path) -> dict[str, Path]:
    """Ground truth of the objects of VOTS by their ids; those that are no target, as `_ignore`, last."""
    found = {path.stem.removeprefix("groundtruth_"): path for path in visible(folder.glob("groundtruth_*.txt"))}
    ids = [one for one in found if not one.startswith("rect")]
    return {one: found[one] for one in sorted(ids, key=lambda one: (one.startswith("_"), one))}


def _read_named(source: Path, name: str) -> SourceSequence:
    """The sequence of a list: a folder, or one target of a folder of several, NAME-2 of NAME."""
    folder = source / name
    if not folder.is_dir():
        several = source / name.rpartition("-")[0]
        if name in (truths := _truths(several) if several != source else {}):
            return read_folder(several, name, truths[name])
    return read_folder(folder)


def read_folder(folder: Path, name: str = "", truth: Path | None = None) -> SourceSequence:
    """The sequence in one folder, in any layout but pysot's; with several targets, the one called `name` of `truth`.

    Raises:
        DatasetError: no ground truth, no images and no declared size, lengths that do not fit, or a malformed file.
        ImageError: a mask that cannot be read.
    """
    with _naming_malformed(str(folder)):
        if truth is None:
            name, truth = _only(folder)
        return _read_folder(folder, name, truth)


def _only(folder: Path) -> tuple[str, Path]:
    truths = _truths(folder)
    if not truths:
        raise DatasetError(f"{folder} has no groundtruth.txt, groundtruth_rect.txt or mask/; is the sequence there?")
    if len(truths) > 1:
        raise DatasetError(f"{folder} has the targets {listed(list(truths))}; name one of them")
    return next(iter(truths.items()))


def _read_folder(folder: Path, name: str, truth: Path) -> SourceSequence:
    properties = _read_properties(folder / "sequence")
    images = find_frames(folder)
    frames = FrameList(str(folder), images)
    groundtruth = _read_masks(truth, frames) if truth.is_dir() else _read_groundtruth(truth)
    length = len(frames) or int(properties.get("length", len(groundtruth)))
    objects = (
        {} if truth.name == GROUNDTRUTH else {one: _read_groundtruth(p) for one, p in _object_files(folder).items()}
    )
    if properties and len(groundtruth) == 1:
        groundtruth = _with_hidden(groundtruth, length)
        objects = {one: _with_hidden(regions, length) for one, regions in objects.items()}
    if uneven := [one for one, regions in objects.items() if len(regions) != length]:
        raise DatasetError(f"{folder} has {length} frames, and other numbers of rows of the objects {listed(uneven)}")
    if images and groundtruth:
        frames.require_one_row_each(len(groundtruth))
    elif len(groundtruth) != length or not groundtruth:
        raise DatasetError(
            f"{folder} has {length} frames and {len(groundtruth)} rows of ground truth; one a frame needed"
        )
    return SourceSequence(
        name,
        list(images),
        groundtruth,
        _image_size(folder, images, properties),
        int(float(properties.get("fps", 30))),
        {path.stem: _read_tag(path) for path in _tag_files(folder)},
        _read_anchors(folder / "anchor.value", length),
        None if truth.is_file() and truth.name.startswith("groundtruth_rect") else 0,
        objects,
    )


def _with_hidden(regions: list[Region], length: int) -> list[Region]:
    """The first row of truth that is with a server, and no target known after it, as the toolkit reads it."""
    return [*regions, *([UNKNOWN] * (length - len(regions)))]


def _read_properties(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = read_text(path).splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines if "=" in line)}


def _read_groundtruth(path: Path) -> list[Region]:
    regions: list[Region] = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            regions.append(parse_region(separated(line)))
        except ResultError as error:
            raise DatasetError(f"{path} line {number}: {error}") from None
    return regions


def _read_masks(folder: Path, frames: FrameList) -> list[Region]:
    """The mask of each frame; of each file in order where there are no frames."""
    masks = image_files(folder)
    if not len(frames):
        if masks:
            FrameList(str(folder), masks).require_no_gap()
        return [_read_mask(path) for path in masks]
    pairs = pair_by_number(frames, masks)
    require_every_mask(frames, pairs, folder)
    return [_read_mask(pairs[index]) for index in range(len(frames))]


def _read_mask(path: Path) -> MaskPart:
    return MaskPart((0, 0), read_objects(path, single=True))


def _tag_files(folder: Path) -> list[Path]:
    """Files of one truth value a frame; GOT-10k's cover.label is a level from 0 to 8, and no tag."""
    return [path for path in visible([*folder.glob("*.tag"), *folder.glob("*.label")]) if path.name != "cover.label"]


def _read_tag(path: Path) -> list[bool]:
    return [line.strip() == "1" for line in read_text(path).splitlines()]


def _read_anchors(path: Path, length: int) -> list[float]:
    if not path.is_file():
        return []
    anchors = [float(line) for line in read_lines(path)]
    if len(anchors) > length or not all(map(math.isfinite, anchors)):
        raise DatasetError(
            f"{path} has {len(anchors)} values for {length} frames; it needs one number a frame, 0 for none"
        )
    return anchors


def _image_size(folder: Path, frames: Sequence[Path], properties: Mapping[str, str]) -> tuple[int, int]:
    if "width" in properties and "height" in properties:
        return checked_size(int(properties["width"]), int(properties["height"]), str(folder / "sequence"))
    if not frames:
        raise DatasetError(f"{folder} has no images, and no width= and height= in its file 'sequence'")
    height, width = read_image(frames[0]).shape[:2]
    return width, height
