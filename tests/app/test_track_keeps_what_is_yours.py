"""`samn track` never removes or writes over a person's own files; every symptom here once lost some."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import cv2
import pytest

from samn_tracker.cli import main
from samn_tracker.files import locked
from samn_tracker.output_folder import RECORD
from samn_tracker.runner.label_png import encode_labels

from .conftest import FRAMES, picture
from .test_track import FIRST, truth
from .test_video import write_video


def content(folder: Path) -> Mapping[str, bytes]:
    """Every file below the folder, and what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def sequence(workplace: Path) -> Path:
    """A sequence with a person's own ground truth: images, masks, boxes and coco.json, numbered as ours would be."""
    place = workplace / "seq"
    (place / "images").mkdir(parents=True)
    (place / "masks").mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(place / "images" / f"{index:08d}.png"), picture(index)[..., ::-1])
        (place / "masks" / f"{index:08d}.png").write_bytes(encode_labels(truth(index)))
    (place / "boxes.txt").write_text("the boxes that I drew\n")
    (place / "coco.json").write_text('["mine"]')
    return place


@pytest.mark.parametrize("saved", ["masks,txt,coco", "masks", "txt", "coco"])
def test_ground_truth_beside_the_images_is_not_taken_for_an_earlier_run(
    sequence: Path, whites: str, capsys: pytest.CaptureFixture[str], saved: str
) -> None:
    before = content(sequence)
    given = ["--mask", "seq/masks/00000000.png", "--tracker", whites]
    assert main(["track", "seq/images", *given, "--save", saved, "--output", "seq"]) == 1
    assert content(sequence) == before
    said = capsys.readouterr().err
    assert "choose another --output" in said
    assert "earlier run:" not in said


@pytest.mark.parametrize("link", ["no", "folder", "output", "files"])
def test_pictures_that_are_read_are_not_deleted_for_the_masks(
    sequence: Path, whites: str, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also through links: of the folder that is read, of the one that is written, of every file."""
    read, output = "seq/masks", "seq"
    if link == "folder":
        Path("elsewhere").symlink_to(sequence / "masks")
        read = "elsewhere"
    elif link == "output":
        Path("out").mkdir()
        Path("out/masks").symlink_to(sequence / "masks")
        output = "out"
    elif link == "files":
        Path("hard").mkdir()
        for path in (sequence / "masks").iterdir():
            os.link(path, Path("hard") / path.name)
        read = "hard"
    before = content(sequence)
    assert main(["track", read, *FIRST, "--tracker", whites, "--save", "masks", "--output", output]) == 1
    assert content(sequence) == before
    assert "choose another --output" in capsys.readouterr().err


def test_an_overlay_tracked_into_its_own_folder_does_not_replace_itself(
    workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["--tracker", whites, "--save", "overlay,txt", "--output", "out"]
    assert main(["track", "frames", *FIRST, *run]) == 0
    before = content(Path("out"))
    assert main(["track", "out/overlay.mp4", *FIRST, *run]) == 1
    assert content(Path("out")) == before
    assert "out/overlay.mp4 is read, and would be written over" in capsys.readouterr().err
    Path("link.mp4").symlink_to("out/overlay.mp4")
    assert main(["track", "link.mp4", *FIRST, *run]) == 1
    assert content(Path("out")) == before


def test_a_video_called_overlay_is_not_replaced(workplace: Path, whites: str) -> None:
    Path("films").mkdir()
    data = write_video(workplace / "films/overlay.mp4", 3)
    write_video(workplace / "films/other.mp4", 3)
    assert main(["track", "films/other.mp4", *FIRST, "--tracker", whites, "--output", "films"]) == 1
    assert Path("films/overlay.mp4").read_bytes() == data
    assert sorted(path.name for path in Path("films").iterdir()) == ["other.mp4", "overlay.mp4"]


def test_masks_of_an_earlier_run_given_as_first_mask_are_not_deleted(workplace: Path, whites: str) -> None:
    run = ["--tracker", whites, "--save", "masks", "--output", "out"]
    assert main(["track", "frames", *FIRST, *run]) == 0
    before = content(Path("out"))
    assert main(["track", "frames", "--mask", "out/masks/00000000.png", *run]) == 1
    assert content(Path("out")) == before


def test_debug_pictures_do_not_delete_pictures(
    sequence: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(sequence)
    for folder in ("seq/images", "seq/masks"):
        assert main(["track", "seq/images", *FIRST, "--tracker", weights, "--debug-dir", folder]) == 1
        assert "choose another --debug-dir" in capsys.readouterr().err
    assert content(sequence) == before
    assert not Path("images_samn").exists()


def test_a_ruler_is_not_drawn_over_a_picture_that_is_read(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(Path("frames"))
    Path("link.png").symlink_to("frames/0.png")
    for name in ("frames/0.png", "link.png"):
        assert main(["track", "frames", "--ruler", name]) == 1
        assert "is read, and would be written over; choose another --ruler" in capsys.readouterr().err
    assert content(Path("frames")) == before


def test_a_record_that_leads_elsewhere_removes_nothing(workplace: Path, whites: str) -> None:
    Path("boxes.txt").write_text("mine")
    Path("out").mkdir()
    Path("out", RECORD).write_text(f"../boxes.txt\n{workplace}/boxes.txt\nmasks/../../boxes.txt\n\0\n")
    assert main(["track", "frames", *FIRST, "--tracker", whites, "--save", "txt", "--output", "out"]) == 0
    assert Path("boxes.txt").read_text() == "mine"


def test_what_a_killed_run_wrote_is_an_earlier_run(workplace: Path, whites: str) -> None:
    """Its record names each file before there is one; the half of an overlay goes too."""
    run = ["track", "frames", *FIRST, "--tracker", whites, "--save", "overlay,txt,masks", "--output", "out"]
    assert main(run) == 0
    Path("out/overlay.mp4").rename("out/overlay.part.mp4")
    shutil.rmtree("out/masks")
    assert main([*run, "--end", "2"]) == 0
    assert sorted(path.name for path in Path("out").iterdir() if path.name[0] != ".") == [
        "boxes.txt", "masks", "overlay.mp4",
    ]  # fmt: skip
    assert len(list(Path("out/masks").iterdir())) == 2


def test_two_runs_into_one_folder_do_not_mix(workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["track", "frames", *FIRST, "--tracker", whites, "--save", "txt", "--output", "out"]
    assert main(run) == 0
    before = content(Path("out"))
    with locked(Path("out")):
        before = content(Path("out"))
        assert main(run) == 1
        assert content(Path("out")) == before
    said = capsys.readouterr().err
    assert f"out is being written by process {os.getpid()}" in said
    assert "replaced" not in said, "nothing was"
