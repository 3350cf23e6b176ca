"""`samn report`: from results on disk to a page that a browser shows without a complaint."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from app.browser import console_of

from ope_runner.runner import main as ope
from samn_tracker.app.report import merged_notes
from samn_tracker.cli import main
from samn_tracker.errors import ResultError
from samn_tracker.report import latex, page
from samn_tracker.report.model import (
    Report,
    Run,
    attribute_means,
    sequence_rows,
    share_of_sequences,
    with_unique_names,
)
from samn_tracker.report.names import format_score
from samn_tracker.report.svg import ticks

from .report_example import example, structure


def test_the_page_is_well_formed_and_needs_no_network() -> None:
    html = page.render(example())
    parsed = structure(html)
    assert parsed.tags.count("script") == 1, "the one that sorts tables"
    assert all(one.startswith(("#", "data:")) for one in parsed.references)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "theirs <b>" in parsed.text, "names are text and not markup"
    for word in ("Success", "Attributes", "Best and worst", "Confidence over time", "read me", "30.5"):
        assert word in parsed.text


def test_sections_without_data_are_left_out() -> None:
    bare = Report("bare", "example", "success", (Run("one", {"success": 0.5}),))
    parsed = structure(page.render(bare))
    assert "0.500" in parsed.text
    for word in ("Curves", "Attributes", "Sequences", "Best and worst", "Confidence", "made"):
        assert word not in parsed.text.replace("Made by", "")


def test_sequences_are_sorted_by_the_lead_of_the_first_run() -> None:
    rows = sequence_rows(example())
    assert [row.name for row in rows] == ["dog", "cat", "car"]
    assert [row.difference for row in rows] == pytest.approx([-0.2, 0.0, 0.4])


def test_a_sequence_that_one_run_lacks_comes_last() -> None:
    first = Run("a", {}, {"x": {"s": 0.5}, "y": {"s": 0.1}})
    rows = sequence_rows(Report("", "", "s", (first, Run("b", {}, {"y": {"s": 0.9}}))))
    assert [(row.name, row.difference) for row in rows] == [("y", pytest.approx(-0.8)), ("x", None)]


def test_the_best_value_of_a_column_knows_which_way_is_better() -> None:
    report = example()
    assert report.best("success") == {"ours"}
    assert report.best("lost") == {"ours"}
    assert report.best("coverage") == set()
    assert Report("", "", "s", (Run("a", {"s": 1.0}),)).best("s") == set(), "one run has nobody to beat"
    assert Report("", "", "s", (Run("a", {"s": 1.0}), Run("b", {"s": 1.0}))).best("s") == set(), "a tie has no winner"


def test_attribute_means_and_shares_by_hand() -> None:
    run = example().runs[0]
    assert attribute_means(run, {"car": ["fast", "big"], "dog": ["fast"], "gone": ["fast"]}, "success") == {
        "big": pytest.approx(0.9),
        "fast": pytest.approx(0.6),
    }
    curve = share_of_sequences(run, "success")
    assert curve.y[[0, 40, 60, 95]] == pytest.approx([1, 2 / 3, 1 / 3, 0])


def test_a_note_of_all_runs_is_said_once() -> None:
    runs = [Run("a", {}), Run("b", {})]
    assert merged_notes(runs, [("few", "only a"), ("few",)]) == ("few", "a: only a")


def test_many_notes_are_folded() -> None:
    report = example()
    assert "<details" not in page.render(report)
    many = replace(report, notes=tuple(f"note {index}" for index in range(9)))
    assert "<summary>9 notes</summary>" in page.render(many)


def test_a_count_has_no_decimals() -> None:
    assert [format_score(value) for value in (3, 0.5, 12.34, None)] == ["3", "0.500", "12.3", "–"]


def test_equal_names_get_numbers() -> None:
    runs = [Run("a", {}), Run("b", {}), Run("a", {})]
    assert [run.name for run in with_unique_names(runs)] == ["a (1)", "b", "a (2)"]
    with pytest.raises(ResultError, match="nothing to report"):
        with_unique_names([])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 50, [0, 10, 20, 30, 40, 50]), (100, 356, [100, 150, 200, 250, 300, 350])],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_latex_marks_the_best_and_escapes_names() -> None:
    text = latex.render(example(("ours", "50%_wide")))
    assert r"ours & \textbf{0.567} & \textbf{3.000} \\" in text
    assert r"50\%\_wide" in text
    assert r"dog & 0.300 & \textbf{0.500} \\" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2


def test_a_report_from_run_folders(runs: Path) -> None:
    Path("tags.json").write_text(json.dumps({"first": ["fast"], "second": ["fast", "small"]}))
    given = ["runs/white", "MIL=runs/mil", "--truth", "data", "--attributes", "tags.json"]
    assert (
        main(["report", *given, "--output", "r.html", "--latex", "r.tex", "--plots", "plots", "--pictures", "1"]) == 0
    )
    html = Path("r.html").read_text()
    parsed = structure(html)
    for word in ("One-pass evaluation: 2 trackers", "white", "MIL", "first", "second", "opencv-mil", "fast"):
        assert word in parsed.text
    assert "white falls behind most" in parsed.text
    assert html.count("data:image/jpeg") == 4 + 2, "the best and the worst of each, and both ends of the differences"
    assert r"\textbf" in Path("r.tex").read_text()
    expected = {"curve_success", "curve_precision", "curve_normalized_precision", "attributes"}
    assert {path.name for path in Path("plots").iterdir()} == {
        f"{one}.{end}" for one in expected for end in ("png", "svg")
    }
    assert cv2.imread("plots/curve_success.png") is not None


def test_a_report_from_saved_scores_has_the_same_table(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "mil=runs/mil", "--truth", "data", "--output", "a.html", "--pictures", "0"]) == 0
    capsys.readouterr()
    score = ["score", "--truth", "data", "--results", "runs/mil", "--split", "zero-based", "--json"]
    assert ope(score) == 0
    Path("mil.json").write_text(capsys.readouterr().out)
    assert main(["report", "mil.json", "--output", "b.html"]) == 0
    tables = [re.search(r"<table.*?</table>", Path(name).read_text()) for name in ("a.html", "b.html")]
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", table.group()) for table in tables if table]
    assert cells[0][:3] == cells[1][:3]


@pytest.mark.data
def test_a_report_of_vot_results(shared_data: Path, workplace: Path) -> None:
    oracles = shared_data / "oracles" / "vot"
    every = json.loads((oracles / "VOT2018.json").read_text())
    Path("VOT2018.json").write_text(json.dumps({name: every[name] for name in sorted(every)[:3]}))
    given = [str(oracles / "results" / "VOT2018" / name) for name in ("NanoTrack", "LightTrack")]
    assert main(["report", *given, "--benchmark", "vot", "--truth", "VOT2018.json", "--output", "r.html"]) == 0
    parsed = structure(Path("r.html").read_text())
    for word in (
        "NanoTrack",
        "LightTrack",
        "EAO",
        "Expected average overlap",
        "Accuracy and robustness",
        *sorted(every)[:3],
    ):
        assert word in parsed.text
    assert parsed.tags.count("circle") == 2


REPORT_MISTAKES = {
    "no run": (["runs/gone", "--truth", "data"], "there is no folder runs/gone"),
    "no truth": (["runs/mil"], "give the benchmark's data as --truth"),
    "no benchmark": (["frames", "--truth", "frames"], "give --benchmark"),
    "no results": (["frames", "--truth", "data"], "first.txt is missing"),
    "not scores": (["tags.json"], "does not hold scores"),
    "vot without truth": (["runs/mil", "--benchmark", "vot"], "VOT results need --truth"),
    "not attributes": (["runs/mil", "--truth", "data", "--attributes", "list.json"], "list.json is not"),
}


@pytest.mark.parametrize("mistake", REPORT_MISTAKES)
def test_a_mistake_gets_one_clear_sentence(runs: Path, capsys: pytest.CaptureFixture[str], mistake: str) -> None:
    arguments, sentence = REPORT_MISTAKES[mistake]
    Path("tags.json").write_text("{}")
    Path("list.json").write_text("[1, 2]")
    capsys.readouterr()
    assert main(["report", *arguments, "--output", "r.html"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("samn report: ")
    assert sentence in printed
    assert not Path("r.html").exists()


def test_an_unknown_benchmark_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["report", "runs/mil", "--benchmark", "lasot", "--output", "r.html"])
    assert stopped.value.code == 2
    assert "'lasot'" in capsys.readouterr().err


def test_a_real_browser_shows_the_page_without_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "r.html").write_text(page.render(example()))
    console, screenshot = console_of(tmp_path / "r.html")
    assert console == ""
    shown = cv2.imread(str(screenshot))
    assert shown.shape == (1200, 800, 3)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100, "an empty page has few colours"


def test_the_browser_check_would_see_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("<script>console.error('a fault')</script>")
    assert "a fault" in console_of(tmp_path / "bad.html")[0]
