"""Runs: what is written, what is run again and what never, failures, locks, streams."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from benchmark_data import DRIFT, label_map, request, tree
from toy_trackers import Drift

from davis_runner.runner import Davis
from got10k_runner.runner import Got10k
from samn_tracker import files
from samn_tracker.errors import ConfigError, DatasetError, ImageError, ResultError
from samn_tracker.images import encode_image, read_image
from samn_tracker.runner.execute import execute
from samn_tracker.runner.label_png import read_labels
from samn_tracker.runner.loop import prefetched
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.show import save_overlays, summary
from samn_tracker.runner.worker import RunRequest
from trackingnet_runner.runner import TrackingNet


def run_again(wanted: RunRequest, capsys: pytest.CaptureFixture[str]) -> str:
    """Run, and return what was said about it."""
    capsys.readouterr()
    assert execute(wanted) == []
    return capsys.readouterr().err


def test_got10k_files(got10k_data: Path, tmp_path: Path) -> None:
    assert execute(request(Got10k(), got10k_data, "val", tmp_path / "run")) == []
    name = "GOT-10k_Val_000002"
    rows = (tmp_path / "run/results" / name / f"{name}_001.txt").read_text().splitlines()
    assert rows[0] == "20.000,15.000,18.000,14.000"
    assert len(rows) == 12
    times = (tmp_path / "run/results" / name / f"{name}_time.txt").read_text().splitlines()
    assert [len(time.split(".")[1]) for time in times] == [8] * 12
    log = list(csv.DictReader((tmp_path / "run/frames" / f"{name}.csv").open()))
    assert [row["frame"] for row in log] == [str(index) for index in range(12)]
    assert 0 <= float(log[5]["confidence"]) < 1


def test_trackingnet_frames_are_in_numeric_order(trackingnet_data: Path, tmp_path: Path) -> None:
    sequence = TrackingNet().sequences(trackingnet_data, "TEST")[2]
    assert [path.stem for path in sequence.frames] == [str(index) for index in range(13)]
    assert execute(request(TrackingNet(), trackingnet_data, "TEST", tmp_path / "run")) == []
    expected = Drift()
    boxes = [expected.initialize(np.zeros(0), np.array(sequence.box)).box]
    boxes += [expected.track(image).box for image in list(prefetched(sequence.frames))[1:]]
    written = np.loadtxt(tmp_path / "run/results/c_2.txt", delimiter=",")
    np.testing.assert_allclose(written, boxes, atol=0.00501)
    assert [path.name for path in sorted((tmp_path / "run/results").iterdir())] == ["-abc_0.txt", "b_1.txt", "c_2.txt"]


def test_davis_files_keep_the_first_frame_and_take_late_objects(davis_data: Path, tmp_path: Path) -> None:
    assert execute(request(Davis(), davis_data, "2017/val", tmp_path / "run")) == []
    results = tmp_path / "run/results"
    np.testing.assert_array_equal(read_labels(results / "kids/00000.png"), label_map(0, late=True))
    for frame, ids in [(1, {0, 1, 2}), (4, {0, 1, 2, 3}), (8, {0, 1, 2, 3})]:
        assert set(np.unique(read_labels(results / f"kids/{frame:05d}.png"))) == ids
    late = read_labels(results / "kids/00004.png") == 3
    np.testing.assert_array_equal(late, label_map(4, late=True) == 3)
    assert execute(request(Davis(), davis_data, "2016/val", tmp_path / "run16")) == []
    assert set(np.unique(read_labels(tmp_path / "run16/results/bear/00005.png"))) == {0, 1}


def test_only_what_is_missing_short_damaged_or_otherwise_made_is_run_again(
    got10k_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = request(Got10k(), got10k_data, "val", tmp_path / "run")
    assert "3 of 3 sequences" in run_again(wanted, capsys)
    before = tree(tmp_path / "run/results")
    assert "0 of 3 sequences" in run_again(wanted, capsys)
    first, second, third = (
        tmp_path / f"run/results/GOT-10k_Val_{n:06d}/GOT-10k_Val_{n:06d}_001.txt" for n in (1, 2, 3)
    )
    first.unlink()
    second.write_bytes(second.read_bytes()[:-10])
    content = bytearray(third.read_bytes())
    content[40] ^= 1
    third.write_bytes(content)
    said = run_again(wanted, capsys)
    assert "3 of 3 sequences" in said
    for reason in ("000001 (missing:", "000002 (short:", "000003 (damaged:"):
        assert reason in said
    assert tree(tmp_path / "run/results") == before
    second.write_text("")
    said = run_again(wanted, capsys)
    assert "1 of 3 sequences" in said
    other = request(Got10k(), got10k_data, "val", tmp_path / "run", overrides={"delay": "0.001"})
    said = run_again(other, capsys)
    assert "3 of 3 sequences" in said
    assert "configuration changed: overrides.delay: None -> 0.001" in said
    assert "made by another configuration" in said


def test_changed_frames_or_target_are_run_again(
    trackingnet_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = request(TrackingNet(), trackingnet_data, "TEST", tmp_path / "run")
    run_again(wanted, capsys)
    (trackingnet_data / "TEST/anno/b_1.txt").write_text("19.00,15.00,18.00,14.00\n")
    (trackingnet_data / "TEST/frames/c_2/12.jpg").unlink()
    said = run_again(wanted, capsys)
    assert "2 of 3 sequences" in said
    assert len((tmp_path / "run/results/c_2.txt").read_text().splitlines()) == 12


def test_pictures_replaced_under_the_same_names_are_run_again(
    got10k_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = request(Got10k(), got10k_data, "val", tmp_path / "run")
    run_again(wanted, capsys)
    path = sorted((got10k_data / "val/GOT-10k_Val_000002").glob("*.jpg"))[5]
    path.write_bytes(encode_image(np.ascontiguousarray(read_image(path)[::-1]), ".jpg"))
    assert "again: GOT-10k_Val_000002 (made from other frames" in (said := run_again(wanted, capsys))
    assert "1 of 3 sequences" in said


def test_a_picture_that_cannot_be_read_is_no_full_disk_and_stops_no_other_sequence(
    got10k_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is read here in its place fails as a broken disk does, for root too."""
    path = sorted((got10k_data / "val/GOT-10k_Val_000001").glob("*.jpg"))[5]
    kept = path.read_bytes()
    wanted = request(Got10k(), got10k_data, "val", tmp_path / "run")
    for _ in range(2):  # the second time with a record of an earlier run
        path.unlink()
        path.symlink_to("/proc/self/mem")
        (failure,) = execute(wanted)
        path.unlink()
        path.write_bytes(kept)
        assert failure.sequence == "GOT-10k_Val_000001"
        assert failure.reason == f"frame 5 of 9: ImageError: {path} cannot be read: Input/output error; " + (
            "check its permissions and its disk"
        )
        run_again(wanted, capsys)


def test_a_failing_sequence_is_named_and_the_others_are_run(got10k_data: Path, tmp_path: Path) -> None:
    wanted = request(Got10k(), got10k_data, "val", tmp_path / "run", tracker="toy_trackers:Broken")
    failures = execute(wanted)
    assert [one.sequence for one in failures] == [f"GOT-10k_Val_{number:06d}" for number in (1, 2, 3)]
    assert "frame 2 of 9: ResultError: toy_trackers:Broken, 2 frames on, answered a box [nan" in failures[0].reason
    assert "Traceback" in (tmp_path / "run/failures/GOT-10k_Val_000001.txt").read_text()
    assert tree(tmp_path / "run/results") == {}
    (got10k_data / "val/GOT-10k_Val_000002/00000004.jpg").write_bytes(b"no image")
    failures = execute(request(Got10k(), got10k_data, "val", tmp_path / "run"))
    assert [one.sequence for one in failures] == ["GOT-10k_Val_000002"]
    assert "00000004.jpg is not a readable image" in failures[0].reason
    assert len(RunFolder(tmp_path / "run").records()) == 2


def test_box_trackers_are_refused_on_masks_at_once(davis_data: Path, tmp_path: Path) -> None:
    for split in ("2016/val", "2017/val"):
        wanted = request(Davis(), davis_data, split, tmp_path / split, overrides={"boxes_only": "1"})
        with pytest.raises(ConfigError, match="answers boxes only"):
            execute(wanted)


def test_folders_of_others_are_left_alone(got10k_data: Path, trackingnet_data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(ResultError, match="not empty and not the folder of a run"):
        execute(request(Got10k(), got10k_data, "val", tmp_path / "mine"))
    execute(request(Got10k(), got10k_data, "val", tmp_path / "run"))
    with pytest.raises(ResultError, match="holds a run of got10k val"):
        execute(request(TrackingNet(), trackingnet_data, "TEST", tmp_path / "run"))
    (tmp_path / "run/manifest.json").write_text("{")
    with pytest.raises(ResultError, match="damaged"):
        execute(request(Got10k(), got10k_data, "val", tmp_path / "run"))


def test_a_locked_folder_is_refused(got10k_data: Path, tmp_path: Path) -> None:
    with files.locked(tmp_path / "run"), pytest.raises(ResultError, match="is being written by process"):
        execute(request(Got10k(), got10k_data, "val", tmp_path / "run"))


def test_manifest_and_records(got10k_data: Path, tmp_path: Path) -> None:
    execute(request(Got10k(), got10k_data, "test", tmp_path / "run", only=("GOT-10k_Test_000002",)))
    run = RunFolder(tmp_path / "run")
    manifest = run.manifest
    assert manifest is not None
    assert manifest["identity"]["tracker"] == DRIFT
    assert "excluded" in manifest["timing"]
    facts = run.records()["GOT-10k_Test_000002"]["files"]
    for place, fact in facts.items():
        assert fact == {
            "bytes": (run.root / place).stat().st_size,
            "sha256": files.sha256(run.root / place),
        }
    state = summary(run)
    assert (state.done, state.sequences, dict(state.faults)) == (1, 2, {"GOT-10k_Test_000001": "missing"})
    assert "not done: GOT-10k_Test_000001 (missing)" in state.to_text()
    json.dumps(state.as_dict())
    with pytest.raises(DatasetError, match="no sequence is called x"):
        execute(request(Got10k(), got10k_data, "test", tmp_path / "run", only=("x",)))


def test_overlays(got10k_data: Path, davis_data: Path, tmp_path: Path) -> None:
    execute(request(Got10k(), got10k_data, "val", tmp_path / "boxes"))
    assert save_overlays(Got10k(), tmp_path / "boxes", got10k_data, ["GOT-10k_Val_000001"], 4, tmp_path / "a") == 3
    execute(request(Davis(), davis_data, "2017/val", tmp_path / "masks"))
    assert save_overlays(Davis(), tmp_path / "masks", davis_data, [], 100, tmp_path / "b") == 2
    assert sorted(path.name for path in (tmp_path / "a/GOT-10k_Val_000001").iterdir()) == [
        "00000001.jpg",
        "00000005.jpg",
        "00000009.jpg",
    ]


def test_incomplete_data_is_listed_in_one_error(got10k_data: Path) -> None:
    (got10k_data / "val/GOT-10k_Val_000001/00000003.jpg").unlink()
    (got10k_data / "val/GOT-10k_Val_000003/groundtruth.txt").write_text("1,2,3\n")
    with pytest.raises(DatasetError, match=r"(?s)2 incomplete.*8 images and 9 rows.*line 1: 3 values"):
        Got10k().sequences(got10k_data, "val")
    (got10k_data / "val/list.txt").write_text("../../etc\n")
    with pytest.raises(DatasetError, match="repeated or are paths"):
        Got10k().sequences(got10k_data, "val")


def test_images_are_read_one_ahead(got10k_data: Path) -> None:
    frames = Got10k().sequences(got10k_data, "val")[0].frames
    images = prefetched((*frames[:3], got10k_data / "absent.jpg"))
    assert next(images).shape == next(images).shape
    next(images)
    with pytest.raises(ImageError, match="no image file"):
        next(images)
