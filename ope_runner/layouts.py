"""Where each data set keeps images, truth, flags of absence and attributes: from a root folder to a Place a sequence.

    otb       NAME/img/0001.jpg, NAME/groundtruth_rect.txt, or groundtruth_rect.1.txt and .2.txt for NAME-1 and NAME-2
    uav123    data_seq/UAV123/FOLDER/000001.jpg, anno/UAV123/NAME.txt (anno/UAV20L), anno/UAV123/att/NAME.txt
    nfs       NAME/30/NAME/00001.jpg, NAME/30/NAME.txt (and 240): number, left, top, right, bottom, ...
    lasot     CLASS/CLASS-1/img/00000001.jpg, groundtruth.txt, full_occlusion.txt, out_of_view.txt
    tc128     NAME/img/0001.jpg, NAME/NAME_gt.txt, NAME/NAME_frames.txt: first, last
    tnl2k     NAME/imgs/*, NAME/groundtruth.txt, one folder deep or two; absent/NAME.txt and att/NAME_attribute.txt, as
              in the folder annos of its toolkit (wangxiao5791509/TNL2K_evaluation_toolkit)
    avist     sequences/NAME/img_00001.jpg, anno/NAME.txt, {full_occlusion,out_of_view}/NAME_....txt

Scoring needs no images. A folder of NAME.txt files, as toolkits keep annotations, is a layout without images too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from samn_tracker.errors import DatasetError
from samn_tracker.runner.frames import visible
from samn_tracker.runner.truth import read_text, rect_files


@dataclass(frozen=True)
class Place:
    """Where the parts of one sequence lie.

    Attributes:
        truth: file of boxes, a row a frame.
        images: folder of images; None where there are none.
        span: numbers, as in the images' names, of the first and last annotated image; None for all images.
        absent: files with a 1 for every frame without a visible target; those that exist are read.
        attributes: file with a 1 for every attribute that the sequence has; or the attributes themselves.
        corners: rows are number, left, top, right, bottom instead of x, y, w, h.
        every: every so many rows of the truth belong to an image, where there are as many more.
        spare: images or rows that there may be after the last pair.
    """

    truth: Path
    images: Path | None = None
    span: tuple[int, int] | None = None
    absent: tuple[Path, ...] = ()
    attributes: Path | tuple[str, ...] = ()
    corners: bool = False
    every: int = 1
    spare: int = 0


def folders(root: Path) -> dict[str, Place]:
    """Every folder in OTB's layout, NAME-1 and NAME-2 where it has several targets; else a flat folder of annotations.

    An empty file stands for a target that is not annotated.
    """
    files = rect_files(root)
    annotated = {name: path for name, path in files.items() if path.stat().st_size > 0}
    return {name: Place(path, path.parent / "img") for name, path in annotated.items()} or _flat(root)


def otb(
    root: Path, names: Iterable[str], frames: Mapping[str, Sequence[int]], attributes: Mapping[str, tuple[str, ...]]
) -> dict[str, Place]:
    """The named ones of the folders; `frames` says which images of a sequence are annotated.

    A folder of which one target alone is annotated may hold it as groundtruth_rect.txt.
    """
    found = folders(root)
    places = {}
    for name in names:
        place = found.get(name) or (found.get(name.removesuffix("-2")) if name.endswith("-2") else None)
        if place:
            first, last = frames.get(name, (0, 0))
            places[name] = replace(place, span=(first, last) if last else None, attributes=attributes.get(name, ()))
    return places


def uav123(root: Path, title: str, parts: Mapping[str, tuple[str, int, int]]) -> dict[str, Place]:
    """Sequences cut from folders by the official list of first and last image; the images of UAV20L are UAV123's."""
    annotations = root / "anno" / title if (root / "anno" / title).is_dir() else root
    places = {}
    for name, (folder, first, last) in parts.items():
        truth = annotations / f"{name}.txt"
        if truth.is_file():
            images = root / "data_seq" / "UAV123" / folder
            places[name] = Place(truth, images, (first, last), attributes=annotations / "att" / f"{name}.txt")
    return places


def nfs(root: Path, rate: int) -> dict[str, Place]:
    """Every NAME/RATE/NAME.txt. Rows of 240 a second may stand for images of 30 a second."""
    every = 8 if rate == 30 else 1
    return {
        path.stem: Place(path, path.with_suffix(""), corners=True, every=every, spare=1)
        for path in visible(root.glob(f"*/{rate}/*.txt"))
        if path.stem == path.parents[1].name
    }


def lasot(root: Path, names: Iterable[str]) -> dict[str, Place]:
    """The named sequences, in folders of their class or without those; else flat annotations of those names."""
    places = {}
    for name in names:
        class_folder = root / name.rpartition("-")[0] / name
        folder = class_folder if class_folder.is_dir() else root / name
        if (folder / "groundtruth.txt").is_file():
            absent = (folder / "full_occlusion.txt", folder / "out_of_view.txt", root / "absent" / f"{name}.txt")
            places[name] = Place(
                folder / "groundtruth.txt", folder / "img", absent=absent, attributes=root / "att" / f"{name}.txt"
            )
        elif (root / f"{name}.txt").is_file():
            places[name] = Place(
                root / f"{name}.txt", absent=(root / "absent" / f"{name}.txt",), attributes=root / "att" / f"{name}.txt"
            )
    return places


def tc128(root: Path) -> dict[str, Place]:
    """Every NAME/NAME_gt.txt, with the range of images in NAME_frames.txt."""
    places = {}
    for path in visible(root.glob("*/*_gt.txt")):
        folder = path.parent
        listed = folder / f"{folder.name}_frames.txt"
        numbers = re.findall(r"[0-9]+", read_text(listed)) if listed.is_file() else []
        span = (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None
        places[folder.name] = Place(path, folder / "img", span)
    return places


def tnl2k(root: Path) -> dict[str, Place]:
    """Every folder with groundtruth.txt and imgs, directly in the root or in the folders of its subsets.

    Flags and attributes are in the root, or in a folder `annos` there, as its toolkit has them.

    Raises:
        DatasetError: two of them have one name.
    """
    files = [*root.glob("*/groundtruth.txt"), *root.glob("*/*/groundtruth.txt")]
    shown = [one for one in files if not any(part.startswith(".") for part in one.relative_to(root).parts)]
    found = sorted(shown, key=lambda one: one.parent.name)
    for one, two in pairwise(found):
        if one.parent.name == two.parent.name:
            raise DatasetError(f"{one} and {two} are both the sequence {one.parent.name}; rename or remove one")
    notes = root / "annos" if (root / "annos").is_dir() else root
    places = {}
    for path in found:
        name, own = path.parent.name, path.parent / "attributes.txt"
        attributes = own if own.is_file() else notes / "att" / f"{name}_attribute.txt"
        places[name] = Place(
            path, path.parent / "imgs", absent=(notes / "absent" / f"{name}.txt",), attributes=attributes
        )
    return places or _flat(root)


def avist(root: Path) -> dict[str, Place]:
    """Every anno/NAME.txt, with the two flags of absence."""
    flags = ("full_occlusion", "out_of_view")
    return {
        path.stem: Place(
            path,
            root / "sequences" / path.stem,
            absent=tuple(root / flag / f"{path.stem}_{flag}.txt" for flag in flags),
        )
        for path in visible((root / "anno").glob("*.txt"))
    }


def _flat(root: Path) -> dict[str, Place]:
    return {path.stem: Place(path) for path in visible(root.glob("*.txt"))}
