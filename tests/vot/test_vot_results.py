"""Results: checks, manifests, seals, locks and shards, without the toolkit running."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("yaml", reason="the VOT toolkit is not installed (pip install samn-tracker[vot])")

from workspaces import complete, made, picture, write_result

from samn_tracker.errors import ResultError
from samn_tracker.files import locked
from samn_tracker.runner.local_workers import local_gpus
from vot_workspace.__main__ import main
from vot_workspace.check import check
from vot_workspace.manifest import claim, describe
from vot_workspace.pool import LocalPool
from vot_workspace.shards import make_shard, sharded, split
from vot_workspace.workspace import Workspace


def test_complete_results_have_no_faults(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    complete(workspace)
    assert check(workspace, "MIL") == []
    assert main(["check", str(workspace.folder)]) == 0


def test_three_equal_repetitions_are_complete_and_two_different_ones_are_not(tmp_path: Path) -> None:
    workspace = made(tmp_path, "vot2016", {"a": 5})
    items = [item for item in workspace.expected() if item.experiment.name == "baseline"]
    assert len(items) == 15
    (other,) = [write_result(workspace, "T", item) for item in workspace.expected() if item not in items]
    assert other.parent.parent.name == "unsupervised"
    for item in items[:3]:
        write_result(workspace, "T", item)
    assert check(workspace, "T") == []
    write_result(workspace, "T", items[2], [1, *[np.array([9.0, 10, 16, 16])] * 4])
    assert [fault.text for fault in check(workspace, "T")] == ["missing"] * 12


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "is cut off"),
        (lambda path: path.with_name(f"{path.stem}_time.value").unlink(), "no file .*_time.value"),
        (lambda path: path.with_name(f"{path.stem}_confidence.value").unlink(), "no file .*_confidence.value"),
        (lambda path: path.with_name(f"{path.stem}_time.value").write_text("0.1\n"), "1 rows of time instead of 40"),
        (lambda path: path.with_name(f"{path.stem}_time.value").write_text("-1\n" * 40), "time of frame 0 is -1.0"),
        (
            lambda path: path.with_name(f"{path.stem}_confidence.value").write_text("nan\n" * 40),
            "confidence of frame 1",
        ),
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.with_suffix(".txt").write_text("1\n" * 40), "are both there"),
    ],
)
def test_a_damaged_result_is_named_and_what_to_delete(tmp_path: Path, damage, text: str) -> None:  # type: ignore[no-untyped-def]
    workspace = made(tmp_path)
    path = complete(workspace)[0]
    damage(path)
    (fault,) = check(workspace, "MIL")
    assert (fault.experiment, fault.sequence, fault.stem) == ("baseline", "b", "b_001")
    assert re.search(text, fault.text)
    assert (path in fault.files) == path.exists()
    assert main(["check", str(workspace.folder), "MIL"]) == 1


@pytest.mark.parametrize(
    ("experiment", "codes", "text"),
    [
        ("baseline", {0: 2}, "does not begin with an initialisation"),
        ("baseline", {5: 0}, "frame 5 has the code 0 while tracking"),
        ("baseline", {5: 2}, "frame 6 has an answer between a failure and the next initialisation"),
        ("baseline", {5: 2, 6: 0, 7: 1}, None),
        ("unsupervised", {5: 2}, "frame 5 has the code 2 instead of a region"),
    ],
)
def test_codes_must_tell_a_possible_story(
    tmp_path: Path, experiment: str, codes: dict[int, int], text: str | None
) -> None:
    workspace = made(tmp_path, lengths={"a": 10})
    complete(workspace)
    (item,) = [item for item in workspace.expected() if item.experiment.name == experiment]
    regions = [1, *[np.array([8.0, 10, 16, 16])] * 9]
    write_result(workspace, "MIL", item, [codes.get(frame, region) for frame, region in enumerate(regions)])  # type: ignore[call-overload]
    assert [fault.text for fault in check(workspace, "MIL")] == ([text] if text else [])


def test_a_result_of_a_wrong_length_is_named(tmp_path: Path) -> None:
    workspace = made(tmp_path, lengths={"a": 10})
    complete(workspace)
    write_result(workspace, "MIL", next(workspace.expected()), [1, np.array([8.0, 10, 16, 16])])
    assert [fault.text for fault in check(workspace, "MIL")] == ["2 regions instead of 10"]


def test_results_of_another_configuration_are_refused(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    results = workspace.results("MIL")
    claim(results, describe(workspace, "MIL"))
    claim(results, describe(workspace, "MIL"))
    complete(workspace)
    ini = workspace.folder / "trackers.ini"
    ini.write_text(ini.read_text().replace("env_SAMN_REPLY = polygon", "env_SAMN_REPLY = rectangle"))
    with pytest.raises(ResultError, match="reply: was polygon, is rectangle"):
        claim(results, describe(Workspace(workspace.folder), "MIL"))


def test_another_configuration_is_no_reason_to_stop_where_nothing_is_there_to_keep(tmp_path: Path) -> None:
    """A run that failed before its first result leaves a manifest and nothing else."""
    workspace = made(tmp_path)
    results = workspace.results("MIL")
    claim(results, describe(workspace, "MIL"))
    ini = workspace.folder / "trackers.ini"
    ini.write_text(ini.read_text().replace("env_SAMN_REPLY = polygon", "env_SAMN_REPLY = rectangle"))
    changed = describe(Workspace(workspace.folder), "MIL")
    claim(results, changed)
    assert json.loads((results / "manifest.json").read_text()) == changed


def test_pictures_replaced_under_the_same_names_are_another_configuration(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    results = workspace.results("MIL")
    claim(results, describe(workspace, "MIL"))
    complete(workspace)
    frame = sorted((tmp_path / "data/a").glob("*.jpg"))[3]
    frame.write_bytes(frame.read_bytes() + b"more")
    with pytest.raises(ResultError, match=r"pictures\.a: was"):
        claim(results, describe(Workspace(workspace.folder), "MIL"))


def test_a_run_of_another_configuration_ends_with_1_and_deletes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = made(tmp_path, lengths={"a": 10})
    paths = complete(workspace)
    assert main(["run", str(workspace.folder), "MIL", "--adopt"]) == 0
    ini = workspace.folder / "trackers.ini"
    ini.write_text(ini.read_text().replace("env_SAMN_REPLY = polygon", "env_SAMN_REPLY = rectangle"))
    assert main(["run", str(workspace.folder), "MIL"]) == 1
    assert "was made by another configuration" in capsys.readouterr().err
    assert all(path.is_file() for path in paths)


def test_a_trajectory_from_elsewhere_is_found_among_those_of_a_run(tmp_path: Path) -> None:
    workspace = made(tmp_path, lengths={"a": 10, "b": 10})
    paths = complete(workspace)
    assert main(["run", str(workspace.folder), "MIL", "--adopt"]) == 0
    (item,) = [item for item in workspace.expected() if (item.experiment.name, item.sequence) == ("realtime", "b")]
    write_result(workspace, "MIL", item, [1, *[np.array([9.0, 10, 16, 16])] * 9])
    (fault,) = check(workspace, "MIL")
    assert str(fault) == "realtime/b/b_001: is not what its run left here: it was changed, or comes from elsewhere"
    assert fault.files[0] in paths
    assert main(["run", str(workspace.folder), "MIL", "--attempts", "0"]) == 1
    assert len(check(workspace, "MIL")) == 1


@pytest.mark.parametrize("content", ["[1]", "{", "null"])
def test_damaged_seals_are_told_and_not_taken_for_none(tmp_path: Path, content: str) -> None:
    workspace = made(tmp_path, lengths={"a": 10})
    complete(workspace)
    (workspace.results("MIL") / "seals.json").write_text(content)
    with pytest.raises(ResultError, match=r"seals\.json .*remove it"):
        check(workspace, "MIL")


def test_results_without_a_manifest_are_adopted_only_when_told(tmp_path: Path) -> None:
    workspace = made(tmp_path)
    complete(workspace)
    with pytest.raises(ResultError, match="does not say how it was made"):
        claim(workspace.results("MIL"), describe(workspace, "MIL"))
    claim(workspace.results("MIL"), describe(workspace, "MIL"), adopt=True)
    claim(workspace.results("MIL"), describe(workspace, "MIL"))


def test_a_second_run_in_a_workspace_is_refused_until_the_first_and_its_children_end(tmp_path: Path) -> None:
    with locked(tmp_path) as descriptor:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,))
        with pytest.raises(ResultError, match=f"is being written by process {os.getpid()}"), locked(tmp_path):
            pass
    with pytest.raises(ResultError, match="or what it left running"), locked(tmp_path):
        pass
    child.communicate(b"\n")
    with locked(tmp_path):
        pass


def test_shards_share_one_results_folder_and_split_the_frames_evenly(tmp_path: Path) -> None:
    workspace = made(tmp_path, lengths={"a": 10, "b": 30, "c": 20})
    parts = split(workspace, workspace.names, 2)
    assert parts == [["b"], ["c", "a"]]
    shard = Workspace(make_shard(workspace, tmp_path / "shard", parts[1]))
    write_result(shard, "MIL", next(shard.expected()))
    assert (workspace.results("MIL") / "baseline" / "c" / "c_001.bin").is_file()
    assert shard.experiments == workspace.experiments
    assert cv2.imread(str(shard.sequences["c"].frames[4])).shape == picture(4).shape


def test_a_killed_run_leaves_no_shards_in_the_next_one_and_one_part_needs_none(tmp_path: Path) -> None:
    workspace = made(tmp_path, lengths={"a": 10, "b": 30, "c": 20})
    make_shard(workspace, workspace.folder / "shards-old" / "0", ["a"])
    with sharded(workspace, ["a", "b"], 5) as folders:
        assert [Workspace(folder).names for folder in folders] == [["b"], ["a"]]
        assert len(list(workspace.folder.glob("shards-*"))) == 1
    with sharded(workspace, ["a", "b"], 1) as folders:
        assert folders == [workspace.folder]
    assert not list(workspace.folder.glob("shards-*"))
    assert len(list((workspace.sequence_folder / "a" / "color").iterdir())) == 10


def test_workers_share_gpus_in_turn_and_real_time_has_one_for_itself() -> None:
    pool = LocalPool(4, ["0", "3"], lock=0)
    given = [pool.environment(number, 4)["CUDA_VISIBLE_DEVICES"] for number in range(4)]
    assert given == ["0", "3", "0", "3"]
    assert (pool.workers, pool.realtime_workers) == (4, 2)
    assert LocalPool(1, ["0", "3"], lock=0).realtime_workers == 1
    assert LocalPool(4, [], lock=0).realtime_workers == 1
    assert "CUDA_VISIBLE_DEVICES" not in LocalPool(4, [], lock=0).environment(0, 4)
    assert pool.environment(0, 1) == {}


@pytest.mark.parametrize(
    ("device", "visible", "count", "gpus"),
    [
        ("cpu", None, 2, []),
        ("cuda:1", None, 2, []),
        ("auto", None, 2, ["0", "1"]),
        ("cuda", "5,GPU-a", 2, ["5", "GPU-a"]),
        ("auto", "", 0, []),
    ],
)
def test_only_the_gpus_that_this_process_may_use_are_handed_out(
    monkeypatch: pytest.MonkeyPatch, device: str, visible: str | None, count: int, gpus: list[str]
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert local_gpus(device) == gpus
