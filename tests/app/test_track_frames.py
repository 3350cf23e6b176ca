"""Which pictures `samn track` takes, and the numbers that it gives their answers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.app.sources import ImageFiles, open_source
from samn_tracker.cli import main
from samn_tracker.errors import DatasetError, SamnError
from samn_tracker.runner.label_png import encode_labels, read_labels

from .conftest import FRAMES, SIZE, box, picture

FIRST = ["--box", "20,30,24,20"]


def rename(folder: Path, names: list[str]) -> None:
    for index, name in enumerate(names):
        (folder / f"{index}.png").rename(folder / f"new{name}")
    for name in names:
        (folder / f"new{name}").rename(folder / name)


def test_answers_keep_the_numbers_of_the_images(
    workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rename(workplace / "frames", [f"shot_{number}.png" for number in range(96, 96 + FRAMES)])
    for missing in (99, 100):
        (workplace / "frames" / f"shot_{missing}.png").unlink()
    assert main(["track", "frames", *FIRST, "--tracker", whites, "--save", "masks,json"]) == 0
    assert "frames lacks frames in the middle: 99 to 100; answers keep the numbers" in capsys.readouterr().err
    kept = [96, 97, 98, 101, 102, 103]
    masks = sorted(Path("frames_samn/masks").iterdir())
    assert [path.name for path in masks] == [f"{number:08d}.png" for number in kept]
    records = json.loads(Path("frames_samn/boxes.json").read_text())
    assert [(one["frame"], one["box"]) for one in records] == [(number, list(box(number - 96))) for number in kept]
    x, y, width, height = box(5)
    assert read_labels(masks[3])[y : y + height, x : x + width].all()


def test_start_and_end_are_the_numbers_of_the_images(workplace: Path) -> None:
    rename(workplace / "frames", [f"{number:04d}.png" for number in range(1, FRAMES + 1)])
    assert [frame.index for frame in open_source("frames", 2, 5)] == [2, 3, 4]
    with pytest.raises(DatasetError, match=r"8 images, numbered 1 to 8, none of them in 9\.\.12"):
        open_source("frames", 9, 12)


def test_pictures_whose_names_do_not_count_are_numbered_from_0(workplace: Path) -> None:
    rename(workplace / "frames", [f"{letter}.png" for letter in "abcdefgh"])
    source = open_source("frames")
    assert ([frame.index for frame in source], source.notes) == (list(range(FRAMES)), ())


@pytest.mark.parametrize("given", ["frames", "frames/*"])
def test_dot_names_and_other_files_are_no_pictures(workplace: Path, given: str) -> None:
    for name in ("._0.png", ".DS_Store", "Thumbs.db", "notes.txt"):
        (workplace / "frames" / name).write_bytes(b"\x00")
    source = open_source(given)
    assert isinstance(source, ImageFiles)
    assert source.total == FRAMES


@pytest.mark.parametrize("given", ["frames", "frames/*.png"])
def test_two_files_for_one_frame_are_refused_with_both_names(workplace: Path, given: str) -> None:
    cv2.imwrite("frames/04.png", picture(4))
    with pytest.raises(DatasetError, match=r"two files for one frame: .*04\.png and .*4\.png"):
        open_source(given)


@pytest.mark.parametrize("text", ["\u00b2", "\u0663", "1\u00b2", "9" * 5000, "99999999999"])
def test_digits_that_are_no_number_are_no_camera_and_no_traceback(workplace: Path, text: str) -> None:
    with pytest.raises(SamnError, match="there is no file or folder"):
        open_source(text)


def test_a_name_with_a_superscript_digit_is_sorted_like_any_other(workplace: Path) -> None:
    cv2.imwrite("frames/8\u00b2.png", picture(0))
    assert len(list(open_source("frames"))) == FRAMES + 1


def first_mask(soft: bool) -> np.ndarray:
    x, y, width, height = box(0)
    mask = np.zeros(SIZE, dtype=np.uint8)
    mask[y : y + height, x : x + width] = 255
    return np.asarray(cv2.GaussianBlur(mask, (3, 3), 0), dtype=np.uint8) if soft else mask


@pytest.mark.parametrize("name", ["first.png", "first.jpg"])
def test_a_soft_or_jpeg_first_mask_is_one_object(workplace: Path, whites: str, name: str) -> None:
    cv2.imwrite(name, first_mask(soft=True))
    assert main(["track", "frames", "--mask", name, "--tracker", whites, "--save", "json", "--end", "2"]) == 0
    assert {one["object"] for one in json.loads(Path("frames_samn/boxes.json").read_text())} == {1}


def test_void_in_a_first_mask_is_not_followed(workplace: Path, whites: str) -> None:
    labels = np.where(first_mask(soft=False) > 0, 3, 0).astype(np.uint8)
    labels[:4, :4] = 255
    Path("first.png").write_bytes(encode_labels(labels))
    assert main(["track", "frames", "--mask", "first.png", "--tracker", whites, "--save", "json", "--end", "2"]) == 0
    assert {one["object"] for one in json.loads(Path("frames_samn/boxes.json").read_text())} == {3}


def test_a_mask_of_unclear_greys_is_a_sentence_that_names_them(
    workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite("first.png", np.arange(SIZE[0] * SIZE[1], dtype=np.uint32).reshape(SIZE).astype(np.uint8))
    assert main(["track", "frames", "--mask", "first.png", "--tracker", whites]) == 1
    assert "--mask first.png: first.png has the 255 grey values 1, 2, 3" in capsys.readouterr().err
