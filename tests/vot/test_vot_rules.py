"""The rules of every VOT challenge: what a workspace of them holds, and scores equal to the toolkit's own analysis."""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from workspaces import SIZE, complete, write_flat

from samn_tracker.errors import DatasetError
from vot_workspace import toolkit
from vot_workspace.__main__ import main
from vot_workspace.create import create
from vot_workspace.layouts import read_dataset
from vot_workspace.rules import RULES, YEARS
from vot_workspace.score_toolkit import analyse
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart
from vot_workspace.workspace import Workspace

if find_spec("vot") is None:
    pytest.skip("the VOT toolkit is not installed (pip install samn-tracker[vot])", allow_module_level=True)

INTERVALS = {"vot2016": (108, 371), "vot2017": (100, 356), "vot2018": (100, 356), "vot2019": (46, 291)}
INTERVALS |= dict.fromkeys(("vot2020", "vot2021", "vot2022", "vot2022-box"), (115, 755))
NEW = ("vot2017", "vot2021", "vot2022", "vot2022-box", "vot2022-longterm")
FIGURES = {
    "AverageAccuracyRobustness": ("accuracy", "robustness"),
    "EAOScore": ("eao",),
    "AverageAccuracy": ("accuracy",),
    "PrecisionRecall": ("precision", "recall", "f_score"),
}


def made(folder: Path, rules: str, lengths: dict[str, int] | None = None) -> Workspace:
    data = write_flat(folder / "data", lengths or {"a": 24, "b": 12})
    create(folder / "w", rules, read_dataset(data), tracker="opencv-mil", anchor_spacing=12)
    return Workspace(folder / "w")


@pytest.mark.parametrize("rules", [one for one in YEARS if not RULES[one].several])  # those: test_vots.py
def test_a_workspace_of_each_challenge(rules: str, tmp_path: Path) -> None:
    workspace = made(tmp_path, rules)
    experiments = {one.name: one for one in workspace.experiments}
    (sequence,) = (one for name, one in workspace.sequences.items() if name == "a")
    expected = RULES[rules]
    if rules.endswith("longterm"):
        assert list(experiments) == ["longterm"]
        assert experiments["longterm"].kind == "unsupervised"
    else:
        assert experiments["baseline"].kind == ("multistart" if expected.anchors else "supervised")
        assert experiments["baseline"].interval == INTERVALS[rules]
        assert ("realtime" in experiments) == (rules != "vot2016")
    assert bool(sequence.anchors) == expected.anchors
    region = sequence.groundtruth[3]
    assert isinstance(region, MaskPart) == (expected.target == "mask")
    if expected.target == "box":
        np.testing.assert_array_equal(region, [11, 10, 16, 16])
    replies = {"mask": "mask", "box": "rectangle", "polygon": "polygon"}
    assert workspace.tracker("SAMN")["env_samn_reply"] == replies[expected.target]


def test_long_term_truth_may_have_frames_without_target_but_not_the_first(tmp_path: Path) -> None:
    data = write_flat(tmp_path / "data", {"a": 12})
    (sequence,) = read_dataset(data)
    gone = SourceSequence("a", sequence.frames, [*sequence.groundtruth[:6], *[0] * 6], SIZE)
    create(tmp_path / "w", "vot2018-longterm", [gone])
    assert Workspace(tmp_path / "w").sequences["a"].groundtruth[7] == 0
    hidden = SourceSequence("a", sequence.frames, [0, *sequence.groundtruth[1:]], SIZE)
    with pytest.raises(DatasetError, match="no target in the first frame"):
        create(tmp_path / "v", "vot2018-longterm", [hidden])


def test_boxes_of_masks_are_where_the_masks_are(tmp_path: Path) -> None:
    data = write_flat(tmp_path / "data", {"a": 12})
    (sequence,) = read_dataset(data)
    parts = [MaskPart((5, 7), np.ones((3, 4), dtype=np.uint8))] * 11 + [MaskPart((0, 0), np.zeros((2, 2), np.uint8))]
    create(tmp_path / "w", "vot2022-box", [SourceSequence("a", sequence.frames, parts, SIZE)])
    truth = Workspace(tmp_path / "w").sequences["a"].groundtruth
    np.testing.assert_array_equal(truth[0], [5, 7, 4, 3])
    assert truth[11] == 0


def own_analysis(workspace: Workspace) -> dict[str, dict[str, float]]:
    """What `vot analysis` says in the workspace itself, read here."""
    toolkit.run("analysis", workspace.folder, "MIL", "--format", "json", "--name", "own")
    report: dict[str, Any] = json.loads((workspace.folder / "analysis/own.json").read_text())
    found: dict[str, dict[str, float]] = {}
    for name, content in report["results"].items():
        found[name] = {}
        for analysis, result in zip(content["parameters"]["analyses"], content["results"], strict=True):
            kind = analysis["type"].rpartition(".")[2]
            found[name] |= dict(zip(FIGURES.get(kind, ()), result[0] or [], strict=False))
    return found


@pytest.mark.parametrize("rules", ["vot2022-longterm", *(pytest.param(one, marks=pytest.mark.slow) for one in NEW[:4])])
def test_scores_equal_those_of_the_toolkit_to_six_decimals(rules: str, tmp_path: Path) -> None:
    lengths = {"a": 24, "b": 12} if rules.endswith("longterm") else {"a": 130, "b": 24}
    workspace = made(tmp_path, rules, lengths)
    complete(workspace)
    ours = analyse(list(workspace.sequences.values()), workspace.stack, workspace.results("MIL"))
    theirs = own_analysis(workspace)
    assert ours.keys() == theirs.keys()
    for name, figures in theirs.items():
        assert len(figures) == {"longterm": 3, "unsupervised": 1}.get(name, 3)
        for key, value in figures.items():
            assert ours[name][key] == pytest.approx(value, abs=1e-6)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rules", NEW)
def test_a_tracker_runs_under_the_rules(rules: str, tmp_path: Path) -> None:
    workspace = made(tmp_path, rules)
    with redirect_stdout(StringIO()):
        assert main(["run", str(workspace.folder)]) == 0
        assert main(["check", str(workspace.folder)]) == 0
        assert main(["score", str(workspace.folder)]) == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_tracker_behind_trax_answers_as_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here.parent), str(here / "trax")]))
    monkeypatch.syspath_prepend(str(here / "trax"))
    data = read_dataset(write_flat(tmp_path / "data", {"a": 24}))
    behind = f"trax:{sys.executable} -m samn_tracker.trax.server --tracker trax_toys:Still"
    found = []
    for name, tracker in (("inside", "trax_toys:Still"), ("outside", behind)):
        create(tmp_path / name, "demo", data, tracker=tracker)
        with redirect_stdout(StringIO()):
            assert main(["run", str(tmp_path / name)]) == 0
        results = tmp_path / name / "results" / "SAMN"
        # What the toolkit gives a tracker in real time depends on how fast the machine is just then.
        timeless = [path for path in results.rglob("*.bin") if "realtime" not in path.parts]
        found.append({path.relative_to(results): path.read_bytes() for path in timeless})
    assert found[0] == found[1] and len(found[0]) == 2
