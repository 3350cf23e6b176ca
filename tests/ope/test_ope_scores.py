"""Scores of one-pass evaluation: by hand, equal to the got10k toolkit, and never of a part as if it were the whole."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ope_trees import TREES, Tree, lasot, otb, uav123, wander, write_results

from ope_runner.runner import Ope, main
from samn_tracker.cli import main as samn
from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.runner.metrics.ope import scores, sequence_curves

STILL = np.tile([10.0, 10, 20, 20], (4, 1))
HALF = STILL + np.array([10, 0, 0, 0])  # IoU 1/3, centre error 10 pixels, half of a width


def test_success_and_precision_by_hand() -> None:
    answer = np.vstack([STILL[:2], HALF[:1], STILL[:1] + np.array([100, 0, 0, 0])])
    found = scores(sequence_curves(STILL, answer))
    # IoU 1, 1, 1/3, 0: of the 21 thresholds 0, 0.05, ... below them are 20, 20, 7 and none.
    assert found["success"] == pytest.approx((20 + 20 + 7) / 4 / 21)
    assert (found["precision"], found["overlap_50"], found["normalized_precision_at_0.2"]) == (0.75, 0.5, 0.5)
    assert found["normalized_precision"] == pytest.approx((51 + 51 + 1) / 4 / 51)


@pytest.mark.parametrize(
    ("rule", "success", "precision"),
    [("otb", 2 / 4, 4 / 4), ("lasot", 2 / 4, 3 / 4), ("annotated", 2 / 2, 2 / 2)],
)
def test_frames_without_a_target_count_as_each_toolkit_counts_them(rule: str, success: float, precision: float) -> None:
    truth, absent = STILL.copy(), np.array([False, False, True, False])
    truth[3] = 0  # not annotated, and not flagged
    truth[2] = 0 if rule == "otb" else truth[2]
    found = scores(sequence_curves(truth, STILL, rule, absent if rule != "otb" else None))
    assert found["overlap_50"] == pytest.approx(success)
    assert found["precision"] == pytest.approx(precision)


@pytest.mark.parametrize(("rule", "hits"), [("otb", 4), ("lasot", 4), ("zero-based", 4), ("annotated", 2)])
def test_a_result_without_a_size_is_the_one_before_as_in_the_sets_own_code(rule: str, hits: int) -> None:
    answer = STILL.copy()
    answer[2:] = [[5, 5, 0, 8], [5, 5, 8, -1]]
    found = scores(sequence_curves(STILL, answer, rule))
    assert found["overlap_75"] == hits / 4
    moved = np.vstack([STILL[:1], HALF[:1], answer[2:]])
    # IoU 1/3 is above the first 7 of 21 thresholds; without the rule the last two frames hit none.
    expected = (21 - 1 + 7 * (hits - 1)) / 4 / 21
    assert scores(sequence_curves(STILL, moved, rule))["success"] == pytest.approx(expected)


def test_a_result_without_a_size_stays_where_the_truth_is_unknown() -> None:
    truth, answer = STILL.copy(), STILL.copy()
    truth[2] = np.nan
    answer[2:] = 0
    # Frame 2 has no truth, so its answer is not replaced, and frame 3 repeats it: what the sets' own code does.
    assert scores(sequence_curves(truth, answer))["overlap_50"] == 2 / 4


def test_a_sequence_without_a_visible_frame_has_no_score() -> None:
    with pytest.raises(DatasetError, match="no frame has a visible target"):
        sequence_curves(STILL * 0, STILL, "annotated")


def test_otb_with_cut_sequences_and_two_targets_by_hand(tmp_path: Path) -> None:
    tree = otb(tmp_path / "data")
    answers = write_results(tmp_path / "results", tree.truth)
    table = Ope().score_part(tree.root, tmp_path / "results", "otb100")
    assert set(table.sequences) == set(tree.truth)
    for name, truth in tree.truth.items():
        answer = answers[name]
        low, high = np.maximum(truth[:, :2], answer[:, :2]), np.minimum(*(b[:, :2] + b[:, 2:] for b in (truth, answer)))
        shared = np.prod((high - low).clip(0), axis=1)
        overlap = shared / (np.prod(truth[:, 2:], axis=1) + np.prod(answer[:, 2:], axis=1) - shared)
        overlap[0] = 1
        expected = np.mean([(overlap > threshold).mean() for threshold in np.arange(21) / 20])
        assert table.sequences[name]["success"] == pytest.approx(expected, abs=1e-9)
    assert table.overall["success"] == pytest.approx(np.mean([row["success"] for row in table.sequences.values()]))
    assert table.attributes["DEF (7)"]["success"] == pytest.approx(
        np.mean(
            [table.sequences[f"{n}"]["success"] for n in ("David", "Diving", "Jogging-1", "Jogging-2")]
            + [table.sequences[n]["success"] for n in ("Skating2-1", "Skating2-2", "Human4-2")]
        )
    )


GOT10K: dict[str, tuple[str, str, Callable[[Any, Path], Any]]] = {
    "otb100": ("OTB", "otb", lambda kind, root: kind(str(root), 2015, download=False)),
    "uav123": ("UAV123", "uav123", lambda kind, root: kind(str(root), "UAV123")),
    "nfs30": ("NfS", "nfs", lambda kind, root: kind(str(root), 30)),
    "nfs240": ("NfS", "nfs", lambda kind, root: kind(str(root), 240)),
    "tc128": ("TColor128", "tcolor128", lambda kind, root: kind(str(root), download=False)),
    "dtb70": ("DTB70", "dtb70", lambda kind, root: kind(str(root))),
}


@pytest.mark.parametrize("name", GOT10K)
def test_scores_equal_those_of_got10k(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("got10k")
    import got10k.datasets
    import got10k.experiments

    kind, _, make = GOT10K[name]
    tree = TREES[name](tmp_path / "data")
    for extra in ("a", "b", "c", "d"):  # got10k wants more than three entries in the root
        (tree.root / f"~{extra}").mkdir()
    answers = write_results(tmp_path / "ours", tree.truth)
    theirs = make(getattr(got10k.datasets, kind), tree.root)
    experiment_class = getattr(got10k.experiments, f"Experiment{kind}")
    experiment = experiment_class.__new__(experiment_class)
    experiment.dataset, experiment.nbins_iou, experiment.nbins_ce = theirs, 21, 51
    experiment.result_dir, experiment.report_dir = str(tmp_path / "results"), str(tmp_path / "reports")
    monkeypatch.setattr(experiment_class, "plot_curves", lambda self, names: None)
    place = tmp_path / "results" / "toy"
    place.mkdir(parents=True)
    ours = {
        one: one.replace("-", ".").removesuffix(".2") if one == "Human4-2" else one.replace("-", ".") for one in answers
    }
    assert sorted(theirs.seq_names) == sorted(ours.values())
    for one, spelled in ours.items():
        shutil.copy(tmp_path / "ours" / f"{one}.txt", place / f"{spelled}.txt")
    report = experiment.report(["toy"])["toy"]
    table = Ope().score_part(tree.root, place, name)
    assert table.overall["success"] == pytest.approx(report["overall"]["success_score"], abs=5e-5)
    assert table.overall["precision"] == pytest.approx(report["overall"]["precision_score"], abs=5e-5)
    assert table.overall["overlap_50"] == pytest.approx(report["overall"]["success_rate"], abs=5e-5)
    for one, spelled in ours.items():
        assert table.sequences[one]["success"] == pytest.approx(report["seq_wise"][spelled]["success_score"], abs=5e-5)


def test_absent_frames_of_uav123_count_against_success_as_in_its_own_toolkit(tmp_path: Path) -> None:
    tree = uav123(tmp_path / "data")
    path = tree.root / "anno/UAV123/uav6.txt"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:100], *["NaN,NaN,NaN,NaN"] * 9]) + "\n")
    write_results(tmp_path / "results", tree.truth)
    shutil.copy(tmp_path / "results/uav6.txt", tmp_path / "results/keep.bak")
    np.savetxt(tmp_path / "results/uav6.txt", tree.truth["uav6"], delimiter=",")
    row = Ope().score_part(tree.root, tmp_path / "results", "uav123").sequences["uav6"]
    assert row["overlap_50"] == pytest.approx(100 / 109)
    assert row["precision"] == 1


def test_flagged_frames_of_lasot_are_hits_of_nothing(tmp_path: Path) -> None:
    tree = lasot(tmp_path / "data")
    write_results(tmp_path / "results", tree.truth)
    np.savetxt(tmp_path / "results/dog-1.txt", tree.truth["dog-1"], delimiter="\t")
    row = Ope().score_part(tree.root, tmp_path / "results", "lasot").sequences["dog-1"]
    assert row["overlap_75"] == row["precision"] == row["normalized_precision_at_0.2"] == pytest.approx(8 / 10)


def test_a_part_is_never_scored_as_if_it_were_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = lasot(tmp_path / "data")
    write_results(tmp_path / "results", tree.truth)
    (tmp_path / "results/dog-1.txt").unlink()
    words = ["score", "--truth", str(tree.root), "--results", str(tmp_path / "results"), "--dataset", "lasot"]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "is not all of LaSOT" in said and "airplane-13: no ground truth" in said and "--partial" in said
    assert main([*words, "--partial"]) == 0
    said = capsys.readouterr().out
    assert (
        "overall of 4/280" in said
        and "PARTIAL: 4 of 280 sequences" in said
        and "left out: dog-1.txt is missing" in said
    )
    assert main([*words, "--partial", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["partial"] == {"scored": 4, "official": 280}


@pytest.mark.parametrize(
    ("rows", "message"), [(9, "dog-1.txt has 9 rows, the ground truth 10"), (11, "dog-1.txt has 11 rows")]
)
def test_results_that_are_too_short_or_too_long_are_named(rows: int, message: str, tmp_path: Path) -> None:
    tree = lasot(tmp_path / "data")
    write_results(tmp_path / "results", tree.truth | {"dog-1": wander(rows, 1)})
    (note,) = [one for one in Ope().score_part(tree.root, tmp_path / "results", "lasot").notes if "dog-1.txt" in one]
    assert message in note


def test_frames_after_the_annotated_ones_of_monkey_17_are_cut_off_as_its_toolkit_does(tmp_path: Path) -> None:
    tree = lasot(tmp_path / "data", ("monkey-17", "dog-1"))
    write_results(tmp_path / "results", tree.truth)
    for name in tree.truth:
        with (tmp_path / f"results/{name}.txt").open("a") as stream:
            stream.write("1,1,1,1\nnan,1,1,1\n")
    assert list(Ope().score_part(tree.root, tmp_path / "results", "lasot").sequences) == ["monkey-17"]


@pytest.mark.parametrize("spelling", ["{}", "{}_", "lower", "got10k"])
def test_results_under_the_names_of_other_toolkits_are_found(spelling: str, tmp_path: Path) -> None:
    tree = otb(tmp_path / "data")
    answers = write_results(tmp_path / "results", tree.truth)
    expected = Ope().score_part(tree.root, tmp_path / "results", "otb100").overall
    place = tmp_path / "theirs"
    place.mkdir()
    for name in answers:
        spelled = {"{}": name, "{}_": name.replace("-", "_"), "got10k": name.replace("-", ".")}.get(
            spelling, (name[0].lower() + name[1:]).replace("-", "_")
        )
        np.savetxt(place / f"{spelled}.txt", answers[name], fmt="%.4f", delimiter="\t" if spelling == "{}_" else ",")
        (place / f"{spelled}_time.txt").write_text("0.1\n")
    assert Ope().score_part(tree.root, place, "otb100").overall == expected


def test_two_spellings_of_one_name_are_refused(tmp_path: Path) -> None:
    tree = otb(tmp_path / "data")
    write_results(tmp_path / "results", tree.truth)
    (tmp_path / "results/Jogging-1.txt").rename(tmp_path / "results/Jogging_1.txt")
    shutil.copy(tmp_path / "results/Jogging_1.txt", tmp_path / "results/jogging.1.txt")
    notes = Ope().score_part(tree.root, tmp_path / "results", "otb100").notes
    assert any("Jogging-1 may be Jogging_1.txt or jogging.1.txt" in note for note in notes)


def test_pysots_json_scores_as_the_tree_does(tmp_path: Path) -> None:
    tree = lasot(tmp_path / "data")
    write_results(tmp_path / "results", tree.truth)
    expected = Ope().score_part(tree.root, tmp_path / "results", "lasot")
    entries = {}
    for name, boxes in tree.truth.items():
        seen = [int(index not in (3, 4)) for index in range(len(boxes))]
        entries[name] = {"gt_rect": boxes.tolist(), "img_names": [], "attr": ["SV"], "absent": seen}
    (tmp_path / "LaSOT.json").write_text(json.dumps(entries))
    table = Ope().score_part(tmp_path / "LaSOT.json", tmp_path / "results", "lasot")
    assert table.overall == expected.overall
    assert list(table.attributes) == ["SV (5)"]


def test_no_result_at_all_is_an_error_even_of_a_part(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(ResultError, match="has no result of LaSOT"):
        Ope().score_part(lasot(tmp_path / "data").root, tmp_path / "results", "lasot")


@pytest.mark.parametrize("name", TREES)
def test_run_interrupt_resume_lint_pack_and_score(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent), *sys.path])
    tree: Tree = TREES[name](tmp_path / "data")
    data, run = ["--data", str(tree.root), "--dataset", name], str(tmp_path / "run")
    start = [
        "run",
        *data,
        "--tracker",
        "ope_toys:StopsOnce",
        "--set",
        f"flag={tmp_path / 'flag'}",
        "--output",
        run,
        "--name",
        "a name",
    ]
    assert main(start) == 130
    done = {path.stem for path in (tmp_path / "run/results").glob("*.txt")}
    assert len(done) == 2
    assert main(start) == 0
    said = capsys.readouterr().err
    assert f"{len(tree.truth) - 2} of {len(tree.truth)} sequences to run" in said
    assert "not for comparisons" in said
    assert main(["lint", "--results", run, *data]) == 0
    assert main(["pack", "--results", run, *data, "--output", str(tmp_path / "a.zip")]) == 0
    assert main(["score", "--results", run, "--truth", str(tree.root), "--partial"]) == 0
    assert f"overall of {len(tree.truth)}/" in capsys.readouterr().out
    assert samn(["score", run, "--truth", str(tree.root), "--partial"]) == 0
    page = ["report", run, "--truth", str(tree.root), "--output", str(tmp_path / "r.html"), "--pictures", "0"]
    assert samn(page) == 1
    assert samn([*page, "--partial"]) == 0
    assert "PARTIAL: " in (tmp_path / "r.html").read_text() and "a name" in (tmp_path / "r.html").read_text()
    first = np.loadtxt(tmp_path / "run/results" / f"{next(iter(tree.truth))}.txt", delimiter=",")[0]
    np.testing.assert_array_equal(first, next(iter(tree.truth.values()))[0])
