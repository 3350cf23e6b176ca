"""One sequence of a data folder, whatever its layout was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from samn_tracker.errors import DatasetError
from samn_tracker.runner.frames import image_files
from vot_workspace.trajectory import Region

IMAGE_FOLDERS = ("color", "img", "imgs")


@dataclass(frozen=True)
class SourceSequence:
    """One sequence of a data folder.

    Attributes:
        frames: image files in order; empty where only the ground truth is at hand (scoring needs no more).
        groundtruth: one region a frame.
        size: width, height.
        tags: for each tag, one truth value a frame.
        anchors: one number a frame, positive to track forward from there, negative backward; empty if not given.
        objects: ground truth of each object by its id, where there are several; `groundtruth` is the first one's. An id
            that begins with an underscore is none to be tracked: `_ignore` holds what is not scored.
        first_pixel: what the ground truth calls the first pixel, 0 or 1; None where the layout is used with either.
    """

    name: str
    frames: list[Path]
    groundtruth: list[Region]
    size: tuple[int, int]
    fps: int = 30
    tags: Mapping[str, list[bool]] = field(default_factory=dict)
    anchors: list[float] = field(default_factory=list)
    first_pixel: int | None = 0
    objects: Mapping[str, list[Region]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames) or len(self.groundtruth)

    @property
    def tracked(self) -> list[str]:
        """Ids of several objects that are tracked; empty where there is one."""
        ids = [one for one in self.objects if not one.startswith("_")]
        return ids if len(ids) > 1 else []

    def converted(self, convert: Callable[[Region], Region]) -> SourceSequence:
        """The sequence with every region of its ground truth converted."""
        objects = {one: [convert(region) for region in regions] for one, regions in self.objects.items()}
        return replace(self, groundtruth=[convert(region) for region in self.groundtruth], objects=objects)


def checked_size(width: int, height: int, place: str) -> tuple[int, int]:
    """Width and height.

    Raises:
        DatasetError: one of them is not above 0.
    """
    if min(width, height) < 1:
        raise DatasetError(f"{place} says a size of {width} x {height}, which would cut every region away; correct it")
    return width, height


def find_frames(folder: Path) -> tuple[Path, ...]:
    """The images; links to nothing are kept, for scoring needs their number only."""
    place = next((folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()), folder)
    return image_files(place, dangling_links=True)
