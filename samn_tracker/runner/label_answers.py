"""Answers of label maps as files: one PNG a frame, or, where objects may overlap, one PNG an object and frame.

<sequence>/00000.png        object ids
<sequence>/000/00000.png    0 and 1, of a sequence whose annotations are one mask a file; the folder is id - 1
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from samn_tracker.files import write_new
from samn_tracker.runner.label_png import Labels, encode_labels, read_labels
from samn_tracker.runner.object_map import size_and_ids
from samn_tracker.runner.sequences import Sequence


def object_folder(one: int) -> str:
    """The folder of an object's own files: ids begin at 1, folders at 000."""
    return f"{one - 1:03d}"


def answer_files(sequence: Sequence, index: int) -> dict[int | None, str]:
    """Files of a frame, relative to the results: by object id, or one of all objects under None."""
    place, name = "/".join(part for part in (sequence.prefix, sequence.name) if part), sequence.frames[index].stem
    if not sequence.masks:
        return {None: f"{place}/{name}.png"}
    ids = sorted({one for masks in sequence.masks.values() for one in masks})
    return {one: f"{place}/{object_folder(one)}/{name}.png" for one in ids}


def answer_rules(sequence: Sequence) -> tuple[tuple[int, int], set[int]]:
    """Size (H, W) of a sequence's answers, and the ids that they may hold: those that are annotated.

    Raises:
        ImageError: an annotation is no label map.
    """
    if sequence.masks:
        first = next(iter(next(iter(sequence.masks.values())).values()))
        return size_and_ids(first)[0], {1}
    known = [size_and_ids(path, sequence.binary) for path in sequence.annotations.values()]
    return known[0][0], {1} if sequence.binary else {one for _, ids in known for one in ids}


def write_answer(folder: Path, sequence: Sequence, index: int, labels: Labels) -> None:
    """Write the label map (H, W) of a frame."""
    for one, name in answer_files(sequence, index).items():
        write_new(folder / name, encode_labels(labels if one is None else (labels == one).astype(np.uint8)))


def read_answer(folder: Path, sequence: Sequence, index: int) -> Labels:
    """The label map (H, W) of a frame; of objects that overlap the higher id.

    Raises:
        ImageError: a file is missing or no label map.
    """
    labels: Labels | None = None
    for one, name in answer_files(sequence, index).items():
        read = read_labels(folder / name)
        if one is None:
            return read
        labels = np.zeros_like(read) if labels is None else labels
        labels[read > 0] = one
    assert labels is not None
    return labels
