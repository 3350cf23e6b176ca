"""Small data sets of one-pass evaluation in their official layouts: real names and frame ranges, tiny images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

SIZE = (48, 64)


def wander(frames: int, seed: int) -> np.ndarray:
    """(frames, 4) whole-number boxes that move inside the image, all values above 0."""
    rng = np.random.default_rng(seed)
    corners = 15 + np.cumsum(rng.integers(-1, 2, (frames, 2)), axis=0)
    return np.hstack([np.clip(corners, 2, 28), np.full((frames, 2), [16, 12])]).astype(float)


@dataclass
class Tree:
    """A data set on disk. `truth` is by our names; `flagged` the frames that are flagged as absent."""

    root: Path
    truth: dict[str, np.ndarray] = field(default_factory=dict)

    def images(self, folder: Path, names: list[str]) -> None:
        """Links to three images, so that the longest official sequence costs nothing."""
        folder.mkdir(parents=True, exist_ok=True)
        sources = [self._source(index) for index in range(3)]
        for number, name in enumerate(names):
            (folder / name).symlink_to(sources[number % 3])

    def rows(self, path: Path, name: str, frames: int, separator: str = ",") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.truth[name] = wander(frames, seed=len(self.truth))
        np.savetxt(path, self.truth[name], fmt="%d", delimiter=separator)

    def _source(self, index: int) -> Path:
        path = self.root.parent / f"source{index}.jpg"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(index).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
            cv2.imwrite(str(path), pixels)
        return path


def numbered(first: int, last: int, pattern: str) -> list[str]:
    return [pattern % number for number in range(first, last + 1)]


def otb(root: Path) -> Tree:
    """The five cut sequences, of which David has images before its range, and the three folders of several targets."""
    tree = Tree(root)
    lengths = {"David": (770, 471), "Football1": (80, 74), "Freeman3": (475, 460), "Freeman4": (297, 283)}
    for name, (images, rows) in (lengths | {"Diving": (231, 215), "Deer": (71, 71)}).items():
        tree.images(root / name / "img", numbered(1, images, "%04d.jpg"))
        tree.rows(root / name / "groundtruth_rect.txt", name, rows, separator="\t" if name == "Deer" else ",")
    for name, targets in (("Jogging", (1, 2)), ("Skating2", (1, 2)), ("Human4", (2,))):
        tree.images(root / name / "img", numbered(1, 30, "%04d.jpg"))
        for target in targets:
            tree.rows(root / name / f"groundtruth_rect.{target}.txt", f"{name}-{target}", 30)
    (root / "Human4" / "groundtruth_rect.1.txt").write_text("")
    return tree


def uav123(root: Path) -> Tree:
    """Three names cut from one folder, and two of a folder each."""
    tree = Tree(root)
    parts = {"bird1_1": ("bird1", 1, 253), "bird1_2": ("bird1", 775, 1477), "bird1_3": ("bird1", 1573, 2437)}
    parts |= {"uav6": ("uav6", 1, 109), "uav5": ("uav5", 1, 139)}
    for folder, images in (("bird1", 2437), ("uav6", 109), ("uav5", 139)):
        tree.images(root / "data_seq/UAV123" / folder, numbered(1, images, "%06d.jpg"))
    for name, (_, first, last) in parts.items():
        tree.rows(root / "anno/UAV123" / f"{name}.txt", name, last - first + 1)
    attributes = root / "anno/UAV123/att/uav6.txt"
    attributes.parent.mkdir()
    attributes.write_text("1,0,1,0,0,0,0,0,0,0,0,1\n")
    return tree


def nfs(root: Path, rate: int) -> Tree:
    """Rows of corners; of 30 a second one sequence has the rows of 240, and one has an image more than rows."""
    tree = Tree(root)
    for name, images in (("airboard_1", 12), ("bee", 9), ("car", 15), ("dog", 8), ("yoyo", 10)):
        place = root / name / str(rate)
        tree.images(place / name, numbered(1, images + (name == "dog"), "%05d.jpg"))
        tree.rows(root.parent / "unused.txt", name, images)
        every = 8 if (rate, name) == (30, "bee") else 1
        lines = []
        for x, y, w, h in np.repeat(tree.truth[name], every, axis=0):
            lines.append(f'{len(lines)} {x:.0f} {y:.0f} {x + w:.0f} {y + h:.0f} 0 0 0 1 "{name}"')
        (place / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return tree


def lasot(root: Path, names: tuple[str, ...] = ("airplane-1", "airplane-9", "dog-1", "yoyo-7", "zebra-10")) -> Tree:
    """Frame 3 of each is occluded, frame 4 out of view."""
    tree = Tree(root)
    for number, name in enumerate(names):
        folder = root / name.split("-")[0] / name
        frames = 8 + number
        tree.images(folder / "img", numbered(1, frames, "%08d.jpg"))
        tree.rows(folder / "groundtruth.txt", name, frames)
        for flag, index in (("full_occlusion", 3), ("out_of_view", 4)):
            (folder / f"{flag}.txt").write_text(",".join(str(int(one == index)) for one in range(frames)) + "\n")
    return tree


def lasot_extension(root: Path) -> Tree:
    return lasot(root, ("atv-1", "atv-10", "misc-3", "rhino-2", "wingsuit-4"))


def tc128(root: Path) -> Tree:
    """The second sequence begins at image 5 of 20."""
    tree = Tree(root)
    for name, first, last in (
        ("Airport_ce", 1, 9),
        ("Ball_ce1", 5, 16),
        ("Bee_ce", 1, 8),
        ("Hand", 1, 7),
        ("Yo", 2, 9),
    ):
        tree.images(root / name / "img", numbered(1, 20, "%04d.jpg"))
        tree.rows(root / name / f"{name}_gt.txt", name, last - first + 1)
        (root / name / f"{name}_frames.txt").write_text(f"{first},{last}\n")
    return tree


def dtb70(root: Path) -> Tree:
    tree = Tree(root)
    for number, name in enumerate(["Animal1", "BMX2", "Car2", "Gull1", "Yacht4"]):
        tree.images(root / name / "img", numbered(1, 8 + number, "%05d.jpg"))
        tree.rows(root / name / "groundtruth_rect.txt", name, 8 + number)
    return tree


def tnl2k(root: Path) -> Tree:
    """Images named as in the set: by any number, jpg or png."""
    tree = Tree(root)
    for number, name in enumerate(["Arrow_Video_ZZ04_done", "BF5_Blade", "CartoonYouXiZhiWang", "INF_a", "test_015"]):
        tree.images(root / name / "imgs", numbered(11, 20, "%05d.png" if number % 2 else "%08d.jpg"))
        tree.rows(root / name / "groundtruth.txt", name, 10)
        for place, values in {
            f"att/{name}_attribute.txt": [one == number for one in range(17)],
            f"absent/{name}.txt": [one == 5 for one in range(10)],
        }.items():
            (root / "annos" / place).parent.mkdir(parents=True, exist_ok=True)
            (root / "annos" / place).write_text(",".join(str(int(one)) for one in values) + "\n")
    return tree


def avist(root: Path) -> Tree:
    """Frame 2 of each is occluded."""
    tree = Tree(root)
    for number, name in enumerate(["air_show", "bear_in_snow", "black_cat_1", "plaice", "zebra_in_water"]):
        frames = 7 + number
        tree.images(root / "sequences" / name, numbered(1, frames, "img_%05d.jpg"))
        tree.rows(root / "anno" / f"{name}.txt", name, frames, separator=" ")
        for flag in ("full_occlusion", "out_of_view"):
            path = root / flag / f"{name}_{flag}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"{int(flag == 'full_occlusion' and one == 2)}\n" for one in range(frames)))
    return tree


TREES: Mapping[str, Callable[[Path], Tree]] = {
    "otb100": otb,
    "uav123": uav123,
    "nfs30": lambda root: nfs(root, 30),
    "nfs240": lambda root: nfs(root, 240),
    "lasot": lasot,
    "lasot-ext": lasot_extension,
    "tc128": tc128,
    "dtb70": dtb70,
    "tnl2k": tnl2k,
    "avist": avist,
}


def write_results(folder: Path, truth: Mapping[str, np.ndarray], seed: int = 0) -> dict[str, np.ndarray]:
    """Noisy boxes, NAME.txt; returned by name."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    answers = {}
    for name, boxes in truth.items():
        noise = rng.normal(0, 3, boxes.shape).cumsum(axis=0) * [1, 1, 0.05, 0.05]
        answers[name] = (np.nan_to_num(boxes, nan=10) + noise).clip([-99, -99, 1, 1]).round(4)
        np.savetxt(folder / f"{name}.txt", answers[name], fmt="%.4f", delimiter=",")
    return answers
