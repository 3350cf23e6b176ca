"""The packed file: what goes in comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samn_tracker.errors import DatasetError
from samn_tracker.train.config import SetConfig
from samn_tracker.train.layouts import open_set
from samn_tracker.train.sources import LabelledImage, read_pack, shrink, write_pack


def test_a_pack_keeps_labels_exactly_and_images_nearly(small_data: Path, tmp_path: Path) -> None:
    stills = open_set(SetConfig("stills", path="stills", binary=True), small_data)
    clips = open_set(SetConfig("clips", "sequences", "clips", binary=True), small_data)
    write_pack([stills, clips], tmp_path / "all.npz", {"stills": 480, "clips": 480}, quality=95)
    packed = read_pack(tmp_path / "all.npz")
    assert list(packed) == ["stills", "clips"]
    assert [list(clip) for clip in packed["clips"].clips] == [list(range(8)), list(range(8, 16))]
    for source in (stills, clips):
        assert len(packed[source.name]) == len(source)
        for index in (0, len(source) - 1):
            before, after = source.read(index), packed[source.name].read(index)
            np.testing.assert_array_equal(before.labels, after.labels)
            assert np.abs(before.image.astype(int) - after.image).mean() < 4


def test_packing_shrinks_the_longer_side_and_keeps_ids() -> None:
    labels = np.zeros((100, 200), np.uint16)
    labels[20:60, 40:80] = 300
    small = shrink(LabelledImage(np.zeros((100, 200, 3), np.uint8), labels), 50)
    assert small.image.shape == (25, 50, 3)
    assert set(np.unique(small.labels)) == {0, 300}
    assert (small.labels == 300).sum() == 100


def test_a_small_image_is_not_enlarged() -> None:
    item = LabelledImage(np.zeros((10, 20, 3), np.uint8), np.zeros((10, 20), np.uint16))
    assert shrink(item, 50) is item


def test_a_missing_pack_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="samn train pack"):
        read_pack(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"not a pack", b"PK\x03\x04broken"])
def test_a_damaged_pack_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"bad\.npz"):
        read_pack(tmp_path / "bad.npz")
