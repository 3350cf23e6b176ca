"""Which files are frames, in which order, under which numbers; and which mask is whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from samn_tracker.errors import DatasetError
from samn_tracker.runner.digits import ascii_number
from samn_tracker.runner.frames import FrameList, image_files, ordered_images, read_frames
from samn_tracker.runner.mask_pairs import pair_by_number, require_every_mask


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def names(frames: FrameList) -> list[str]:
    return [path.name for path in frames.paths]


@pytest.mark.parametrize(
    ("given", "expected", "numbers"),
    [
        (["10.jpg", "9.jpg", "1.jpg"], ["1.jpg", "9.jpg", "10.jpg"], (1, 9, 10)),
        (["img010.PNG", "img9.png"], ["img9.png", "img010.PNG"], (9, 10)),
        (["v2_10.jpg", "v2_9.jpg"], ["v2_9.jpg", "v2_10.jpg"], (9, 10)),
        (["a2_1.jpg", "a10_1.jpg", "a2_9.jpg"], ["a2_1.jpg", "a2_9.jpg", "a10_1.jpg"], None),
        (["b.jpg", "a.jpg", "1.jpg"], ["1.jpg", "a.jpg", "b.jpg"], None),
        (["frame.7.tif"], ["frame.7.tif"], (7,)),
        (["\u00b2.jpg", "1.jpg"], ["1.jpg", "\u00b2.jpg"], None),
    ],
)
def test_names_are_ordered_by_their_numbers(
    tmp_path: Path, given: list[str], expected: list[str], numbers: tuple[int, ...] | None
) -> None:
    frames = read_frames(touch(tmp_path, *given))
    assert (names(frames), frames.numbers) == (expected, numbers)


def test_dot_names_and_files_that_are_no_images_are_not_frames(tmp_path: Path) -> None:
    folder = touch(tmp_path, "1.jpg", "._1.jpg", ".DS_Store", "Thumbs.db", "notes.txt", ".2.jpg", "jpg")
    (folder / "3.jpg").mkdir()
    assert names(read_frames(folder)) == ["1.jpg"]


@pytest.mark.parametrize("pair", [("00000.jpg", "00000.png"), ("4.jpg", "04.jpg"), ("A.jpg", "a.jpg")])
def test_two_files_for_one_frame_are_refused_with_both_names(tmp_path: Path, pair: tuple[str, str]) -> None:
    folder = touch(tmp_path, "7.jpg", *pair)
    with pytest.raises(DatasetError, match="two files for one frame") as caught:
        read_frames(folder)
    assert all(name in str(caught.value) for name in pair)


def test_a_link_to_nothing_is_named_and_not_skipped(tmp_path: Path) -> None:
    folder = touch(tmp_path, "1.jpg")
    (folder / "2.jpg").symlink_to(tmp_path / "gone.jpg")
    with pytest.raises(DatasetError, match=r"links to files that are gone: 2\.jpg"):
        read_frames(folder)
    assert len(image_files(folder, dangling_links=True)) == 2


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, 2, 3], ""),
        ([300, 301, 302], ""),
        ([0, 5, 10, 15], ""),
        ([1, 3], ""),
        ([1, 2, 4], "3"),
        ([0, 1, 2, 6, 7], "3 to 5"),
        ([0, 5, 10, 20, 25], "15"),
        ([0, 2, 4, 5, 7], "from 4 to 5, where others are 2 apart"),
        ([1403636579763555584, 1403636579813555456, 1403636579863555999], ""),
    ],
)
def test_missing_numbers_are_named(numbers: list[int], said: str) -> None:
    frames = FrameList("x", tuple(Path(f"{number}.jpg") for number in numbers))
    assert frames.gaps == said
    if said:
        with pytest.raises(DatasetError, match=f"x lacks frames in the middle: {said}"):
            frames.require_no_gap()
    else:
        frames.require_no_gap()


def test_rows_that_are_not_one_a_frame_are_refused_with_the_missing_frames_or_the_remedy() -> None:
    frames = FrameList("x", tuple(Path(f"{number}.jpg") for number in (1, 2, 4)))
    frames.require_one_row_each(3)
    with pytest.raises(DatasetError, match="x has 3 images and 4 rows of ground truth; missing in the middle: 3"):
        frames.require_one_row_each(4)
    david = FrameList("David/img", tuple(Path(f"{number:04d}.jpg") for number in range(1, 771)))
    with pytest.raises(DatasetError, match=r"770 images and 471 rows .* frames 300 to 770"):
        david.require_one_row_each(471)
    david.between(300, 770).require_one_row_each(471)
    assert names(david.between(769, None)) == ["0769.jpg", "0770.jpg"]
    with pytest.raises(DatasetError, match="has the frames 1 to 770, none of 800 to the end"):
        david.between(800, None)


def test_masks_go_to_the_frame_of_their_number(tmp_path: Path) -> None:
    frames = read_frames(touch(tmp_path / "img", *(f"frame_{number}.jpg" for number in range(8, 12))))
    masks = image_files(touch(tmp_path / "mask", "00009.png", "00011.png"))
    pairs = pair_by_number(frames, masks)
    assert {index: path.name for index, path in pairs.items()} == {1: "00009.png", 3: "00011.png"}
    with pytest.raises(DatasetError, match=r"no mask for 2 of 4 frames: frame_8\.jpg, frame_10\.jpg"):
        require_every_mask(frames, pairs, tmp_path / "mask")


def test_a_mask_without_its_frame_is_refused(tmp_path: Path) -> None:
    frames = read_frames(touch(tmp_path / "img", "0.jpg", "2.jpg"))
    masks = image_files(touch(tmp_path / "mask", "0.png", "1.png", "2.png"))
    with pytest.raises(DatasetError, match=r"masks of frames that .*img lacks: 1\.png"):
        pair_by_number(frames, masks)


def test_images_of_several_folders_are_not_interleaved(tmp_path: Path) -> None:
    paths = [touch(tmp_path / part, name) / name for part in ("part10", "part2") for name in ("2.jpg", "10.jpg")]
    ordered = ordered_images(paths, "part*/*.jpg")
    expected = ["part2/2.jpg", "part2/10.jpg", "part10/2.jpg", "part10/10.jpg"]
    assert [path.relative_to(tmp_path).as_posix() for path in ordered] == expected


def test_an_empty_and_a_missing_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no image in"):
        read_frames(tmp_path)
    with pytest.raises(DatasetError, match=r"no folder .* of images"):
        read_frames(tmp_path / "gone")
    with pytest.raises(DatasetError, match="does not exist"):
        image_files(tmp_path / "gone")


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("007", 7), ("\u00b2", None), ("\u0663", None), ("", None), ("-1", None), ("9" * 5000, None)],
)
def test_only_ascii_digits_are_a_number(text: str, number: int | None) -> None:
    assert ascii_number(text) == number
