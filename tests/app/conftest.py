"""A short recording with known answers, and a tracker that finds them."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ope_runner.runner import main as ope

FRAMES = 8
SIZE = (97, 121)
"""(H, W), odd on purpose: H.264 wants even sides."""

SMALL = [
    word
    for key in ("box_start.patch_size", "mask_start.patch_size", "spatial.patch_size")
    for word in ("--set", f"{key}=96")
]
"""Settings that make the real tracker quick."""


def box(index: int) -> tuple[int, int, int, int]:
    """x, y, w, h of the white square in a frame."""
    return 20 + 4 * index, 30 + index, 24, 20


def picture(index: int) -> NDArray[np.uint8]:
    """A frame (H, W, 3) RGB: a white square on noise of at most 80."""
    image = np.random.default_rng(index).integers(0, 80, (*SIZE, 3), dtype=np.uint8)
    x, y, width, height = box(index)
    image[y : y + height, x : x + width] = 255
    return image


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with `frames/` and the module `whites` whose trackers find white pixels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    (tmp_path / "frames").mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(tmp_path / "frames" / f"{index}.png"), picture(index)[..., ::-1])
    return tmp_path


@pytest.fixture(scope="session")
def whites(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`module:factory` of a tracker that answers the white pixels; see the module for its variants."""
    folder = tmp_path_factory.mktemp("trackers")
    (folder / "white_trackers.py").write_text(
        dedent(
            """
            import numpy as np
            from samn_tracker.prediction import Prediction
            from samn_tracker.shapes.regions import mask_to_box

            class Whites:
                def __init__(self, masks=True, stop_at=None):
                    self.masks, self.stop_at, self.count = masks, stop_at, 0
                def initialize(self, image, target):
                    self.count = 0
                    return self.answer(image)
                def track(self, image):
                    self.count += 1
                    if self.count == self.stop_at:
                        raise KeyboardInterrupt
                    return self.answer(image)
                def answer(self, image):
                    mask = (image.min(axis=2) > 200).astype(np.uint8)
                    return Prediction(mask_to_box(mask), None, mask if self.masks else None, 0.5)

            def boxes_only():
                return Whites(masks=False)

            def stopped():
                return Whites(stop_at=3)
            """
        ),
        encoding="utf-8",
    )
    import sys

    sys.path.append(str(folder))
    return "white_trackers:Whites"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, whites: str) -> Path:
    """Two runs of the one-pass benchmark on two sequences: one perfect, one of the box tracker MIL."""
    place = tmp_path_factory.mktemp("finished")
    for name in ("first", "second"):
        folder = place / "data" / name
        (folder / "img").mkdir(parents=True)
        for index in range(FRAMES):
            cv2.imwrite(str(folder / "img" / f"{index:04d}.jpg"), picture(index)[..., ::-1])
        rows = [",".join(map(str, box(index))) for index in range(FRAMES)]
        (folder / "groundtruth_rect.txt").write_text("\n".join(rows) + "\n")
    for name, tracker in (("white", whites), ("mil", "opencv-mil")):
        given = ["--data", str(place / "data"), "--split", "zero-based", "--tracker", tracker]
        assert ope(["run", *given, "--output", str(place / "runs" / name)]) == 0
    return place


@pytest.fixture
def runs(workplace: Path, finished: Path) -> Path:
    """The working directory, with `data/` and the finished `runs/`."""
    shutil.copytree(finished, workplace, dirs_exist_ok=True)
    return workplace
