"""`samn regress` with a small tracker: what passes, what fails, and what the table says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from samn_tracker.cli import main as samn
from samn_tracker.errors import ResultError
from samn_tracker.regress import __main__ as command
from samn_tracker.regress.cache import Cache
from samn_tracker.regress.cases import generated_cases
from samn_tracker.regress.compare import (
    OTHER_PROCESSOR,
    Tolerance,
    compare_environments,
    compare_records,
    compare_scores,
)
from samn_tracker.regress.record import Record, read_record, save_record
from samn_tracker.regress.scores import score_record

SPEC = "regression_trackers:matching"


@pytest.fixture(scope="module", autouse=True)
def _small_tracker_and_no_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The small tracker can be named, and development sequences count as absent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setattr(command, "DEFAULT_DATA", tmp_path_factory.mktemp("empty") / "no data")
        yield


@pytest.fixture(scope="module")
def first_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small tracker's answers; not to be changed."""
    folder = tmp_path_factory.mktemp("first") / "cache"
    assert _regress(folder, "--update", "--reason", "first answers") == 0
    return folder


@pytest.fixture
def cached(first_cache: Path, tmp_path: Path) -> Path:
    """A copy of the small tracker's answers."""
    return Path(shutil.copytree(first_cache, tmp_path / "cache"))


def _regress(folder: Path, *arguments: str) -> int:
    return samn(["regress", "--cache", str(folder), "--tracker", SPEC, *arguments])


def test_unchanged_tracker_passes(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _regress(cached) == 0
    assert capsys.readouterr().out == "6 cases, 150 frames: everything as cached\n"


def test_changed_setting_fails_with_its_name_and_what_it_moved(
    cached: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _regress(cached, "--set", "shift=3", "moving-mask") == 1
    lines = capsys.readouterr().out.splitlines()
    failing = [line for line in lines if line.endswith("FAILS")]
    assert any(line.startswith("environment  overrides.shift") and "-" in line for line in failing)
    assert any("mask IoU with the cache, mean" in line for line in failing)
    assert any(line.startswith("moving-mask  jaccard ") for line in failing)
    assert lines[-1].endswith("changes are beyond the tolerance")


def test_first_frames_alone_are_compared_with_the_same_frames(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _regress(cached, "--frames", "8") == 0
    assert capsys.readouterr().out == "6 cases, 48 frames: everything as cached\n"
    path = cached / "moving-mask.json"
    content = json.loads(path.read_text())
    content["found"] = content["found"][:7] + "0" + content["found"][8:]
    path.write_text(json.dumps(content))
    assert _regress(cached, "moving-mask", "--frames", "7") == 0
    assert _regress(cached, "moving-mask", "--frames", "8") == 1
    assert "found or not (frames 7)" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--frames", "1"], ["--frames", "5", "--update", "--reason", "shorter"]])
def test_frames_that_cannot_be_compared_or_cached_are_refused(cached: Path, arguments: list[str]) -> None:
    assert _regress(cached, *arguments) == 1


def test_small_movement_is_shown_but_allowed(cached: Path) -> None:
    record, scores = Cache(cached).read("moving-mask")
    moved = Record(record.shape, record.boxes + 0.01, record.polygons, record.confidences, record.found, record.masks)
    rows = compare_records("moving-mask", record, moved, Tolerance())
    assert [row.what.split(",")[0] for row in rows] == ["box IoU with the cache"] * 2
    assert not any(row.fails for row in rows)
    rows = compare_scores("moving-mask", scores, {**scores, "box_iou": scores["box_iou"] + 0.004}, Tolerance())
    assert [(row.what, row.fails) for row in rows] == [("box_iou", False)]


@pytest.mark.parametrize("changed", [{"processor": "other"}, {"torch_cpu_capability": "other"}])
def test_an_unchanged_tracker_failed_on_another_processor(cached: Path, changed: dict[str, str]) -> None:
    """Answers of another processor drift apart; what moves by as much here is a fault."""
    path = cached / "moving-mask.json"
    record, _ = read_record(path)
    moved = Record(record.shape, record.boxes + 0.5, record.polygons, record.confidences, record.found, record.masks)
    case = next(case for case in generated_cases() if case.name == "moving-mask")
    save_record(path, moved, score_record(moved, case))
    assert _regress(cached, "moving-mask") == 1
    manifest = json.loads((cached / "manifest.json").read_text())
    manifest["environment"] |= changed
    (cached / "manifest.json").write_text(json.dumps(manifest))
    assert _regress(cached, "moving-mask") == 0
    broken = Record(record.shape, record.boxes + 9, record.polygons, record.confidences, record.found, record.masks)
    save_record(path, broken, score_record(broken, case))
    assert _regress(cached, "moving-mask") == 1


def test_score_that_does_not_follow_from_its_trajectory_fails(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cached / "scaling-polygon.json"
    content = json.loads(path.read_text())
    content["scores"]["box_iou"] = float(np.nextafter(content["scores"]["box_iou"], 1))
    path.write_text(json.dumps(content))
    assert _regress(cached, "scaling-polygon") == 1
    assert "box_iou, from the cached trajectory" in capsys.readouterr().out


def test_update_without_a_reason_changes_nothing(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in cached.iterdir()}
    assert _regress(cached, "--update", "--set", "shift=3") == 1
    assert "--reason" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in cached.iterdir()} == before


def test_update_keeps_every_reason(cached: Path) -> None:
    assert _regress(cached, "--update", "--set", "shift=3", "--reason", "moved by three pixels") == 0
    manifest = json.loads((cached / "manifest.json").read_text())
    assert [one["reason"] for one in manifest["updates"]] == ["first answers", "moved by three pixels"]
    assert _regress(cached, "moving-mask") == 1
    assert _regress(cached, "moving-mask", "--set", "shift=3") == 0


def test_update_refuses_to_leave_cases_behind(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cached / "development-bag.json").write_bytes((cached / "moving-mask.json").read_bytes())
    assert _regress(cached, "--update", "--reason", "again") == 1
    assert "development-bag" in capsys.readouterr().err


def test_cached_development_sequences_without_data_are_named_and_left_out(
    cached: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cached / "development-bag.json").write_bytes((cached / "moving-mask.json").read_bytes())
    assert _regress(cached) == 0
    output = capsys.readouterr()
    assert "left out" in output.err and "development-bag" in output.err
    assert output.out.startswith("6 cases")


@pytest.mark.parametrize("damage", ["", "{}", '{"format": "samn-regression-1"}', "[1]", "{"])
def test_damaged_case_is_named(cached: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    (cached / "moving-mask.json").write_text(damage)
    assert _regress(cached, "moving-mask") == 1
    assert "moving-mask.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"environment": {}, "updates": 3}'])
def test_damaged_manifest_is_named(cached: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    (cached / "manifest.json").write_text(damage)
    assert _regress(cached, "moving-mask") == 1
    assert "manifest" in capsys.readouterr().err


def test_nothing_cached_and_unknown_case_are_faults(cached: Path, tmp_path: Path) -> None:
    assert _regress(tmp_path / "empty") == 1
    assert _regress(cached, "no-such-case") == 1


def test_weights_and_settings_decide_packages_only_explain() -> None:
    cached = {"weights_sha256": "a", "config": {"spatial": {"enabled": True}}, "packages": {"numpy": "2.0"}}
    now = {"weights_sha256": "b", "config": {"spatial": {"enabled": False}}, "packages": {"numpy": "2.1"}}
    rows = compare_environments(cached, now)
    assert [(row.what, row.fails) for row in rows] == [
        ("config.spatial.enabled", True),
        ("packages.numpy", False),
        ("weights_sha256", True),
    ]


def test_record_of_another_length_fails() -> None:
    def record(length: int) -> Record:
        boxes = np.tile([1.0, 2, 3, 4], (length, 1))
        return Record((9, 9), boxes, None, np.ones(length), np.ones(length, dtype=bool), {})

    (row,) = compare_records("case", record(3), record(4), Tolerance())
    assert row.fails and "3 of 9x9" in row.cached and "4 of 9x9" in row.now


@pytest.mark.parametrize(("lost", "fails"), [(1, False), (2, True)])
def test_on_another_processor_one_box_in_twenty_may_be_elsewhere_and_no_more(lost: int, fails: bool) -> None:
    """A worst box IoU of 0 was allowed there: any number of lost frames passed, if the mean held."""
    boxes = np.tile([10.0, 10, 20, 20], (20, 1))
    moved = boxes.copy()
    moved[:lost, 0] = 500
    records = [Record((600, 600), one, None, np.ones(20), np.ones(20, dtype=bool), {}) for one in (boxes, moved)]
    rows = compare_records("case", *records, OTHER_PROCESSOR)
    worst = next(row for row in rows if "frame" in row.what)
    assert worst.fails is fails
    assert any(row.fails for row in compare_records("case", *records, Tolerance()))


def test_record_comes_back_equal(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    record = Record(
        shape=(7, 5),
        boxes=np.round(generator.random((4, 4)) * 1e4 + 1, 3),
        polygons=np.round(generator.normal(size=(4, 4, 2)), 3),
        confidences=np.round(generator.random(4), 6),
        found=np.array([True, False, True, True]),
        masks={0: generator.integers(0, 2, (7, 5), dtype=np.uint8), 2: np.zeros((7, 5), np.uint8)},
    )
    save_record(tmp_path / "one.json", record, {"box_iou": 0.1 + 0.2})
    again, scores = read_record(tmp_path / "one.json")
    assert scores == {"box_iou": 0.1 + 0.2}
    assert compare_records("one", record, again, Tolerance()) == []
    assert again.polygons is not None and record.polygons is not None
    for name in ("boxes", "polygons", "confidences", "found"):
        np.testing.assert_array_equal(getattr(again, name), getattr(record, name))


def test_columns_of_different_lengths_are_damage(tmp_path: Path) -> None:
    record = Record((2, 2), np.ones((3, 4)), None, np.ones(3), np.ones(2, dtype=bool), {})
    save_record(tmp_path / "one.json", record, {})
    with pytest.raises(ResultError, match="different lengths"):
        read_record(tmp_path / "one.json")


def test_a_record_of_infinite_size_is_damaged(tmp_path: Path) -> None:
    save_record(
        tmp_path / "one.json", Record((2, 2), np.ones((1, 4)), None, np.ones(1), np.ones(1, dtype=bool), {}), {}
    )
    content = json.loads((tmp_path / "one.json").read_text())
    (tmp_path / "one.json").write_text(json.dumps(content | {"shape": [float("inf"), 2]}))
    with pytest.raises(ResultError, match="is damaged"):
        read_record(tmp_path / "one.json")


def test_generated_cases_cover_every_start_and_absence() -> None:
    cases = generated_cases()
    assert {case.name.rsplit("-", 1)[1] for case in cases} == {"mask", "box", "polygon"}
    assert sum(int(case.absent.sum()) for case in cases) > 10
