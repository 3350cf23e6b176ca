"""What a tracker answered, drawn over the frames: a strip of pictures, and a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from samn_tracker.files import write_atomic
from samn_tracker.images import encode_image
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart, Region, read_trajectory
from vot_workspace.workspace import Workspace

Picture = NDArray[np.uint8]
ANSWER, TRUTH, POLYGON = (40, 40, 255), (60, 220, 60), (0, 215, 255)  # BGR
LEGEND = "green: ground truth, red: mask answered, yellow: polygon answered"


def drawn_frames(masks: Workspace, polygons: Workspace, tracker: str, name: str) -> Iterator[Picture]:
    """The frames (H, W, 3) BGR of one sequence with ground truth and unsupervised answers of both workspaces."""
    sequence: SourceSequence = masks.sequences[name]
    answers = [
        read_trajectory(workspace.results(tracker) / "unsupervised" / name / f"{name}_001.bin")
        for workspace in (masks, polygons)
    ]
    for index, path in enumerate(sequence.frames):
        image = cv2.imread(str(path))
        if image is None:
            raise ResultError(f"{path} cannot be read any more")
        yield _draw(image, sequence.groundtruth[index], answers[0][index], answers[1][index], f"{name} {index}")


def _draw(image: NDArray, truth: Region, answer: Region, polygon: Region, caption: str) -> Picture:
    picture = np.array(image, dtype=np.uint8)
    if isinstance(answer, MaskPart):
        inside = _whole(answer, picture.shape)
        picture[inside] = (0.55 * picture[inside] + 0.45 * np.array(ANSWER)).astype(np.uint8)
        _outline(picture, inside, ANSWER)
    if isinstance(truth, MaskPart):
        _outline(picture, _whole(truth, picture.shape), TRUTH)
    if isinstance(polygon, np.ndarray) and polygon.ndim == 2:
        cv2.polylines(picture, [np.round(polygon).astype(np.int32)], True, POLYGON, 1, cv2.LINE_AA)
    cv2.putText(picture, caption, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _whole(part: MaskPart, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask at the image's size."""
    whole = np.zeros(shape[:2], dtype=bool)
    left, top = part.offset
    visible = part.mask[: whole.shape[0] - top, : whole.shape[1] - left]
    whole[top : top + visible.shape[0], left : left + visible.shape[1]] = visible != 0
    return whole


def _outline(picture: Picture, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, 1)


def write_strip(path: Path, frames: Sequence[Sequence[Picture]], columns: int = 5) -> None:
    """A picture with one row a sequence, `columns` frames spread over each."""
    rows = [np.hstack([row[i] for i in np.linspace(0, len(row) - 1, columns).astype(int)]) for row in frames]
    write_atomic(path, encode_image(np.vstack(rows)[..., ::-1], ".png"))


def write_video(path: Path, frames: Sequence[Sequence[Picture]], fps: int = 15) -> bool:
    """All frames one after the other; False where OpenCV has no encoder for it."""
    height, width = frames[0][0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    if not writer.isOpened():
        return False
    for row in frames:
        for picture in row:
            writer.write(picture)
    writer.release()
    return True
