"""VOTS: several objects over TraX, from a workspace to the toolkit's own scores."""

from __future__ import annotations

import json
import os
from contextlib import redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]

if find_spec("vot") is None:
    pytest.skip("the VOT toolkit is not installed (pip install samn-tracker[vot])", allow_module_level=True)

from samn_tracker.cli import main as samn
from samn_tracker.errors import DatasetError
from samn_tracker.shapes.regions import mask_iou
from vot_workspace.__main__ import main
from vot_workspace.check import check
from vot_workspace.create import create
from vot_workspace.layouts import read_dataset
from vot_workspace.rules import RULES
from vot_workspace.score_toolkit import analyse, analyse_workspace
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart, Region, read_trajectory, write_trajectory
from vot_workspace.workspace import Workspace

HEIGHT, WIDTH, LENGTH, SIDE = 60, 90, 9, 14
STARTS = {"1": (10, 8, 2), "2": (60, 34, -2)}
"""Left, top, and steps to the right a frame."""


def picture(step: int) -> np.ndarray:
    random = np.random.default_rng(3)
    image = cv2.GaussianBlur(random.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 2)
    for left, top, speed in STARTS.values():
        x = left + speed * step
        image[top : top + SIDE, x : x + SIDE] = random.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    return image


def square(one: str, step: int) -> MaskPart:
    left, top, speed = STARTS[one]
    return MaskPart((left + speed * step, top), np.ones((SIDE, SIDE), np.uint8))


def sequences(folder: Path) -> list[SourceSequence]:
    """One of two objects, and one of one object that is hidden in the last two frames."""
    (folder / "images").mkdir(parents=True)
    paths = [folder / "images" / f"{step:08d}.jpg" for step in range(LENGTH)]
    for step, path in enumerate(paths):
        cv2.imwrite(str(path), picture(step))
    truth: dict[str, list[Region]] = {one: [square(one, step) for step in range(LENGTH)] for one in STARTS}
    hidden: list[Region] = [*truth["1"][:-2], 0, 0]
    pair = SourceSequence("pair", paths, truth["1"], (WIDTH, HEIGHT), objects=truth)
    return [pair, SourceSequence("single", paths, hidden, (WIDTH, HEIGHT))]


def whole(region: Region) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if isinstance(region, MaskPart):
        (left, top), part = region.offset, region.mask[: HEIGHT - region.offset[1], : WIDTH - region.offset[0]]
        mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    return mask


def quality(answers: list[Region], truth: list[Region]) -> float:
    """Mean overlap of all frames but the first, by hand; two empty masks agree."""
    return float(np.mean([mask_iou(whole(one), whole(two)) for one, two in zip(answers[1:], truth[1:], strict=True)]))


def assert_scores_are_the_toolkits(workspace: Workspace) -> None:
    ours = analyse(list(workspace.sequences.values()), workspace.stack, workspace.results("SAMN"))["baseline"]
    theirs = analyse_workspace(workspace, "SAMN")["baseline"]
    assert ours.keys() == theirs.keys() and len(ours) == 6
    for key, value in theirs.items():
        assert ours[key] == (None if value is None else pytest.approx(value, abs=1e-6))


def test_a_workspace_of_vots_has_the_objects_and_the_stack_of_the_challenge(tmp_path: Path) -> None:
    create(tmp_path / "w", "vots2025-realtime", sequences(tmp_path))
    workspace = Workspace(tmp_path / "w")
    pair = workspace.sequences["pair"]
    assert pair.tracked == ["1", "2"]
    assert np.array_equal(whole(pair.objects["2"][3]), whole(square("2", 3)))
    assert [one.name for one in workspace.experiments] == ["baseline", "realtime"]
    stems = [one.stem for one in workspace.expected() if one.experiment.name == "baseline"]
    assert stems == ["pair_1_001", "pair_2_001", "single_001"]
    assert workspace.tracker("SAMN")["env_samn_objects"] == "several"
    assert [one.sequence for one in check(workspace, "SAMN")] == ["pair", "pair", "single"] * 2


@pytest.mark.parametrize("rules", [name for name, one in RULES.items() if one.several])
def test_without_data_the_stack_names_where_the_toolkit_gets_them(rules: str, tmp_path: Path) -> None:
    create(tmp_path / "w", rules, [])
    stack = yaml.safe_load((tmp_path / "w" / "stack.yaml").read_text())
    assert stack["dataset"].startswith("https://data.votchallenge.net/vots202")
    tags = {one.get("filter_tag") for one in stack["experiments"]["baseline"]["analyses"]}
    assert tags == ({"evaluation"} if rules == "votst-val" else {None})


def test_hidden_truth_has_its_first_row_only(tmp_path: Path) -> None:
    create(tmp_path / "w", "vots2023", sequences(tmp_path))
    for path in (tmp_path / "w" / "sequences").glob("*/groundtruth*.txt"):
        path.write_text(path.read_text().splitlines()[0] + "\n")
    read = Workspace(tmp_path / "w").sequences
    assert [len(read["single"].groundtruth), *map(len, read["pair"].objects.values())] == [LENGTH] * 3
    assert read["pair"].objects["2"][1:] == [0] * (LENGTH - 1)


def test_what_the_rules_cannot_begin_is_named(tmp_path: Path) -> None:
    pair, _ = sequences(tmp_path)
    with pytest.raises(DatasetError, match=r"pair: 2 objects \(1, 2\), and these rules follow one; use vots2023"):
        create(tmp_path / "v", "vot2022", [pair])
    late = {**pair.objects, "2": [0, *pair.objects["2"][1:]]}
    with pytest.raises(DatasetError, match="pair: no object 2 in the first frame"):
        create(tmp_path / "v", "vots2023", [replace(pair, objects=late)])


def test_what_is_not_scored_is_no_target(tmp_path: Path) -> None:
    pair, _ = sequences(tmp_path)
    create(tmp_path / "w", "vots2023", [replace(pair, objects={**pair.objects, "_ignore": pair.objects["1"]})])
    (read,) = read_dataset(tmp_path / "w" / "sequences")
    assert read.tracked == ["1", "2"] and list(read.objects) == ["1", "2", "_ignore"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rules", ["vots2023", pytest.param("vots2025-realtime", marks=pytest.mark.slow)])
def test_a_tracker_follows_several_objects_from_the_workspace_to_the_score(
    rules: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)]))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    create(tmp_path / "w", rules, sequences(tmp_path), tracker="fault_trackers:matching")
    with redirect_stdout(StringIO()) as printed:
        assert main(["run", str(tmp_path / "w")]) == 0
        assert main(["check", str(tmp_path / "w")]) == 0
        assert main(["score", str(tmp_path / "w")]) == 0
    assert "Q" in printed.getvalue() and "ADQ" in printed.getvalue()

    workspace = Workspace(tmp_path / "w")
    results = workspace.results("SAMN")
    pair = workspace.sequences["pair"]
    for one in ("1", "2"):
        answers = read_trajectory(results / "baseline" / "pair" / f"pair_{one}_001.bin")
        assert quality(answers, pair.objects[one]) > 0.9, "each object has its own answer"

    assert_scores_are_the_toolkits(workspace)
    page = tmp_path / "r.html"
    assert samn(["vot", "report", str(results), "--truth", str(tmp_path / "w"), "--output", str(page)]) == 0
    assert all(word in page.read_text() for word in ("Quality", "Drift rate", "for several objects"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_our_own_tracker_of_several_objects_goes_from_the_workspace_to_the_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    create(tmp_path / "w", "vots2023", sequences(tmp_path))
    workspace = Workspace(tmp_path / "w")
    assert workspace.tracker("SAMN")["env_samn_tracker"] == "samn-lite"
    assert main(["run", str(tmp_path / "w")]) == 0
    capsys.readouterr()
    assert main(["score", str(tmp_path / "w"), "--json"]) == 0

    pair, single = workspace.sequences["pair"], workspace.sequences["single"]
    folder = workspace.results("SAMN") / "baseline"
    found = {one: read_trajectory(folder / "pair" / f"pair_{one}_001.bin") for one in ("1", "2")}
    assert all(quality(found[one], pair.objects[one]) > 0.8 for one in found), "each object has its own answer"
    assert quality(read_trajectory(folder / "single" / "single_001.bin")[:-2], single.groundtruth[:-2]) > 0.8
    scored = json.loads(capsys.readouterr().out)["toolkit"]["experiments"]["baseline"]
    assert scored["quality"] > 0.6 and scored["drift_rate_error"] == 0
    assert_scores_are_the_toolkits(workspace)


def test_quality_is_the_mean_over_frames_then_objects_then_sequences(tmp_path: Path) -> None:
    create(tmp_path / "w", "vots2023", sequences(tmp_path))
    workspace = Workspace(tmp_path / "w")
    folder = workspace.results("SAMN") / "baseline"
    shifted = MaskPart((STARTS["2"][0] + 7, STARTS["2"][1]), np.ones((SIDE, SIDE), np.uint8))
    pair, single = workspace.sequences["pair"], workspace.sequences["single"]
    for stem, answers in {
        "pair/pair_1_001": [1, *pair.objects["1"][1:]],
        "pair/pair_2_001": [1, *[shifted] * (LENGTH - 1)],
        "single/single_001": [1, *single.groundtruth[1:-2], *[square("1", 0)] * 2],
    }.items():
        write_trajectory(folder / f"{stem}.bin", answers)  # type: ignore[arg-type]
    scored = analyse(list(workspace.sequences.values()), workspace.stack, workspace.results("SAMN"))["baseline"]
    # The frame of the start counts, as one without overlap; in the single object's last two nothing is to be answered.
    frames = [mask_iou(whole(shifted), whole(square("2", step))) for step in range(1, LENGTH)]
    first, second, single_one = (LENGTH - 1) / LENGTH, sum(frames) / LENGTH, (LENGTH - 3) / LENGTH
    expected = ((first + second) / 2 + single_one) / 2
    assert scored["quality"] == pytest.approx(expected, abs=1e-6)
