"""What a reader of the documentation has at hand, as small as it can be: a video, images, and data sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import torch

from samn_tracker.app.video import VideoWriter
from samn_tracker.core.config import SAMN_R50
from samn_tracker.model.network import Network
from samn_tracker.model.published import export_published
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.synthetic import SyntheticSequence, make_sequence

LENGTH = 4
SIZE = (160, 120)


def make_playground(folder: Path) -> None:
    """Fill `folder` with everything that the pages name."""
    sequence = make_sequence("rotating", 1, LENGTH, SIZE)
    _write_images(sequence, folder / "frames", "{:03d}.jpg", first=1)
    (folder / "first.png").write_bytes(encode_labels(sequence.mask(0)))
    video = VideoWriter(folder / "holiday.mp4", 25.0)
    for frame in sequence.frames:
        video.write(frame)
    video.close()
    _write_got10k(folder / "data" / "GOT-10k")
    _write_trackingnet(folder / "data" / "TrackingNet" / "TEST")
    _write_davis(folder / "data" / "DAVIS")
    _write_vot(folder / "data" / "VOT2018")
    _write_onepass(folder / "data" / "OTB")
    _write_masks(folder / "data" / "mine")


def _write_images(sequence: SyntheticSequence, folder: Path, name: str, first: int = 0) -> None:
    folder.mkdir(parents=True)
    for index, frame in enumerate(sequence.frames, start=first):
        cv2.imwrite(str(folder / name.format(index)), frame[..., ::-1])


def _box_rows(sequence: SyntheticSequence, count: int) -> str:
    boxes = [",".join(f"{value:.2f}" for value in sequence.box(index)) for index in range(count)]
    return "".join(f"{box}\n" for box in boxes)


def _write_got10k(root: Path) -> None:
    for split, name, rows in (("val", "GOT-10k_Val_000001", LENGTH), ("test", "GOT-10k_Test_000001", 1)):
        sequence = make_sequence("scaling", 2, LENGTH, SIZE)
        _write_images(sequence, root / split / name, "{:08d}.jpg", first=1)
        (root / split / name / "groundtruth.txt").write_text(_box_rows(sequence, rows))
        (root / split / name / "cover.label").write_text("8\n" * LENGTH)
        (root / split / "list.txt").write_text(f"{name}\n")


def _write_trackingnet(root: Path) -> None:
    sequence = make_sequence("rotating", 3, LENGTH, SIZE)
    _write_images(sequence, root / "frames" / "a_video", "{}.jpg")
    (root / "anno").mkdir()
    (root / "anno" / "a_video.txt").write_text(_box_rows(sequence, 1))


def _write_davis(root: Path) -> None:
    sequence = make_sequence("rotating", 4, LENGTH, SIZE)
    _write_images(sequence, root / "JPEGImages" / "480p" / "a-video", "{:05d}.jpg")
    annotations = root / "Annotations" / "480p" / "a-video"
    annotations.mkdir(parents=True)
    for index in range(LENGTH):
        (annotations / f"{index:05d}.png").write_bytes(encode_labels(sequence.mask(index)))
    for year in ("2016", "2017"):
        (root / "ImageSets" / year).mkdir(parents=True)
        (root / "ImageSets" / year / "val.txt").write_text("a-video\n")


def _write_vot(root: Path) -> None:
    sequence = make_sequence("rotating", 5, LENGTH, SIZE)
    _write_images(sequence, root / "a_video" / "color", "{:08d}.jpg", first=1)
    corners = [np.ravel(sequence.polygon(index)) for index in range(LENGTH)]
    text = "".join(",".join(f"{value:.2f}" for value in row) + "\n" for row in corners)
    (root / "a_video" / "groundtruth.txt").write_text(text)
    (root / "list.txt").write_text("a_video\n")


def _write_onepass(root: Path) -> None:
    sequence = make_sequence("moving", 7, LENGTH, SIZE)
    _write_images(sequence, root / "a_video" / "img", "{:04d}.jpg", first=1)
    (root / "a_video" / "groundtruth_rect.txt").write_text(_box_rows(sequence, LENGTH))


def _write_masks(root: Path) -> None:
    sequence = make_sequence("deforming", 6, LENGTH, SIZE)
    _write_images(sequence, root / "img", "{}.jpg")
    (root / "mask").mkdir()
    for index in range(LENGTH):
        cv2.imwrite(str(root / "mask" / f"{index}.png"), sequence.mask(index) * 255)


def make_checkpoint(path: Path) -> None:
    """A checkpoint in the published layout, of random values."""
    torch.manual_seed(0)
    export_published(Network(SAMN_R50.model), path)


def copy_playground(source: Path, folder: Path) -> None:
    """A copy of the playground that a page may change."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
