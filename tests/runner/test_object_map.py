"""Masks as drawing programs, scalers and JPEG leave them: one object, the ids, or a sentence."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from samn_tracker.errors import ImageError
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.object_map import decode_objects, read_objects

Values = NDArray[np.uint8]


def disc(blur: bool = False) -> Values:
    """A white disc of radius 30 on black, (96, 96)."""
    rows, columns = np.mgrid[:96, :96]
    distance = np.hypot(rows - 48, columns - 48)
    soft = np.clip(30.5 - distance, 0, 1) if blur else distance <= 30
    return np.asarray(np.rint(255 * soft), dtype=np.uint8)


def coded(values: Values, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, values)[1].tobytes()


def grey_png(values: Values) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("colour", [False, True])
def test_a_soft_or_jpeg_mask_is_one_object_and_not_dozens(suffix: str, colour: bool) -> None:
    mask = disc(blur=True)
    given = np.repeat(mask[..., None], 3, axis=2) if colour else mask
    objects = decode_objects(coded(given, suffix), "a mask")
    assert np.unique(objects).tolist() == [0, 1]
    wrong = (objects != (mask > 127)).sum()
    assert wrong <= (0 if suffix == ".png" else 20), "JPEG moves the edge by some pixels"


def test_a_mask_of_0_and_255_is_one_object() -> None:
    for data in (grey_png(disc()), encode_labels(disc())):
        assert np.array_equal(decode_objects(data, "a mask"), disc() // 255)
    assert not decode_objects(encode_labels(disc()), "a frame of a set of several objects", white_is_object=False).any()
    assert decode_objects(grey_png(disc()), "a mask", white_is_object=False).any()


@pytest.mark.parametrize("indexed", [False, True])
def test_void_is_not_an_object(indexed: bool) -> None:
    labels = np.zeros((20, 20), dtype=np.uint8)
    labels[2:8, 2:8], labels[10:18, 10:18], labels[8:10, 8:10] = 1, 2, 255
    data = encode_labels(labels) if indexed else grey_png(labels)
    assert np.array_equal(decode_objects(data, "ids"), np.where(labels == 255, 0, labels))
    assert np.array_equal(decode_objects(data, "ids", single=True), (labels % 255 > 0).astype(np.uint8))


@pytest.mark.parametrize(
    ("values", "indexed", "expected"),
    [
        ([4, 9, 200], True, [4, 9, 200]),
        ([3, 7], False, [3, 7]),
        ([128], False, [128]),
        (list(range(1, 110)), False, list(range(1, 110))),
        ([], False, []),
        ([7, 255], True, [7]),
    ],
)
def test_ids_stay_what_they_are(values: list[int], indexed: bool, expected: list[int]) -> None:
    labels = np.zeros((12, 12), dtype=np.uint8)
    labels.ravel()[: len(values)] = values
    objects = decode_objects(encode_labels(labels) if indexed else grey_png(labels), "ids")
    assert np.unique(objects[objects > 0]).tolist() == expected


@pytest.mark.parametrize(
    ("values", "suffix", "named"),
    [
        ([20, 255], ".png", "2 grey values 20, 255"),
        (list(range(2, 200, 4)), ".png", "50 grey values 2, 6, 10"),
        ([60] * 40, ".jpg", "grey values"),
    ],
)
def test_what_is_neither_mask_nor_ids_is_a_sentence_that_names_the_grey_values(
    values: list[int], suffix: str, named: str
) -> None:
    labels = np.zeros((96, 96), dtype=np.uint8)
    labels.ravel()[: len(values)] = values
    with pytest.raises(ImageError, match=named) as caught:
        decode_objects(coded(labels, suffix), "odd.png")
    assert "indexed PNG" in str(caught.value)


def test_colours_sixteen_bits_and_missing_files_are_refused(tmp_path: Path) -> None:
    colours = np.zeros((4, 4, 3), dtype=np.uint8)
    colours[0, 0] = (1, 2, 3)
    with pytest.raises(ImageError, match="colours, not object ids"):
        decode_objects(coded(colours), "a.png")
    with pytest.raises(ImageError, match="more than 8 bits"):
        decode_objects(coded(np.full((4, 4), 300, dtype=np.uint16)), "a.png")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="no mask"):
        read_objects(tmp_path / "gone.png")
