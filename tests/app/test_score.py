"""`samn score`: the scorer of the right benchmark, found from the run, from the data, or as said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ope_runner.runner import main as ope
from samn_tracker.app.benchmarks import benchmark_of_data
from samn_tracker.cli import main


def printed_scores(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `samn score ... --json` prints."""
    capsys.readouterr()
    assert main(["score", *arguments, "--json"]) == 0
    scores: dict[str, Any] = json.loads(capsys.readouterr().out)
    return scores


def test_a_run_is_scored_as_its_benchmark_scores_it(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = printed_scores(capsys, "runs/mil", "--truth", "data")
    assert ope(["score", "--truth", "data", "--results", "runs/mil", "--json"]) == 0
    assert ours == json.loads(capsys.readouterr().out)
    assert ours["split"] == "zero-based", "the run's own"
    assert printed_scores(capsys, "runs/white", "--truth", "data")["precision"] == 1.0


def test_a_folder_without_a_manifest_is_known_by_its_data(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("runs/white/results", "boxes")
    of_folder = printed_scores(capsys, "boxes", "--truth", "data", "--split", "zero-based")
    assert of_folder == printed_scores(capsys, "runs/white", "--truth", "data")


def test_the_table_can_be_written_as_csv(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "runs/white", "--truth", "data", "--csv", "table.csv"]) == 0
    assert "success" in capsys.readouterr().out
    assert [line.split(",")[0] for line in Path("table.csv").read_text().splitlines()][1:3] == ["first", "second"]


@pytest.mark.parametrize(
    ("files", "benchmark"),
    [
        (["val/list.txt"], "got10k"),
        (["GOT-10k_Val_000001/groundtruth.txt"], "got10k"),
        (["TEST/anno/a.txt", "TEST/frames/a/0.jpg"], "trackingnet"),
        (["Annotations/480p/a/00000.png"], "davis"),
        (["a/groundtruth_rect.txt"], "ope"),
        (["config.yaml", "sequences/list.txt"], "vot"),
        (["a/groundtruth_rect.txt", "Annotations/480p/a/00000.png"], None),
        (["notes.txt"], None),
    ],
)
def test_the_layout_of_the_data_tells_the_benchmark(tmp_path: Path, files: list[str], benchmark: str | None) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert benchmark_of_data(tmp_path) == benchmark


MISTAKES = {
    "no results": (["runs/gone", "--truth", "data"], "there is no folder runs/gone"),
    "no truth": (["runs/mil", "--truth", "gone"], "there is no ground truth at gone"),
    "nothing says it": (["frames", "--truth", "frames"], "give --benchmark: got10k, trackingnet, davis, ope, vos, vot"),
    "an option of another scorer": (
        ["runs/mil", "--truth", "data", "--details", "--no-toolkit"],
        "the scorer of ope has no --details, --no-toolkit",
    ),
    "missing results": (["frames", "--truth", "data"], "first.txt is missing\n  second.txt is missing"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_clear_sentence(runs: Path, capsys: pytest.CaptureFixture[str], mistake: str) -> None:
    arguments, sentence = MISTAKES[mistake]
    capsys.readouterr()
    assert main(["score", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err


@pytest.mark.data
def test_published_results_get_their_published_scores(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results of others on VOT2018 and DTB70."""
    oracles = shared_data / "oracles"
    vot = [str(oracles / "vot/results/VOT2018/NanoTrack"), "--truth", str(oracles / "vot/VOT2018.json"), "--no-toolkit"]
    assert printed_scores(capsys, *vot)["pysot"]["eao"] == pytest.approx(0.311, abs=5e-4)
    one_pass = [str(oracles / "ope/DTB70/AutoTrack"), "--truth", str(oracles / "ope/DTB70/groundtruth")]
    one_pass += ["--benchmark", "ope", "--dataset", "dtb70"]
    assert printed_scores(capsys, *one_pass)["success"] == pytest.approx(0.4785, abs=5e-5)
