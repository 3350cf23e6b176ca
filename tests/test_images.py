"""Images at the edge: every kind of file and array that users have, and a clear error for the rest."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from samn_tracker.errors import ImageError
from samn_tracker.images import ImageReader, as_rgb, decode_image, next_frame, read_image


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """(60, 80, 3) RGB without sharp edges, so that JPEG keeps it."""
    rows, columns = np.mgrid[:60, :80]
    return np.stack([rows * 4, columns * 3, 255 - rows - columns], axis=-1).astype(np.uint8)


def encoded(picture: NDArray[np.uint8], file_format: str, mode: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(stream, file_format, quality=98)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("file_format", "mode", "tolerance"),
    [("PNG", "RGB", 0), ("PNG", "RGBA", 0), ("BMP", "RGB", 0), ("JPEG", "RGB", 6), ("JPEG", "CMYK", 8)],
)
def test_colour_files(picture: NDArray[np.uint8], file_format: str, mode: str, tolerance: int) -> None:
    result = decode_image(encoded(picture, file_format, mode), "picture")
    assert (result.shape, result.dtype) == ((60, 80, 3), np.uint8)
    np.testing.assert_allclose(result.astype(int), picture, atol=tolerance)


@pytest.mark.parametrize(("file_format", "mode"), [("PNG", "L"), ("PNG", "LA"), ("BMP", "L")])
def test_greyscale_files(picture: NDArray[np.uint8], file_format: str, mode: str) -> None:
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    result = decode_image(encoded(picture, file_format, mode), "picture")
    np.testing.assert_array_equal(result, np.repeat(grey[..., None], 3, axis=2))


def test_a_palette_file(picture: NDArray[np.uint8]) -> None:
    expected = np.asarray(Image.fromarray(picture).convert("P").convert("RGB"))
    np.testing.assert_array_equal(decode_image(encoded(picture, "PNG", "P"), "picture"), expected)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_16_bit_files_and_arrays_are_scaled_to_8_bit(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 0x80FF, dtype=np.uint16)
    data = cv2.imencode(".png", image)[1].tobytes()
    np.testing.assert_array_equal(decode_image(data, "picture"), np.full((5, 7, 3), 0x80))
    np.testing.assert_array_equal(as_rgb(image), np.full((5, 7, 3), 0x80))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "BMP"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_a_truncated_file(picture: NDArray[np.uint8], file_format: str, share: float, tmp_path: Path) -> None:
    data = encoded(picture, file_format, "RGB")
    path = tmp_path / "frame.img"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError, match=r"frame\.img is not a readable image"):
        read_image(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image file"):
        read_image(tmp_path / "00000001.jpg")
    with pytest.raises(ImageError, match="cannot be read: Is a directory"):
        read_image(tmp_path)


def test_a_file_name_with_accents_and_spaces(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "vidéo 日本" / "image 1.png"
    path.parent.mkdir()
    path.write_bytes(encoded(picture, "PNG", "RGB"))
    np.testing.assert_array_equal(read_image(path), picture)


def test_arrays_become_rgb(picture: NDArray[np.uint8]) -> None:
    grey = picture[..., 0]
    repeated = np.repeat(grey[..., None], 3, axis=2)
    alpha = np.dstack([picture, np.full(grey.shape, 9, dtype=np.uint8)])
    np.testing.assert_array_equal(as_rgb(picture), picture)
    np.testing.assert_array_equal(as_rgb(grey), repeated)
    np.testing.assert_array_equal(as_rgb(grey[..., None]), repeated)
    np.testing.assert_array_equal(as_rgb(alpha), picture)


def test_a_view_becomes_contiguous(picture: NDArray[np.uint8]) -> None:
    result = as_rgb(picture[::-1, :, ::-1])
    assert result.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(result, picture[::-1, :, ::-1])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([[1, 2], [3, 4]], "numpy array"),
        (None, "numpy array"),
        (np.zeros((4, 4, 3)), "uint8"),
        (np.zeros((4, 4, 3), dtype=bool), "uint8"),
        (np.zeros((0, 4, 3), dtype=np.uint8), "shape"),
        (np.zeros(4, dtype=np.uint8), "shape"),
        (np.zeros((1, 4, 4, 3), dtype=np.uint8), "shape"),
        (np.zeros((3, 40, 50), dtype=np.uint8), "channels"),
        (np.zeros((4, 4, 2), dtype=np.uint8), "channels"),
    ],
)
def test_what_is_no_image_is_an_error(image: object, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        as_rgb(image)


def test_a_frame_of_another_size_than_the_first_is_told_with_its_number(picture: NDArray[np.uint8]) -> None:
    assert np.array_equal(next_frame(picture, (60, 80), 7), picture)
    with pytest.raises(ImageError, match="frame 7 is 80x60, expected 80x61; all frames"):
        next_frame(picture, (61, 80), 7)


def test_png_chunk_that_promises_gigabytes_is_refused_before_room_is_made(picture: NDArray[np.uint8]) -> None:
    """Found by fuzzing: 230 bytes took 2 GB and more than a second."""
    data = bytearray(encoded(picture, "PNG", "RGB"))
    place = data.index(b"IDAT") - 4
    data[place : place + 4] = struct.pack(">I", 2**31 - 1)
    with pytest.raises(ImageError, match="it promises more"):
        decode_image(bytes(data), "picture")


def test_png_with_more_behind_its_end_is_read(picture: NDArray[np.uint8]) -> None:
    data = encoded(picture, "PNG", "RGB") + b"\xff" * 40
    np.testing.assert_array_equal(decode_image(data, "picture"), picture)


def thermal(shift: int = 0) -> NDArray[np.uint16]:
    """A 16-bit frame (40, 60) as of a thermal camera: a warm square of 31,000 on 29,000 to 29,500."""
    rng = np.random.default_rng(0)
    image = rng.integers(29_000, 29_500, (40, 60)).astype(np.uint16)
    image[10:20, 20 + shift : 30 + shift] = 31_000
    return image


def test_thermal_frames_are_not_flattened_to_one_grey(tmp_path: Path) -> None:
    """All by the range of the first, so that a temperature keeps its grey: 28,500 is 0 and 31,500 is 255."""
    pictures = ImageReader()
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), thermal(index))
    cv2.imwrite(str(paths[1]), np.minimum(thermal(1), 30_000))
    first, second = (pictures.read(path) for path in paths)
    assert first.dtype == np.uint8 and first.shape == (40, 60, 3)
    assert abs(int(first[15, 25, 0]) - 255 * 2500 / 3000) < 3
    assert 35 < first[:5].mean() < 75
    assert abs(int(second[15, 25, 0]) - 255 * 1500 / 3000) < 3, "not stretched again"
    assert pictures.note is not None and pictures.note.startswith("16-bit pictures: the values 28")
    assert np.array_equal(ImageReader().convert(thermal()), first)


def test_16_bit_frames_of_the_whole_range_are_as_they_were() -> None:
    image = (np.arange(40 * 60).reshape(40, 60) * 27).astype(np.uint16)
    pictures = ImageReader()
    assert np.array_equal(pictures.convert(image)[..., 0], image >> 8)
    assert pictures.note is None


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_stills_are_turned_upright_as_their_exif_says(file_format: str, orientation: int) -> None:
    """Every orientation of the same scene, a bright corner at the top left of a wide picture."""
    upright = np.full((32, 48, 3), 40, np.uint8)
    upright[:16, :16] = 220
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(stored)).save(buffer, file_format, exif=exif)
    read = decode_image(buffer.getvalue(), "still")
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 3
