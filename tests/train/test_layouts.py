"""Readers of the data sets' own layouts, on small copies of those layouts."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from training_pictures import picture, write

from samn_tracker.errors import DatasetError
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.train.config import SetConfig
from samn_tracker.train.layouts import open_set


def write_indexed(path: Path, labels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_labels(labels))


def write_list(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def test_folder_with_several_label_maps_of_one_image(tmp_path: Path) -> None:
    image, labels = picture(0, x=40, objects=2)
    write(tmp_path / "img" / "a_1.png", image)
    write(tmp_path / "mask" / "a_1_0.png", labels)
    write(tmp_path / "mask" / "a_1_1.png", labels * 2)
    source = open_set(SetConfig("s"), tmp_path)
    assert [set(np.unique(source.read(i).labels)) for i in range(2)] == [{0, 1, 2}, {0, 2, 4}]


def test_sixteen_bit_ids_are_kept(tmp_path: Path) -> None:
    image, labels = picture(0)
    write(tmp_path / "img" / "a.png", image)
    (tmp_path / "mask").mkdir()
    cv2.imwrite(str(tmp_path / "mask" / "a.png"), labels.astype(np.uint16) * 1000)
    assert set(np.unique(open_set(SetConfig("s"), tmp_path).read(0).labels)) == {0, 1000}


def test_msra10k_has_images_and_masks_in_one_folder(tmp_path: Path) -> None:
    image, labels = picture(0)
    write(tmp_path / "Imgs" / "7.jpg", image)
    write(tmp_path / "Imgs" / "7.png", labels * 255)
    source = open_set(SetConfig("msra", images="Imgs", masks="Imgs", binary=True), tmp_path)
    assert len(source) == 1
    np.testing.assert_array_equal(source.read(0).labels, labels)


def test_voc_reads_the_split_and_drops_void(tmp_path: Path) -> None:
    for name in ("2007_01", "2007_02", "2007_03"):
        image, labels = picture(0, x=40, objects=2)
        labels[0, :] = 255
        write(tmp_path / "JPEGImages" / f"{name}.jpg", image)
        write_indexed(tmp_path / "SegmentationObject" / f"{name}.png", labels)
    write_list(tmp_path / "ImageSets" / "Segmentation" / "train.txt", ["2007_01", "2007_03"])
    source = open_set(SetConfig("voc", "voc"), tmp_path)
    assert len(source) == 2
    assert set(np.unique(source.read(1).labels)) == {0, 1, 2}


def test_voc_names_files_that_the_list_promises(tmp_path: Path) -> None:
    write_list(tmp_path / "ImageSets" / "Segmentation" / "train.txt", ["2007_01"])
    with pytest.raises(DatasetError, match=r"2 files are missing.*2007_01\.jpg.*2007_01\.png"):
        open_set(SetConfig("voc", "voc"), tmp_path)


@pytest.mark.parametrize(
    ("split", "lines"),
    [
        ("2017/train", ["bear"]),
        ("2016/train", ["/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png"] * 3),
    ],
)
def test_davis_reads_the_sequences_of_its_lists(tmp_path: Path, split: str, lines: list[str]) -> None:
    for name in ("bear", "other"):
        for frame in range(3):
            image, labels = picture(0, x=30 + frame)
            write(tmp_path / "JPEGImages" / "480p" / name / f"{frame:05d}.jpg", image)
            write_indexed(tmp_path / "Annotations" / "480p" / name / f"{frame:05d}.png", labels)
    write_list(tmp_path / "ImageSets" / f"{split}.txt", lines)
    source = open_set(SetConfig("davis", "davis", split=split), tmp_path)
    assert [list(clip) for clip in source.clips] == [[0, 1, 2]]
    np.testing.assert_array_equal(source.read(2).labels, picture(0, x=32)[1])


def test_youtube_vos_keeps_annotated_frames_in_order(tmp_path: Path) -> None:
    for video in ("aa", "bb"):
        for frame in range(0, 20, 5):
            image, labels = picture(0, x=30 + frame)
            write(tmp_path / "train" / "JPEGImages" / video / f"{frame:05d}.jpg", image)
            if frame != 5:
                write_indexed(tmp_path / "train" / "Annotations" / video / f"{frame:05d}.png", labels)
    source = open_set(SetConfig("yt", "youtube_vos"), tmp_path)
    assert [list(clip) for clip in source.clips] == [[0, 1, 2], [3, 4, 5]]
    np.testing.assert_array_equal(source.read(4).labels, picture(0, x=40)[1])


def test_coco_draws_small_objects_over_large_ones_and_leaves_crowds_out(tmp_path: Path) -> None:
    write(tmp_path / "train2017" / "1.jpg", np.full((40, 60, 3), 90, np.uint8))
    write(tmp_path / "train2017" / "2.jpg", np.full((40, 60, 3), 90, np.uint8))

    def box(number: int, image: int, x: int, y: int, side: int, crowd: int = 0) -> dict[str, object]:
        corners = [x, y, x + side, y, x + side, y + side, x, y + side]
        shape = {"size": [40, 60], "counts": [0, 2400]} if crowd else [corners]
        return {"id": number, "image_id": image, "category_id": 1, "iscrowd": crowd, "area": side**2,
                "segmentation": shape, "bbox": [x, y, side, side]}  # fmt: skip

    instances = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "height": 40, "width": 60} for i in (1, 2)],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [box(1, 1, 12, 12, 8), box(2, 1, 10, 10, 20), box(3, 2, 0, 0, 40, crowd=1)],
    }
    write_list(tmp_path / "annotations" / "instances_train2017.json", [json.dumps(instances)])
    source = open_set(SetConfig("coco", "coco"), tmp_path)
    assert len(source) == 1
    labels = source.read(0).labels
    assert [(labels == value).sum() for value in (1, 2)] == [400 - 64, 64]


def test_a_label_map_of_another_size_names_both_files(tmp_path: Path) -> None:
    image, labels = picture(0)
    write(tmp_path / "img" / "a.jpg", image)
    write(tmp_path / "mask" / "a.png", labels[:50])
    with pytest.raises(DatasetError, match=r"a\.png is 128x50.*a\.jpg is 128x96"):
        open_set(SetConfig("s"), tmp_path).read(0)


@pytest.mark.parametrize("broken", ["img/a.jpg", "mask/a.png"])
def test_a_broken_file_is_named(tmp_path: Path, broken: str) -> None:
    image, labels = picture(0)
    write(tmp_path / "img" / "a.jpg", image)
    write(tmp_path / "mask" / "a.png", labels)
    (tmp_path / broken).write_bytes(b"damaged")
    with pytest.raises(DatasetError, match=Path(broken).name):
        open_set(SetConfig("s"), tmp_path).read(0)


def test_a_coloured_label_file_is_refused(tmp_path: Path) -> None:
    image, _ = picture(0)
    write(tmp_path / "img" / "a.jpg", image)
    write(tmp_path / "mask" / "a.png", image)
    with pytest.raises(DatasetError, match=r"a\.png is a RGB image"):
        open_set(SetConfig("s"), tmp_path).read(0)


def test_labels_without_an_image_are_named(tmp_path: Path) -> None:
    image, labels = picture(0)
    write(tmp_path / "img" / "a.jpg", image)
    for name in ("a", "b", "c"):
        write(tmp_path / "mask" / f"{name}.png", labels)
    with pytest.raises(DatasetError, match=r"2 label files have no image.*b\.png.*c\.png"):
        open_set(SetConfig("s"), tmp_path)


@pytest.mark.parametrize("reader", ["folder", "sequences", "voc", "davis", "youtube_vos"])
def test_a_missing_folder_is_named(tmp_path: Path, reader: str) -> None:
    with pytest.raises(DatasetError, match="nowhere"):
        open_set(SetConfig("s", reader, "nowhere"), tmp_path)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    with pytest.raises(DatasetError, match="img holds no image"):
        open_set(SetConfig("s"), tmp_path)


def test_an_unknown_reader_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="voc, davis, youtube_vos, coco"):
        open_set(SetConfig("s", "imagenet"), tmp_path)


def test_clips_are_in_the_order_of_numbers_and_dot_names_are_no_frames(tmp_path: Path) -> None:
    for number in range(8, 12):
        image, labels = picture(number)
        write(tmp_path / "clip" / "img" / f"{number}.png", image)
        write_indexed(tmp_path / "clip" / "mask" / f"{number:04d}.png", labels)
    for junk in ("clip/img/._8.png", "clip/mask/._0008.png", "clip/mask/Thumbs.db", ".trash/img/1.png"):
        write(tmp_path / junk, picture(0)[0]) if junk.endswith(".png") else (tmp_path / junk).touch()
    source = open_set(SetConfig("s", "sequences"), tmp_path)
    assert [list(clip) for clip in source.clips] == [[0, 1, 2, 3]]
    for index in range(4):
        np.testing.assert_array_equal(source.read(index).image, picture(8 + index)[0])
        np.testing.assert_array_equal(source.read(index).labels, picture(8 + index)[1])


def test_void_of_davis_and_the_grey_edges_of_a_soft_mask_are_no_objects_to_learn(tmp_path: Path) -> None:
    image, labels = picture(0, x=40, objects=2)
    void = labels.copy()
    void[0, :] = 255
    write(tmp_path / "JPEGImages/480p/bear/00000.jpg", image)
    write_indexed(tmp_path / "Annotations/480p/bear/00000.png", void)
    write_list(tmp_path / "ImageSets/2017/train.txt", ["\ufeffbear"])
    assert set(np.unique(open_set(SetConfig("d", "davis"), tmp_path).read(0).labels)) == {0, 1, 2}
    soft = cv2.GaussianBlur((labels > 0).astype(np.uint8) * 255, (5, 5), 0)
    write(tmp_path / "stills/img/a.png", image)
    write(tmp_path / "stills/mask/a.png", soft)
    read = open_set(SetConfig("s"), tmp_path / "stills").read(0).labels
    np.testing.assert_array_equal(read, soft > 127)


def test_a_binary_mask_of_0_and_1_is_not_empty(tmp_path: Path) -> None:
    image, labels = picture(0)
    write(tmp_path / "img" / "a.png", image)
    write(tmp_path / "mask" / "a.png", labels)
    np.testing.assert_array_equal(open_set(SetConfig("s", binary=True), tmp_path).read(0).labels, labels)


@pytest.mark.parametrize("line", ["/", "/x", "a" * 300, "../x/../1.jpg ../x/../1.png"])
def test_a_line_of_a_list_that_names_no_sequence_is_refused(tmp_path: Path, line: str) -> None:
    write_list(tmp_path / "ImageSets/2017/train.txt", [line])
    with pytest.raises(DatasetError):
        open_set(SetConfig("d", "davis"), tmp_path)
