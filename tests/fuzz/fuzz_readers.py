"""The truth, list, mask and result files of every runner, of `samn track` and of `samn train`, read as they are there.

Each reader has a small data set of its own, valid but for the one file under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from samn_tracker.app.benchmarks import load_benchmark
from samn_tracker.app.targets import targets_from_text
from samn_tracker.runner.frames import FrameList, ordered_images
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.lint import open_source
from samn_tracker.runner.mask_pairs import pair_by_number
from samn_tracker.train.config import SetConfig
from samn_tracker.train.layouts import open_set
from vot_workspace.conversions import with_anchors, with_masks, with_polygons
from vot_workspace.layouts import read_dataset, read_folder
from vot_workspace.score import pysot_scores
from vot_workspace.workspace import experiments_of, has_eao

Parse = Callable[[bytes, Path], object]
SIZE = (12, 16)
FRAMES = 4
MASKS = 3
ROWS = b"2.00,2.00,6.00,5.00\n3.00,2.00,6.00,5.00\n4.00,2.00,6.00,5.00\n5.00,2.00,6.00,5.00\n"
LOOSE = b"\xef\xbb\xbf2\t2\t6\t5\r\n3 2 6 5\r\nnan,nan,nan,nan\r\n5;2;6;5\r\n\r\n"
STACK = {"experiments": {"baseline": {"type": "supervised", "analyses": [{"type": "_eao_score", "low": 2, "high": 3}]}}}


@dataclass(frozen=True)
class Parser:
    """A reader: `parse(data, folder)` may use `folder`, which is its own, for files."""

    name: str
    seeds: list[bytes]
    parse: Parse


def labels(step: int = 0) -> np.ndarray:
    """Two objects and void, (12, 16)."""
    result = np.zeros(SIZE, dtype=np.uint8)
    result[2:7, 2 + step : 8 + step], result[8:11, 3:9], result[0, 0] = 1, 2, 255
    return result


@cache
def picture() -> bytes:
    return cv2.imencode(".png", np.full((*SIZE, 3), 90, dtype=np.uint8))[1].tobytes()


def mask_seeds() -> list[bytes]:
    white = (labels() == 1).astype(np.uint8) * 255
    soft = np.asarray(cv2.GaussianBlur(white, (3, 3), 0), dtype=np.uint8)
    pictures = [(".png", white), (".png", soft), (".jpg", soft), (".png", labels()), (".webp", white), (".bmp", white)]
    return [encode_labels(labels()), *(cv2.imencode(suffix, one)[1].tobytes() for suffix, one in pictures)]


def write(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def write_frames(folder: Path, name: str = "{}.png", first: int = 1) -> None:
    for number in range(first, first + FRAMES):
        write(folder / name.format(number), picture())


def reader(
    name: str, seeds: list[bytes], lay_out: Callable[[Path], None], file: str, read: Callable[[Path], object]
) -> Parser:
    """A reader of `file` in the folder that `lay_out` fills when it is first needed."""

    def parse(data: bytes, folder: Path) -> object:
        if not (folder / "ready").exists():
            lay_out(folder)
            write(folder / file, b"")
            write(folder / "ready", b"")
        (folder / file).write_bytes(data)
        return read(folder)

    return Parser(name, seeds, parse)


def ope_layout(root: Path) -> None:
    write_frames(root / "data/a/img")
    write(root / "data/a/groundtruth_rect.txt", ROWS)
    write(root / "results/a.txt", ROWS)


def got10k_layout(root: Path) -> None:
    write_frames(root / "data/val/a", "{:08d}.png")
    write(root / "data/val/list.txt", "a\n")
    write(root / "data/val/a/groundtruth.txt", ROWS)
    write(root / "data/val/a/cover.label", "8\n8\n0\n4\n")
    write(root / "data/val/a/meta_info.ini", "[METAINFO]\nresolution: (16, 12)\n")
    write(root / "results/a/a_001.txt", ROWS)
    write(root / "results/a/a_time.txt", "0.01000000\n" * FRAMES)


def trackingnet_layout(root: Path) -> None:
    write_frames(root / "data/TRAIN_0/frames/a", first=0)
    write(root / "data/TRAIN_0/anno/a.txt", ROWS)
    write(root / "results/a.txt", ROWS)


def davis_layout(root: Path) -> None:
    for number in range(MASKS):
        write(root / f"data/JPEGImages/480p/a/{number:05d}.png", picture())
        write(root / f"data/Annotations/480p/a/{number:05d}.png", encode_labels(labels(number)))
        write(root / f"results/a/{number:05d}.png", encode_labels(labels(number) % 255))
    for split in ("2016/val", "2017/val"):
        write(root / f"data/ImageSets/{split}.txt", "a\n")


def vot_layout(root: Path) -> None:
    write(root / "data/a/sequence", "fps=30\nlength=4\nwidth=16\nheight=12\n")
    write(root / "data/a/groundtruth.txt", ROWS)
    write(root / "data/a/occlusion.tag", "0\n1\n0\n0\n")
    write(root / "data/a/anchor.value", "1\n0\n0\n-1\n")
    write(root / "results/baseline/a/a_001.txt", b"1\n" + ROWS.split(b"\n", 1)[1])


def vot_masks_layout(root: Path) -> None:
    for number in range(1, MASKS):
        write(root / f"data/a/img/{number}.png", picture())
        write(root / f"data/a/mask/{number}.png", encode_labels(labels(number - 1)))


def train_layout(root: Path) -> None:
    write(root / "img/a.png", picture())
    write(root / "mask/a.png", encode_labels(labels()))
    for number in range(2):
        write(root / f"JPEGImages/480p/a/{number:05d}.jpg", picture())
        write(root / f"Annotations/480p/a/{number:05d}.png", encode_labels(labels()))


def sequences(benchmark: str, *splits: str) -> Callable[[Path], object]:
    return lambda root: [load_benchmark(benchmark).sequences(root / "data", split) for split in splits]


def scored(benchmark: str, *splits: str) -> Callable[[Path], object]:
    return lambda root: [load_benchmark(benchmark).score(root / "data", root / "results", split) for split in splits]


def linted_and_scored(benchmark: str, split: str) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        one = load_benchmark(benchmark)
        faults = one.lint(open_source(root / "results"), root / "data", split)
        return faults, one.score(root / "data", root / "results", split)

    return read


def read_vot(root: Path) -> object:
    found = read_dataset(root / "data")
    return found, has_eao(experiments_of(STACK)[0], found)


def converted_vot(root: Path) -> object:
    return [with_anchors(with_masks(with_polygons(item))) for item in read_dataset(root / "data")]


def score_vot(root: Path) -> object:
    return pysot_scores([read_folder(root / "data" / "a")], STACK, root / "results")


def read_training(name: str, **settings: object) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        source = open_set(SetConfig("one", name, **settings), root)  # type: ignore[arg-type]
        return [source.read(index) for index in range(len(source))]

    return read


def first_mask(root: Path) -> object:
    return targets_from_text([], [], [str(root / "first.png")], SIZE, [])


def frame_names(data: bytes, folder: Path) -> object:
    """Names a line each, ordered, numbered and paired; nothing is on the disk."""
    names = [line for line in data.decode("utf-8", errors="replace").splitlines() if line and "/" not in line]
    frames = FrameList("names", ordered_images(map(Path, names), "names"))
    return frames.numbers, frames.gaps, pair_by_number(frames, frames.paths[::2])


def all_readers() -> list[Parser]:
    """Every reader; only the order of the names is fixed."""
    truth, masks, val = [ROWS, LOOSE], mask_seeds(), "2017/val"
    codes = [b"1\n3,2,6,5\n4,2,6,5\n5,2,6,5\n", b"1\n2\n0\n1\n", b"1\nm2,2,3,2,1,5\n2\n0\n"]
    codes.append(b"1\n1,2,9,2,9,8,1,8\n2\n0\n")
    listed = [b"a\n", b"\xef\xbb\xbfa\r\n\r\n", "a\n".encode("utf-16")]
    sizes = [b"[METAINFO]\nresolution: (16, 12)\n", b"resolution: (0, 12)\n"]
    frames = [b"1.jpg\n2.jpg\n10.jpg", b"img_0001.png\nimg_0002.png\nimg_0004.png", b"4.jpg\n04.jpg"]
    frames.append("\u00b2.jpg\n._1.jpg\na1b02.bmp".encode())
    ope, got10k, trackingnet, davis, vot = ope_layout, got10k_layout, trackingnet_layout, davis_layout, vot_layout
    answers = linted_and_scored("got10k", "val")
    chunk = "TRAIN_0"
    return [
        Parser("frame names", frames, frame_names),
        reader("OPE truth", truth, ope, "data/a/groundtruth_rect.txt", sequences("ope", "one-based", "zero-based")),
        reader("OPE results", truth, ope, "results/a.txt", linted_and_scored("ope", "zero-based")),
        reader("GOT-10k truth", truth, got10k, "data/val/a/groundtruth.txt", sequences("got10k", "val")),
        reader("GOT-10k list", listed, got10k, "data/val/list.txt", sequences("got10k", "val")),
        reader("GOT-10k cover", [b"8\n8\n0\n4\n"], got10k, "data/val/a/cover.label", scored("got10k", "val")),
        reader("GOT-10k meta", sizes, got10k, "data/val/a/meta_info.ini", scored("got10k", "val")),
        reader("GOT-10k results", truth, got10k, "results/a/a_001.txt", answers),
        reader("GOT-10k times", [b"0.01\n" * 4, b"0.1,0.2\n" * 4], got10k, "results/a/a_time.txt", answers),
        reader("TrackingNet truth", truth, trackingnet, f"data/{chunk}/anno/a.txt", sequences("trackingnet", chunk)),
        reader("TrackingNet results", truth, trackingnet, "results/a.txt", scored("trackingnet", chunk)),
        reader("DAVIS list", listed, davis, "data/ImageSets/2017/val.txt", sequences("davis", val)),
        reader("DAVIS annotation", masks, davis, "data/Annotations/480p/a/00001.png", scored("davis", "2016/val")),
        reader("DAVIS first annotation", masks, davis, "data/Annotations/480p/a/00000.png", scored("davis", val)),
        reader("DAVIS results", masks, davis, "results/a/00001.png", scored("davis", val)),
        reader("VOT truth", [*truth, b"2,2,8,2,8,7,2,7\n" * 4], vot, "data/a/groundtruth.txt", converted_vot),
        reader("VOT list", listed, vot, "data/list.txt", read_vot),
        reader("VOT tag", [b"0\n1\n0\n0\n"], vot, "data/a/occlusion.tag", read_vot),
        reader("VOT anchors", [b"1\n0\n0\n-1\n"], vot, "data/a/anchor.value", read_vot),
        reader("VOT mask", masks, vot_masks_layout, "data/a/mask/2.png", converted_vot),
        reader("VOT results, scored", codes, vot, "results/baseline/a/a_001.txt", score_vot),
        reader("first mask of samn track", masks, lambda root: None, "first.png", first_mask),
        reader("training mask", masks, train_layout, "mask/a.png", read_training("folder")),
        reader("training mask, binary", masks, train_layout, "mask/a.png", read_training("folder", binary=True)),
        reader("training list", listed, train_layout, "ImageSets/2017/train.txt", read_training("davis")),
    ]
