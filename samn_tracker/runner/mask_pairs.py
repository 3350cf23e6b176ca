"""Which mask or label map belongs to which frame: that of its number, never that of its place in a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from samn_tracker.errors import DatasetError, ImageError
from samn_tracker.runner.frames import FrameList, common_numbers, listed, order_key
from samn_tracker.runner.label_png import Labels


def pair_by_number(frames: FrameList, masks: Sequence[Path]) -> Mapping[int, Path]:
    """The mask of each frame that has one, by the frame's index, as `match_by_number`.

    Raises:
        DatasetError: masks that belong to no frame; they are named.
    """
    pairs, orphans = match_by_number(frames, masks)
    if orphans:
        names = listed([path.name for path in orphans])
        raise DatasetError(
            f"{masks[0].parent} has masks of frames that {frames.place} lacks: {names}; copy those images again"
        )
    return pairs


def match_by_number(frames: FrameList, files: Sequence[Path]) -> tuple[dict[int, Path], list[Path]]:
    """The file of each frame that has one, by index: of equal number, else of equal name; and all other files."""
    numbers, own = frames.numbers, common_numbers([order_key(path.name) for path in files])
    if numbers is not None and own is not None:
        index: dict[object, int] = {number: place for place, number in enumerate(numbers)}
        places = [index.get(number) for number in own]
    else:
        index = {order_key(path.name): place for place, path in enumerate(frames.paths)}
        places = [index.get(order_key(path.name)) for path in files]
    pairs = list(zip(places, files, strict=True))
    return {place: path for place, path in pairs if place is not None}, [path for place, path in pairs if place is None]


def require_same_size(truth: Labels, answer: Labels, place: Path) -> None:
    """Refuse an answer (H, W), of the file `place`, that has another size than its annotation.

    Raises:
        ImageError: with both.
    """
    if truth.shape != answer.shape:
        raise ImageError(f"{place} is {answer.shape}, its annotation {truth.shape} (height, width)")


def require_every_mask(frames: FrameList, masks: Mapping[int, Path], place: Path) -> None:
    """Refuse masks that are there for some of the frames only.

    Raises:
        DatasetError: the frames without a mask are named.
    """
    bare = [path.name for index, path in enumerate(frames.paths) if index not in masks]
    if bare:
        raise DatasetError(
            f"{place} has no mask for {len(bare)} of {len(frames)} frames: {listed(bare)}; add them (empty ones where "
            "the target is not to be seen), or keep only the frames that have one"
        )
