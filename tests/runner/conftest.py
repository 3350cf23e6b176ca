"""Small generated data sets in each benchmark's own layout, and the command lines as real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmark_data import environment, label_map, save_boxes, truth_boxes, write_images, write_meta

from samn_tracker.runner.label_png import encode_labels

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run `python -m MODULE ARGUMENTS` in an empty folder, with the toy trackers in reach."""

    def run(*arguments: object, check: bool = False, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", *map(str, arguments)]
        variables = {name: value for name, value in environment().items() if name not in without}
        return subprocess.run(line, capture_output=True, text=True, env=variables, cwd=tmp_path, check=check)

    return run


@pytest.fixture
def got10k_data(tmp_path: Path) -> Path:
    """val and test splits of three and two sequences of 9, 12 and 15 frames."""
    root = tmp_path / "got10k"
    for split, count in (("val", 3), ("test", 2)):
        names = [f"GOT-10k_{split.capitalize()}_{number:06d}" for number in range(1, count + 1)]
        for number, name in enumerate(names):
            frames, folder = 9 + 3 * number, root / split / name
            boxes = truth_boxes(frames, seed=number)
            write_images(folder, [f"{frame:08d}.jpg" for frame in range(1, frames + 1)], seed=number)
            save_boxes(folder / "groundtruth.txt", boxes if split == "val" else boxes[:1])
            if split == "val":
                write_meta(folder, frames, seed=number)
        (root / split / "list.txt").write_text("\n".join(names) + "\n")
    return root


@pytest.fixture
def trackingnet_data(tmp_path: Path) -> Path:
    """A TEST chunk of three sequences of 11, 12 and 13 frames, and the same with full boxes as TRAIN_0."""
    root = tmp_path / "trackingnet"
    for chunk in ("TEST", "TRAIN_0"):
        for number, name in enumerate(["-abc_0", "b_1", "c_2"]):
            boxes = truth_boxes(11 + number, seed=number)
            write_images(root / chunk / "frames" / name, [f"{frame}.jpg" for frame in range(len(boxes))], seed=number)
            save_boxes(root / chunk / "anno" / f"{name}.txt", boxes[:1] if chunk == "TEST" else boxes, decimals=2)
    return root


@pytest.fixture
def davis_data(tmp_path: Path) -> Path:
    """2016/val: two sequences of one object, written 0/255. 2017/val: two sequences, objects 1, 2 and a late 3."""
    root = tmp_path / "davis"
    names = {"2016": ["bear", "cow"], "2017": ["dogs", "kids"]}
    for year, listed in names.items():
        for number, name in enumerate(listed):
            stems = [f"{frame:05d}" for frame in range(8 + number)]
            write_images(root / "JPEGImages/480p" / name, [f"{stem}.jpg" for stem in stems], seed=number)
            folder = root / "Annotations/480p" / name
            folder.mkdir(parents=True)
            for frame, stem in enumerate(stems):
                labels = label_map(frame, late=name == "kids")
                if year == "2016":
                    cv2.imwrite(str(folder / f"{stem}.png"), (labels == 1).astype(np.uint8) * 255)
                else:
                    (folder / f"{stem}.png").write_bytes(encode_labels(labels))
        (root / "ImageSets" / year).mkdir(parents=True)
        (root / "ImageSets" / year / "val.txt").write_text("\n".join(listed) + "\n")
    return root
