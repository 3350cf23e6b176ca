"""The frames of a video on disk: which files of a folder are images, in which order, under which numbers.

Every reader lists images here. Names are ordered by the numbers in them (`2.jpg` before `10.jpg`); names that begin
with a dot (`._0001.jpg`, `.DS_Store`) and files that are no images are left out; two files for one frame (`4.jpg` and
`04.jpg`, `0.jpg` and `0.png`) are refused, for nobody can know which one is meant.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from samn_tracker.errors import DatasetError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
SHOWN = 10
_DIGITS = re.compile(r"([0-9]+)")
_ALIKE = str.maketrans("123456789", "0" * 9)
_LONGEST_COUNTER = 9
"""Digits of a number that counts frames; a longer one is a time stamp, whose steps say nothing of missing frames."""

OrderKey = tuple[str | int, ...]


@dataclass(frozen=True)
class FrameList:
    """Image files in order, at least one.

    Attributes:
        place: the folder, or what the person gave; for messages.
        paths: the files, in the order of the numbers in their names.
    """

    place: str
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def numbers(self) -> tuple[int, ...] | None:
        """The frame's number in each name, rising; None where the names differ in more than one number."""
        return common_numbers([order_key(path.name) for path in self.paths])

    @property
    def gaps(self) -> str:
        """The numbers that are missing in the middle, in words; empty where none is, or where names do not count.

        The distance that most frames have is the rule: every fifth frame of a video has no gap.
        """
        numbers = self.numbers
        if numbers is None or len(numbers) < 3 or numbers[-1] >= 10**_LONGEST_COUNTER:
            return ""
        steps = Counter(after - before for before, after in pairwise(numbers))
        if len(steps) == 1:
            return ""
        usual = min(steps, key=lambda step: (-steps[step], step))
        jumps = [(before, after) for before, after in pairwise(numbers) if after - before != usual]
        more = f" and {len(jumps) - SHOWN} more gaps" if len(jumps) > SHOWN else ""
        return ", ".join(_gap(before, after, usual) for before, after in jumps[:SHOWN]) + more

    def require_no_gap(self) -> None:
        """Refuse a list with missing frames, for readers to whom nothing else says how many there must be.

        Raises:
            DatasetError: numbers are missing in the middle, or the names are not numbered; both are named.
        """
        if self.numbers is None and len(self) > 1:
            raise DatasetError(
                f"{self.place} has images whose names do not count ({self.paths[0].name}, {self.paths[-1].name}); keep "
                "only the frames, numbered"
            )
        if gaps := self.gaps:
            raise DatasetError(f"{self.place} lacks frames in the middle: {gaps}; copy them again")

    def require_one_row_each(self, rows: int) -> None:
        """Refuse truth that has another number of rows than there are frames.

        Raises:
            DatasetError: with the missing frames, or with what to do where the truth describes a part of them only.
        """
        if rows == len(self):
            return
        fact = f"{self.place} has {len(self)} images and {rows} rows of ground truth"
        if gaps := self.gaps:
            raise DatasetError(f"{fact}; missing in the middle: {gaps}")
        if rows > len(self):
            raise DatasetError(f"{fact}; images are missing at the beginning or the end: copy them again")
        raise DatasetError(
            f"{fact}, which do not say to which frames they belong (OTB's David, for one, has truth of frames 300 to "
            "770 only); keep only the images that are annotated"
        )

    def between(self, first: int, last: int | None) -> FrameList:
        """The frames whose numbers are `first` to `last`, both included; None is to the end.

        Raises:
            DatasetError: the names do not count, or there is no such frame.
        """
        if self.numbers is None:
            raise DatasetError(f"{self.place} has images whose names do not count; number them from 1")
        chosen = zip(self.paths, self.numbers, strict=True)
        kept = tuple(path for path, number in chosen if number >= first and (last is None or number <= last))
        if not kept:
            have, wanted = f"{self.numbers[0]} to {self.numbers[-1]}", f"{first} to {last or 'the end'}"
            raise DatasetError(f"{self.place} has the frames {have}, none of {wanted}")
        return FrameList(self.place, kept)


def read_frames(folder: Path) -> FrameList:
    """The frames in a folder.

    Raises:
        DatasetError: the folder is missing, holds no image, two files for one frame, or links to nothing.
    """
    if not folder.is_dir():
        raise DatasetError(f"no folder {folder} of images; check --data and --split")
    return frame_list(image_files(folder), str(folder))


def frame_list(paths: Iterable[Path], place: str) -> FrameList:
    """The images among the files that a person or an index named, in order.

    Raises:
        DatasetError: none of them is an image, or two of them are one frame.
    """
    found = tuple(paths)
    if not found:
        raise DatasetError(f"no image in {place}; looked for {', '.join(IMAGE_SUFFIXES)}")
    return FrameList(place, found)


def image_files(
    folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES, dangling_links: bool = False
) -> tuple[Path, ...]:
    """The image files of a folder in order, perhaps none.

    Args:
        suffixes: in small letters.
        dangling_links: keep links whose target is gone, for readers that only need to know how many frames there are.

    Raises:
        DatasetError: the folder is missing, or holds two files for one frame or links to nothing.
    """
    names, lost = [], []
    wanted = tuple(suffixes)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or not name.lower().endswith(wanted):
                    continue
                if entry.is_file() or (dangling_links and entry.is_symlink() and not entry.is_dir()):
                    names.append(name)
                elif entry.is_symlink() and not entry.is_dir():
                    lost.append(name)
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(f"{folder} does not exist, or is no folder; check the path of the data") from None
    if lost:
        raise DatasetError(f"{folder} has links to files that are gone: {listed(sorted(lost))}")
    children = {path.name: path for path in folder.iterdir()}  # cheaper than as many joins
    return tuple(children[name] for name in _ordered(names, str(folder)) if name in children)


def ordered_images(paths: Iterable[Path], place: str) -> tuple[Path, ...]:
    """The image files among `paths`, of one folder or of several, in order: folders first, then names.

    Raises:
        DatasetError: two files are one frame.
    """
    kept = {str(path): path for path in visible(paths) if path.suffix.lower() in IMAGE_SUFFIXES}
    return tuple(kept[text] for text in _ordered(list(kept), place))


def visible(paths: Iterable[Path]) -> list[Path]:
    """The paths whose names do not begin with a dot, sorted: without what macOS and desktops leave in folders."""
    return sorted(path for path in paths if not path.name.startswith("."))


def is_there(path: Path) -> bool:
    """Whether a file that a list names is there; a name longer than any file's is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def folders(place: Path) -> list[Path]:
    """The visible folders in `place`, by name; none where it is not there."""
    return [path for path in visible(place.glob("*")) if path.is_dir()]


def order_key(name: str) -> OrderKey:
    """What a file's name is sorted by: words and numbers in turn, without suffix, case and leading zeros."""
    parts: list[str | int] = list(_DIGITS.split(name[: name.rfind(".")].lower()))
    parts[1::2] = map(int, parts[1::2])
    return tuple(parts)


def listed(names: Sequence[object]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(str, names[:SHOWN])) + more


def listed_lines(faults: Sequence[str]) -> str:
    """As `listed`, below what is said before, a line each."""
    more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    return "".join(f"\n  {line}" for line in [*faults[:SHOWN], *more])


def _ordered(names: list[str], place: str) -> list[str]:
    if len({name.translate(_ALIKE) for name in names}) <= 1:
        return sorted(names)  # they differ in digits only, and have as many
    keyed = sorted((order_key(name), name) for name in names)
    doubled = [f"{one[1]} and {two[1]}" for one, two in pairwise(keyed) if one[0] == two[0]]
    if doubled:
        raise DatasetError(f"{place} has two files for one frame: {listed(doubled)}; remove those that do not belong")
    return [name for _, name in keyed]


def common_numbers(keys: Sequence[OrderKey]) -> tuple[int, ...] | None:
    """The one number in which all keys differ, of each; of a single key the last one."""
    first = keys[0] if keys else ()
    places = range(1, len(first), 2)
    if len(keys) > 1:
        if any(len(key) != len(first) for key in keys):
            return None
        differing = [place for place in range(len(first)) if len({key[place] for key in keys}) > 1]
        if len(differing) != 1 or differing[0] % 2 == 0:
            return None
        places = range(differing[0], differing[0] + 1)
    return tuple(int(key[places[-1]]) for key in keys) if places else None


def _gap(before: int, after: int, step: int) -> str:
    if (after - before) % step or after - before < step:
        return f"from {before} to {after}, where others are {step} apart"
    first, last = before + step, after - step
    return str(first) if first == last else f"{first} to {last}"
