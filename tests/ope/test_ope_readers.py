"""Each data set of one-pass evaluation is read in its official layout: names, images, boxes, absence, attributes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ope_trees import TREES, otb, uav123

from ope_runner.datasets import DATASETS
from ope_runner.runner import Ope
from samn_tracker.errors import ConfigError, DatasetError
from samn_tracker.runner.sequences import Sequence


def read(root: Path, split: str) -> dict[str, Sequence]:
    return {one.name: one for one in Ope().sequences(root, split)}


@pytest.mark.parametrize("name", TREES)
def test_every_sequence_of_an_official_tree_is_read(name: str, tmp_path: Path) -> None:
    tree = TREES[name](tmp_path / "data")
    found = read(tree.root, name)
    assert set(found) == set(tree.truth)
    for one, sequence in found.items():
        assert len(sequence) == len(tree.truth[one])
        shift = [1, 1, 0, 0] if DATASETS[name].one_based else [0, 0, 0, 0]
        np.testing.assert_array_equal(sequence.box, tree.truth[one][0] - shift)
        np.testing.assert_array_equal(sequence.first_row, tree.truth[one][0])


def test_real_otb_drops_no_target_and_stops_at_no_cut_sequence(tmp_path: Path) -> None:
    found = read(otb(tmp_path).root, "otb100")
    assert {"Jogging-1", "Jogging-2", "Skating2-1", "Skating2-2", "Human4-2"} <= set(found)
    spans = {
        name: (found[name].frames[0].name, found[name].frames[-1].name) for name in ("David", "Diving", "Freeman4")
    }
    assert spans == {
        "David": ("0300.jpg", "0770.jpg"),
        "Diving": ("0001.jpg", "0215.jpg"),
        "Freeman4": ("0001.jpg", "0283.jpg"),
    }


def test_the_official_lists_have_the_official_lengths() -> None:
    lengths = {name: len(one.names) for name, one in DATASETS.items() if one.names}
    expected = {"otb100": 100, "otb50": 50, "otb2013": 51, "uav123": 123, "uav20l": 20, "lasot": 280, "lasot-ext": 150}
    assert lengths == expected | {"nfs30": 100, "nfs240": 100, "avist": 120}
    assert all(len(set(one.names)) == len(one.names) for one in DATASETS.values())


def test_uav_names_are_cut_from_one_folder(tmp_path: Path) -> None:
    found = read(uav123(tmp_path).root, "uav123")
    assert found["bird1_2"].frames[0] == tmp_path / "data_seq/UAV123/bird1/000775.jpg"
    assert found["bird1_2"].frames[-1].name == "001477.jpg"


@pytest.mark.parametrize("name", [one for one in TREES if one not in ("otb100", "dtb70", "tnl2k")])
def test_a_layout_that_only_one_data_set_has_needs_no_name(name: str, tmp_path: Path) -> None:
    assert Ope().default_split(TREES[name](tmp_path / "data").root) == name


def test_a_layout_that_several_data_sets_have_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--dataset otb100"):
        Ope().default_split(otb(tmp_path).root)


def test_missing_sequences_are_named_before_a_run(tmp_path: Path) -> None:
    (note,) = Ope().notes(otb(tmp_path).root, "otb50")
    assert "OTB-50: Basketball, Biker" in note and "and 33 more" in note and "not for comparisons" in note


def test_a_sequence_of_another_length_is_named(tmp_path: Path) -> None:
    otb(tmp_path)
    path = tmp_path / "David/groundtruth_rect.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    (tmp_path / "Deer/img/0071.jpg").unlink()
    with pytest.raises(DatasetError) as caught:
        Ope().sequences(tmp_path, "otb100")
    assert "470 rows; the official frames are 300 to 770, 471 of them" in str(caught.value)
    assert "70 images and 71 rows of ground truth" in str(caught.value)


@pytest.mark.parametrize(("flags", "message"), [("0,1,0\n", "3 flags for 8 frames"), ("0,0,0,0,2,0,0,0", "a 0 or 1")])
def test_flags_that_do_not_fit_are_named(flags: str, message: str, tmp_path: Path) -> None:
    TREES["lasot"](tmp_path)
    (tmp_path / "airplane/airplane-1/out_of_view.txt").write_text(flags)
    with pytest.raises(DatasetError, match=message):
        Ope().sequences(tmp_path, "lasot")


def test_pysots_json_is_read_with_attributes_and_images(tmp_path: Path) -> None:
    tree = otb(tmp_path)
    entry = {
        "video_dir": "Deer",
        "init_rect": tree.truth["Deer"][0].tolist(),
        "img_names": [f"Deer/img/{number:04d}.jpg" for number in range(1, 72)],
        "gt_rect": tree.truth["Deer"].tolist(),
        "attr": ["MB", "LR"],
    }
    (tmp_path / "OTB100.json").write_text(json.dumps({"Deer": entry}))
    assert Ope().default_split(tmp_path / "OTB100.json") == "otb100"
    (sequence,) = Ope().sequences(tmp_path / "OTB100.json", "otb100")
    assert (sequence.name, len(sequence)) == ("Deer", 71)
    (tmp_path / "Deer/img/0007.jpg").unlink()
    with pytest.raises(DatasetError, match="1 of 71 images are not below"):
        Ope().sequences(tmp_path / "OTB100.json", "otb100")


@pytest.mark.parametrize("name", TREES)
def test_dot_names_beside_truth_are_no_sequences(name: str, tmp_path: Path) -> None:
    tree = TREES[name](tmp_path / "data")
    before = set(read(tree.root, name))
    for path in list(tree.root.rglob("*.txt")):
        (path.parent / f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    assert set(read(tree.root, name)) == before


def test_names_that_are_paths_in_pysots_files_are_refused(tmp_path: Path) -> None:
    entry = {"gt_rect": [[1, 1, 5, 5]], "img_names": []}
    (tmp_path / "OTB100.json").write_text(json.dumps({"../../escape": entry}))
    with pytest.raises(DatasetError, match=r"names of sequences that are paths: \.\./\.\./escape"):
        Ope().sequences(tmp_path / "OTB100.json", "otb100")
