"""What the campaign found in files of our own and of other tools, each as the smallest input that showed it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fuzz_readers import SIZE, labels, picture

from ope_runner.pysot_json import frames_of
from samn_tracker.app.coco import coco_counts
from samn_tracker.app.report import with_attributes
from samn_tracker.errors import ConfigError, DatasetError, ResultError, SamnError
from samn_tracker.regress.record import Record, read_record, save_record
from samn_tracker.report.model import Report
from samn_tracker.report.runs import read_saved_scores
from samn_tracker.studio.answers import Answer
from samn_tracker.studio.project import Project
from samn_tracker.train.coco import CocoSource
from samn_tracker.train.sources import read_pack
from samn_tracker.trax.client import launch_of
from vot_workspace.layouts import read_dataset
from vot_workspace.pysot_index import read_pysot
from vot_workspace.workspace import Workspace, experiments_of

DEEP = "[" * 5000


def test_json_nested_thousands_of_times_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text(DEEP)
    with pytest.raises(ResultError, match="does not hold scores"):
        read_saved_scores(path)
    with pytest.raises(ResultError, match="attribute"):
        with_attributes(Report("t", "b", "success", ()), path)


def _workspace(root: Path, trackers: bytes = b"[a]\ncommand = x\n", stack: str = "experiments: {}\n") -> Workspace:
    (root / "config.yaml").write_text("stack: stack.yaml\n")
    (root / "stack.yaml").write_text(stack)
    (root / "trackers.ini").write_bytes(trackers)
    return Workspace(root)


@pytest.mark.parametrize(
    "text", [b"[a]\ncommand\n", b"command = x\n", b"[a]\n[a]\n", b"[a]\nx = \xff\n", b"[a]\nx = 5%\n"]
)
def test_trackers_ini_that_is_none_is_refused_in_a_workspace_and_as_a_tracker(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ConfigError, match=r"trackers\.ini is not a trackers\.ini"):
        _ = _workspace(tmp_path, text).trackers
    with pytest.raises(ConfigError, match=r"trackers\.ini is not a trackers\.ini"):
        launch_of(f"{tmp_path / 'trackers.ini'}:a", {})


@pytest.mark.parametrize("line", ["timeout = soon", "timeout = nan", "timeout = -1", "timeout = 1e99", "command = 'x"])
def test_entry_of_a_tracker_with_an_impossible_value_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "t.ini").write_text(f"[a]\nprotocol = trax\n{'' if 'command' in line else 'command = true'}\n{line}\n")
    with pytest.raises(ConfigError, match=r"seconds|words"):
        launch_of(f"{tmp_path / 't.ini'}:a", {})


@pytest.mark.parametrize(
    "stack", [{}, {"experiments": "all"}, {"experiments": {"a": 3}}, {"experiments": {"a": {"type": []}}}]
)
def test_stack_without_whole_experiments_is_refused(stack: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"malformed|of the kind"):
        experiments_of(stack)


def test_stack_of_lists_in_lists_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="in each other"):
        _ = _workspace(tmp_path, stack=f"experiments: {DEEP}\n").stack


def _project(folder: Path) -> Project:
    store: Any = SimpleNamespace(count=4, shape=SIZE, name="clip.mp4")
    return Project(folder, store)


def test_damaged_answers_of_a_studio_project_are_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = _project(tmp_path)
    one = project.add("ball")
    answer = Answer.of_mask((labels() == 1).astype(np.uint8))
    for index in range(3):
        project.answer(one, index, answer)
    project.close()
    path = tmp_path / "answers.jsonl"
    lines = path.read_bytes().splitlines()
    outside = json.dumps({"object": one, "frame": 1, **answer.as_json(), "bounds": [12, 2, 6, 5]}).encode()
    path.write_bytes(b"\n".join([lines[0], outside, b'{"a": "\xff"}', DEEP.encode(), lines[2], lines[2][:30]]))
    again = _project(tmp_path)
    again.close()
    assert sorted(again.things[one].answers) == [0, 2]
    assert (again.things[one].answers[2].mask(SIZE) == (labels() == 1)).all()
    assert "line 2, 3, 4, 6 is damaged" in capsys.readouterr().err


def _coco(folder: Path, segmentation: object, height: int = SIZE[0], name: str = "a.png") -> CocoSource:
    (folder / "a.png").write_bytes(picture())
    image = {"id": 1, "file_name": name, "height": height, "width": SIZE[1]}
    one = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 30, "segmentation": segmentation}
    (folder / "instances.json").write_text(json.dumps({"images": [image], "annotations": [one], "categories": []}))
    return CocoSource("one", folder, folder / "instances.json")


def test_annotated_size_of_another_picture_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    """It was taken first, all of it: the program was killed."""
    with pytest.raises(DatasetError, match=r"16x12, annotated as 16x99999999"):
        _coco(tmp_path, [[2, 2, 8, 2, 8, 7]], height=99999999).read(0)


def test_image_name_of_coco_longer_than_a_file_system_takes_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="1 files are missing"):
        _coco(tmp_path, [[2, 2, 8, 2, 8, 7]], name="a" * 300)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[2, 2, 1e9, 2, 8, 7]],
        [[2, 2, 8, float("nan"), 8, 7]],
        [[2, 2, 8]],
        [],
        {"size": [12, 16], "counts": [99999999999]},
        {"size": [12, 16], "counts": "P"},
        {"size": [12, 16], "counts": "³²"},
        {"size": [9, 9], "counts": [81]},
        7,
        [7],
    ],
)
def test_malformed_shape_of_an_object_is_refused(tmp_path: Path, segmentation: object) -> None:
    with pytest.raises(DatasetError, match=r"an object of a\.png is malformed"):
        _coco(tmp_path, segmentation).read(0)


def test_run_lengths_of_coco_are_read_as_they_are_written(tmp_path: Path) -> None:
    mask = (labels() > 0).astype(np.uint8)
    found = _coco(tmp_path, {"size": list(SIZE), "counts": coco_counts(mask)}).read(0)
    assert (found.labels == mask).all()


@pytest.mark.parametrize(
    "index", ["[]", "{}", DEEP, '{"format": "samn-pack-1", "sets": [{"name": "a", "entries": [[0, 9]]}]}']
)
def test_pack_with_a_malformed_index_is_refused(tmp_path: Path, index: str) -> None:
    blob = np.frombuffer(picture(), np.uint8)
    offsets = np.array([0, len(blob)])
    np.savez(tmp_path / "all.npz", data=blob, offsets=offsets, index=np.frombuffer(index.encode(), np.uint8))
    with pytest.raises(SamnError, match="is not a packed data file"):
        read_pack(tmp_path / "all.npz")


def test_image_name_of_pysots_index_longer_than_a_file_system_takes_is_missing(tmp_path: Path) -> None:
    entry = {"img_names": ["a" * 300 + ".jpg"], "gt_rect": [[1, 2, 3, 4]]}
    with pytest.raises(DatasetError, match="1 of 1 images are not below"):
        frames_of("a", entry, tmp_path)


def test_names_in_an_index_of_vot_longer_than_a_file_system_takes_are_refused(tmp_path: Path) -> None:
    entry = {"img_names": [f"{'a' * 300}.jpg"], "gt_rect": [[1, 2, 3, 4]], "width": 16, "height": 12}
    assert read_pysot("a", entry, tmp_path).frames == [], "no image is on disk"
    (tmp_path / "VOT2018.json").write_text(json.dumps({"b" * 300: {"gt_rect": [[1, 2, 3, 4]]}}))
    with pytest.raises(DatasetError, match="File name too long"):
        read_dataset(tmp_path / "VOT2018.json")


def test_run_lengths_of_a_cached_record_ask_for_no_memory(tmp_path: Path) -> None:
    record = Record((4, 6), np.ones((1, 4)), None, np.ones(1), np.ones(1, bool), {0: np.ones((4, 6), np.uint8)})
    save_record(tmp_path / "a.json", record, {})
    text = (tmp_path / "a.json").read_text()
    content = json.loads(text) | {"shape": [10**6, 10**6], "masks": {"0": str(10**12)}}
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(ResultError, match="larger than any image"):
        read_record(tmp_path / "a.json")
