"""Small data folders, and results as the toolkit would leave them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vot_workspace.create import create
from vot_workspace.layouts import read_dataset
from vot_workspace.trajectory import Region, write_trajectory
from vot_workspace.workspace import Expected, Workspace

SIZE = (64, 48)


def left(step: int) -> int:
    """Column of the target: it goes right and back again."""
    return 8 + abs((step + 36) % 72 - 36)


def picture(step: int) -> np.ndarray:
    """(48, 64, 3): a textured square of 16 pixels at y = 10, x = left(step), over texture."""
    random = np.random.default_rng(7)
    image = cv2.GaussianBlur(random.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8), (0, 0), 2)
    image[10:26, left(step) : left(step) + 16] = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
    return image


def polygon(step: int) -> list[int]:
    x = left(step)
    return [x, 10, x + 16, 10, x + 16, 26, x, 26]


def mask(step: int) -> np.ndarray:
    image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    image[10:26, left(step) : left(step) + 16] = 255
    return image


def write_images(folder: Path, length: int, name: str = "{:08d}.jpg", first: int = 1) -> list[str]:
    folder.mkdir(parents=True)
    names = [name.format(step + first) for step in range(length)]
    for step, file in enumerate(names):
        cv2.imwrite(str(folder / file), picture(step))
    return names


def write_flat(root: Path, lengths: dict[str, int]) -> Path:
    """The layout of 2016 to 2019."""
    for name, length in lengths.items():
        write_images(root / name, length)
        rows = [",".join(map(str, polygon(step))) for step in range(length)]
        (root / name / "groundtruth.txt").write_text("\n".join(rows))
    (root / "list.txt").write_text("\n".join(lengths))
    return root


def write_result(workspace: Workspace, tracker: str, item: Expected, regions: list[Region] | None = None) -> Path:
    """A whole result with times and confidences: the target's own polygon, or one box where it is a mask."""
    folder = workspace.results(tracker) / item.experiment.name / item.sequence
    path = folder / f"{item.stem}.bin"
    followed = item.experiment.kind != "multistart"
    truth = workspace.sequences[item.sequence].groundtruth if followed else [np.array([8.0, 10, 16, 16])] * item.length
    answer: list[Region] = regions or [1, *truth[1:]]
    write_trajectory(path, answer)
    (folder / f"{item.stem}_time.value").write_text("0.01\n" * len(answer))
    (folder / f"{item.stem}_confidence.value").write_text("\n" + "0.9\n" * (len(answer) - 1))
    return path


def made(folder: Path, rules: str = "demo", lengths: dict[str, int] | None = None) -> Workspace:
    data = write_flat(folder / "data", lengths or {"b": 40, "a": 12})
    create(folder / "workspace", rules, read_dataset(data), tracker="opencv-mil")
    return Workspace(folder / "workspace")


def complete(workspace: Workspace, tracker: str = "MIL") -> list[Path]:
    return [write_result(workspace, tracker, item) for item in workspace.expected()]
