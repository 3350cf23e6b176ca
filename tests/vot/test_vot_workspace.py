"""Workspaces without the toolkit running: layouts and creation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("yaml", reason="the VOT toolkit is not installed (pip install samn-tracker[vot])")

from workspaces import SIZE, mask, polygon, write_flat, write_images

from samn_tracker.errors import ConfigError, DatasetError
from vot_workspace.__main__ import main
from vot_workspace.conversions import make_anchors
from vot_workspace.create import create
from vot_workspace.demo import fill
from vot_workspace.doctor import diagnose_workspace
from vot_workspace.layouts import read_dataset
from vot_workspace.trajectory import MaskPart
from vot_workspace.workspace import Workspace

READY = Path(__file__).parents[2] / "vot_workspace"


def test_the_toolkits_layout_is_read_with_tags_anchors_and_size(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    write_images(folder / "color", 3)
    (folder / "sequence").write_text("name=s\nfps=20\nchannels.color=color/%08d.jpg\n")
    (folder / "groundtruth.txt").write_text("1,2,3,4\n" * 3)
    (folder / "occlusion.tag").write_text("0\n1\n0\n")
    (folder / "anchor.value").write_text("1\n0\n-1\n")
    (read,) = read_dataset(tmp_path)
    assert (read.name, len(read), read.size, read.fps) == ("s", 3, SIZE, 20)
    assert (read.tags, read.anchors) == ({"occlusion": [False, True, False]}, [1, 0, -1])


def test_pysots_layout_is_read_with_and_without_images(tmp_path: Path) -> None:
    names = write_images(tmp_path / "s" / "color", 2)
    entry = {"video_dir": "s", "img_names": [f"s/color/{name}" for name in names], "occlusion": [0, 1]}
    index = tmp_path / "VOT2018.json"
    index.write_text(json.dumps({"s": {**entry, "gt_rect": [polygon(0), polygon(1)]}}))
    (read,) = read_dataset(tmp_path)
    assert (len(read.frames), read.size, read.tags["occlusion"]) == (2, SIZE, [False, True])
    (tmp_path / "s" / "color" / names[1]).unlink()
    with pytest.raises(DatasetError, match="1 of 2 images are missing"):
        read_dataset(tmp_path)
    index.write_text(json.dumps({"other": {"img_names": [], "gt_rect": [polygon(0)], "width": 9, "height": 8}}))
    (read,) = read_dataset(index)
    assert (len(read.frames), len(read), read.size) == (0, 1, (9, 8))


def test_a_workspace_without_images_is_for_scoring_and_does_not_crash_a_tracker_on_every_sequence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "VOT2018.json"
    index.write_text(json.dumps({"other": {"img_names": [], "gt_rect": [polygon(0)], "width": 9, "height": 8}}))
    create(tmp_path / "w", "vot2018", read_dataset(index))
    assert main(["run", str(tmp_path / "w")]) == 1
    assert "1 of 1 sequences have no images (other)" in capsys.readouterr().err
    assert "have no images" in diagnose_workspace(tmp_path / "w")[0]


def test_box_and_mask_folders_are_read(tmp_path: Path) -> None:
    write_images(tmp_path / "boxes" / "img", 11, "{}.jpg")
    (tmp_path / "boxes" / "groundtruth_rect.txt").write_text("1\t2\t3\t4\n" * 11)
    write_images(tmp_path / "masks" / "img", 2, "{:05d}.jpg", first=0)
    (tmp_path / "masks" / "mask").mkdir()
    for step in range(2):
        cv2.imwrite(str(tmp_path / "masks" / "mask" / f"{step:05d}.png"), mask(step))
    boxes, masks = read_dataset(tmp_path)
    assert boxes.frames[-1].name == "11.jpg"
    assert boxes.groundtruth[0].tolist() == [1, 2, 3, 4]  # type: ignore[union-attr]
    part = masks.groundtruth[1]
    assert isinstance(part, MaskPart)
    assert np.array_equal(part.mask * 255, mask(1))


def test_every_fault_of_a_data_folder_is_listed(tmp_path: Path) -> None:
    write_flat(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "a" / "groundtruth.txt").write_text("1,2,3,4\n" * 5)
    (tmp_path / "b" / "groundtruth.txt").write_text("rubbish\n")
    with pytest.raises(DatasetError, match=r"a has 2 images and 5 rows of ground truth.*'rubbish' is not a region"):
        read_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no sequence 'c'"):
        read_dataset(tmp_path, ["c"])


def test_a_workspace_has_polygons_for_reset_rules_and_masks_with_anchors_for_multistart(tmp_path: Path) -> None:
    data = read_dataset(write_flat(tmp_path / "data", {"a": 60}))
    create(tmp_path / "polygons", "vot2018", data)
    create(tmp_path / "masks", "vot2020", data)
    masks = Workspace(tmp_path / "masks").sequences["a"]
    part = masks.groundtruth[3]
    assert isinstance(part, MaskPart)
    assert np.array_equal(part.mask * 255, mask(3))
    assert [(frame, value) for frame, value in enumerate(masks.anchors) if value] == [(0, 1), (59, -1)]
    create(tmp_path / "back", "vot2018", [masks])
    polygons = [Workspace(tmp_path / name).sequences["a"].groundtruth for name in ("polygons", "back")]
    assert polygons[0][3].tolist() == np.reshape(polygon(3), (4, 2)).tolist()  # type: ignore[union-attr]
    assert sorted(polygons[1][3].tolist()) == sorted(polygons[0][3].tolist())  # type: ignore[union-attr]
    entry = Workspace(tmp_path / "masks").tracker("SAMN")
    assert (entry["env_samn_reply"], entry["protocol"]) == ("mask", "trax")
    assert entry["command"] == f'"{sys.executable}" -m samn_tracker.trax.server'


def test_the_demo_fills_its_ready_workspaces(tmp_path: Path) -> None:
    """It ended with a TypeError."""
    fill(tmp_path)
    names = {path.parent.name for path in (tmp_path / "sequences").glob("*/groundtruth.txt")}
    assert names
    assert {path.parent.name for path in (tmp_path / "masks" / "sequences").glob("*/anchor.value")} == names


def test_a_workspace_of_an_earlier_version_says_what_to_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The toolkit would have waited for a server that could not start."""
    create(tmp_path / "w", "vot2018", read_dataset(write_flat(tmp_path / "data", {"a": 10})))
    ini = tmp_path / "w" / "trackers.ini"
    ini.write_text(ini.read_text().replace("samn_tracker.trax.server", "samn_tracker.trax_server"))
    assert main(["run", str(tmp_path / "w")]) == 1
    assert "that is samn_tracker.trax.server now: change the line" in capsys.readouterr().err


def test_absent_targets_are_refused_by_reset_rules_and_a_second_workspace_by_all(tmp_path: Path) -> None:
    data = write_flat(tmp_path / "data", {"a": 3})
    (data / "a" / "groundtruth.txt").write_text("1,2,3,4\nnan,nan,nan,nan\n1,2,3,4\n")
    with pytest.raises(DatasetError, match="no target in 1 frames from frame 1 on"):
        create(tmp_path / "w", "vot2018", read_dataset(data))
    create(tmp_path / "w", "vot2020", read_dataset(data))
    with pytest.raises(ConfigError, match="already a workspace"):
        create(tmp_path / "w", "vot2020", read_dataset(data))


def test_anchors_move_to_frames_that_show_the_target() -> None:
    visible = [frame not in (0, 1, 50) for frame in range(101)]
    anchors = make_anchors(visible)
    assert [(frame, value) for frame, value in enumerate(anchors) if value] == [(2, 1), (49, 1), (100, -1)]
    assert not any(make_anchors([False] * 10))


@pytest.mark.parametrize("name", ["vot2016", "vot2018", "vot2019", "vot2020", "demo", "demo/masks"])
def test_the_ready_workspaces_have_no_path_and_both_trackers(name: str) -> None:
    workspace = Workspace(READY / name)
    assert set(workspace.trackers) == {"SAMN", "MIL"}
    for entry in workspace.trackers.values():
        assert (entry["protocol"], entry["command"]) == ("traxpython", "samn_tracker.trax.server")
    experiments = {experiment.name: experiment for experiment in workspace.experiments}
    intervals = {"vot2016": (108, 371), "vot2018": (100, 356), "vot2019": (46, 291), "vot2020": (115, 755)}
    assert experiments["baseline"].interval == intervals.get(name, (10, 30))
    assert experiments["baseline"].kind == ("multistart" if name in ("vot2020", "demo/masks") else "supervised")
