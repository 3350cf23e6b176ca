"""Indexed PNG files with the palette of DAVIS."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from samn_tracker.errors import ImageError
from samn_tracker.runner.label_png import decode_grey, decode_labels, encode_labels, palette, read_labels


def test_palette_begins_like_that_of_davis() -> None:
    assert palette()[:5].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert palette()[8].tolist() == [64, 0, 0]
    assert len({tuple(colour) for colour in palette().tolist()}) == 256


def test_labels_survive_and_other_readers_see_ids_and_colours() -> None:
    labels = np.random.default_rng(0).integers(0, 256, (33, 47), dtype=np.uint8)
    data = encode_labels(labels)
    np.testing.assert_array_equal(decode_labels(data, "x"), labels)
    image = Image.open(io.BytesIO(data))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette()[labels])
    assert encode_labels(labels.copy()) == data


def test_colours_and_damage_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(buffer, format="PNG")
    with pytest.raises(ImageError, match="not an indexed one"):
        decode_labels(buffer.getvalue(), "rgb.png")
    with pytest.raises(ImageError, match="not a readable image"):
        decode_labels(encode_labels(np.zeros((40, 40), np.uint8))[:60], "short.png")
    with pytest.raises(ImageError, match="no label map"):
        read_labels(tmp_path / "absent.png")


def test_the_fast_decoder_takes_whole_grey_pngs_only_and_answers_what_pillow_does() -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    whole = cv2.imencode(".png", values)[1].tobytes()
    np.testing.assert_array_equal(decode_grey(whole), values)
    np.testing.assert_array_equal(decode_labels(whole, "whole"), values)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    others = [whole[:-20], bytes(damaged), encode_labels(values), cv2.imencode(".jpg", values)[1].tobytes(), b""]
    others.append(cv2.imencode(".png", values.astype(np.uint16) << 8)[1].tobytes())
    assert [decode_grey(data) for data in others] == [None] * len(others)
