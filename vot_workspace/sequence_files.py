"""Sequences in the VOT toolkit's layout, written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samn_tracker.errors import DatasetError
from samn_tracker.files import copy_whole, storage, write_atomic
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import write_trajectory


def write_sequences(folder: Path, sequences: Sequence[SourceSequence], images: bool = True) -> None:
    """The sequences and their list.txt, in the toolkit's layout; without `images` for the analysis, which needs none.

    Raises:
        DatasetError: images of a kind that the toolkit does not read.
    """
    for item in sequences:
        write_sequence(folder / item.name, item, images)
    write_atomic(folder / "list.txt", "".join(f"{item.name}\n" for item in sequences).encode())


def write_sequence(folder: Path, sequence: SourceSequence, images: bool = True) -> None:
    """One sequence in the toolkit's layout; images become links (copies where links are not possible)."""
    frames = sequence.frames if images else []
    suffix = _uniform_suffix(sequence.name, frames)
    width, height = sequence.size
    properties = {"name": sequence.name, "fps": sequence.fps, "format": "default"}
    properties |= {"channels.color": f"color/%08d{suffix}", "length": len(sequence), "width": width, "height": height}
    for number, frame in enumerate(frames, start=1):
        _link(frame.resolve(), folder / "color" / f"{number:08d}{suffix}")
    truths = sequence.objects or {"": sequence.groundtruth}
    for one, regions in truths.items():
        write_trajectory(folder / (f"groundtruth_{one}.txt" if one else "groundtruth.txt"), regions)
    for tag, values in sequence.tags.items():
        write_atomic(folder / f"{tag}.tag", "".join(f"{int(value)}\n" for value in values).encode())
    if sequence.anchors:
        write_atomic(folder / "anchor.value", "".join(f"{value:g}\n" for value in sequence.anchors).encode())
    write_atomic(folder / "sequence", "".join(f"{key}={value}\n" for key, value in properties.items()).encode())


def _uniform_suffix(name: str, frames: Sequence[Path]) -> str:
    suffixes = {frame.suffix for frame in frames} or {".jpg"}
    if len(suffixes) > 1 or not suffixes <= {".jpg", ".png"}:
        raise DatasetError(f"{name} has images {', '.join(sorted(suffixes))}; the toolkit reads .jpg or .png")
    return suffixes.pop()


def _link(source: Path, target: Path) -> None:
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source)
    except FileExistsError:
        pass
    except OSError:
        copy_whole(source, target)
