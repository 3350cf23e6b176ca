"""The development sequences laid out as a benchmark's own folders, by links; a generated DAVIS 2017 set.

    python tests/runner/real_data.py SEQUENCES TARGET [FRAMES]

SEQUENCES is ../shared/data/sequences. Below TARGET: GOT-10k/{val,test}, TrackingNet/TEST and TRAIN_0, DAVIS.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from benchmark_data import save_boxes

from samn_tracker.runner.frames import read_frames
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.truth import read_boxes
from samn_tracker.shapes.regions import mask_to_box, polygon_to_box
from samn_tracker.synthetic import make_multi_object

INVISIBLE_EVERY = 7
"""Every so many frames GOT-10k's cover label is set to 0, so that the label is seen to count."""


@dataclass(frozen=True)
class Clip:
    """`boxes` is (N, 4), 0-based, NaN where the target is not in view; `masks` is empty for sequences of boxes."""

    name: str
    images: tuple[Path, ...]
    boxes: np.ndarray
    masks: tuple[Path, ...] = ()


def read_clips(source: Path, frames: int) -> list[Clip]:
    """Every development sequence, cut to its first `frames`."""
    clips = [_box_clip(folder, frames) for folder in sorted((source / "box").iterdir())]
    clips += [_mask_clip(folder, frames) for folder in sorted((source / "davis16").iterdir())]
    return [*clips, _polygon_clip(source / "vot2018/bag", frames)]


def lay_out_got10k(root: Path, clips: list[Clip]) -> Path:
    """val with full truth, test with the first boxes only; sequences are numbered, as the benchmark does."""
    for split in ("val", "test"):
        names = [f"GOT-10k_{split.capitalize()}_{number:06d}" for number in range(1, len(clips) + 1)]
        for name, clip in zip(names, clips, strict=True):
            folder = root / split / name
            _link(clip.images, [folder / f"{index:08d}.jpg" for index in range(1, len(clip.images) + 1)])
            save_boxes(folder / "groundtruth.txt", clip.boxes if split == "val" else clip.boxes[:1])
            if split == "val":
                seen = np.isfinite(clip.boxes[:, 0]) & (np.arange(1, len(clip.boxes) + 1) % INVISIBLE_EVERY > 0)
                (folder / "cover.label").write_text("".join(f"{8 * one}\n" for one in seen.astype(int)))
        (root / split / "list.txt").write_text("".join(f"{name}\n" for name in names))
    return root


def lay_out_trackingnet(root: Path, clips: list[Clip]) -> Path:
    """TEST with the first boxes, TRAIN_0 with all of them."""
    for chunk, rows in (("TEST", 1), ("TRAIN_0", None)):
        for clip in clips:
            frames = root / chunk / "frames" / clip.name
            _link(clip.images, [frames / f"{index}.jpg" for index in range(len(clip.images))])
            save_boxes(root / chunk / "anno" / f"{clip.name}.txt", clip.boxes[:rows], decimals=2)
    return root


def lay_out_davis(root: Path, clips: list[Clip], generated: int = 2, frames: int = 25) -> Path:
    """2016/val of the clips with masks; 2017/val of generated sequences: 2, 3, ... objects that come and go."""
    masked = [clip for clip in clips if clip.masks]
    for clip in masked:
        stems = [f"{index:05d}" for index in range(len(clip.images))]
        _link(clip.images, [root / "JPEGImages/480p" / clip.name / f"{stem}.jpg" for stem in stems])
        _link(clip.masks, [root / "Annotations/480p" / clip.name / f"{stem}.png" for stem in stems])
    names = [_write_objects(root, seed, objects=2 + seed, frames=frames) for seed in range(generated)]
    for year, listed in (("2016", [clip.name for clip in masked]), ("2017", names)):
        (root / "ImageSets" / year).mkdir(parents=True, exist_ok=True)
        (root / "ImageSets" / year / "val.txt").write_text("".join(f"{name}\n" for name in listed))
    return root


def _write_objects(root: Path, seed: int, objects: int, frames: int) -> str:
    """A generated sequence: object 1 appears after a third; the last object is away from a half to three quarters.

    The highest id is in the first frame, so every object counts by DAVIS's rules.
    """
    sequence = make_multi_object(seed, frames, (480, 270), objects)
    scene, sprites = sequence.scene, sequence.scene.sprites
    for index in range(frames):
        late = int(index < frames // 3)
        gone = int(frames // 2 <= index < 3 * frames // 4)
        shown = replace(scene, sprites=sprites[late : objects - gone])
        labels = shown.labels(index)
        labels[labels > 0] += late
        image = root / "JPEGImages/480p" / sequence.name / f"{index:05d}.jpg"
        annotation = root / "Annotations/480p" / sequence.name / f"{index:05d}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        annotation.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), shown.render(index)[..., ::-1])
        annotation.write_bytes(encode_labels(labels))
    return sequence.name


def _link(sources: tuple[Path, ...], targets: list[Path]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.resolve())


def _box_clip(folder: Path, frames: int) -> Clip:
    boxes = read_boxes(folder / "groundtruth_rect.txt")[:frames]
    return Clip(folder.name, read_frames(folder / "img").paths[:frames], boxes)


def _mask_clip(folder: Path, frames: int) -> Clip:
    masks = read_frames(folder / "mask").paths[:frames]
    boxes = [_mask_box(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for path in masks]
    return Clip(folder.name, read_frames(folder / "img").paths[:frames], np.array(boxes), masks)


def _mask_box(mask: np.ndarray) -> np.ndarray:
    return mask_to_box(mask > 0) if mask.any() else np.full(4, np.nan)


def _polygon_clip(folder: Path, frames: int) -> Clip:
    polygons = np.loadtxt(folder / "groundtruth.txt", delimiter=",", max_rows=frames).reshape(-1, 4, 2)
    boxes = np.array([polygon_to_box(polygon) for polygon in polygons])
    return Clip(folder.name, read_frames(folder / "color").paths[:frames], boxes)


def main(source: str, target: str, frames: str = "25") -> None:
    clips, root = read_clips(Path(source), int(frames)), Path(target)
    lay_out_got10k(root / "GOT-10k", clips)
    lay_out_trackingnet(root / "TrackingNet", clips)
    lay_out_davis(root / "DAVIS", clips, frames=int(frames))


if __name__ == "__main__":
    main(*sys.argv[1:])
