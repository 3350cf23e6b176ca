"""What a page of many sequences holds: overlap over time, frames of failure, repetitions, and less than a megabyte."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from app.browser import console_of
from app.conftest import picture

from samn_tracker.cli import main
from samn_tracker.report import page
from samn_tracker.report.model import Clip, Curve, Report, Run, Thumbnail
from samn_tracker.report.moments import moments
from samn_tracker.report.names import plot_axes
from samn_tracker.report.repetitions import with_repetitions
from samn_tracker.report.svg import line_chart, points_of_each, spark_chart
from samn_tracker.report.thumbnails import all_together, best_and_worst, within_bytes

from .report_example import example, structure

NAN = float("nan")


@pytest.mark.parametrize(
    ("overlaps", "expected"),
    [
        # good until 3, lost at 4, found again, lost for 7 to 9: the last good one, the first failure, amid the longest
        ([1, 0.9, 0.8, 0.6, 0.05, 0.4, 0.3, 0, 0.1, 0, 0.7, 0.8], [3, 4, 8]),
        # never lost: the lowest of 0 to 2, of 3 to 5, of 6 to 8
        ([0.9, 0.7, 0.8, 0.9, 0.9, 0.5, 0.9, 0.6, 0.9], [1, 5, 7]),
        # frames that do not count are passed over; nothing good was before
        ([NAN, 0.0, 0.0, 0.0, NAN], [1, 2]),
        # no truth at all: a quarter, six tenths, nearly the end
        ([NAN] * 21, [5, 12, 19]),
    ],
)
def test_the_frames_of_a_strip_are_those_where_it_fails(overlaps: list[float], expected: list[int]) -> None:
    assert moments(range(len(overlaps)), np.array(overlaps)) == expected


def test_frames_without_an_answer_are_not_chosen() -> None:
    assert moments([0, 2, 4, 6], np.array([1, 0, 1, 0, 0.9, 0, 0.8])) == [0, 4, 6]
    assert moments([3], None) == [3]


def many(sequences: int, frames: int, names: tuple[str, ...]) -> Report:
    """Runs with everything, on sequences of noisy overlap; every third one is lost for ten frames."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    clip = Clip(range(frames), lambda index: np.roll(noise, index, axis=1), lambda *_: None)
    runs = []
    for name in names:
        overlaps = {f"sequence-{one:02d}": rng.uniform(0.3, 1, frames) for one in range(sequences)}
        for one in range(0, sequences, 3):
            overlaps[f"sequence-{one:02d}"][500:510] = 0.0
        rows = {key: {"success": float(values.mean())} for key, values in overlaps.items()}
        best, worst = best_and_worst({key: row["success"] for key, row in rows.items()}, 3, lambda _: clip, overlaps)
        overall = {"success": float(np.mean([row["success"] for row in rows.values()]))}
        curve = Curve(np.linspace(0, 1, 21), np.linspace(1, 0, 21), overall["success"])
        confidence = {key: rng.uniform(0, 1, frames) for key in overlaps}
        facts = {"tracker": name, "device": "cpu"}
        runs.append(
            Run(name, overall, rows, {"success": curve}, {"IV (9)": 0.5}, None, 30.0, confidence, best, worst, facts)
        )
        runs[-1] = replace(runs[-1], clip_of=lambda _: clip, overlaps=overlaps)
    report = Report("Many", "example", "success", tuple(runs))
    return within_bytes(replace(report, together=all_together(report, 3)))


def test_a_page_of_60_sequences_is_one_file_below_a_megabyte() -> None:
    report = many(60, 1000, ("ours", "theirs", "third"))
    html = page.render(report)
    assert len(html.encode()) < 1_000_000
    parsed = structure(html)
    assert all(one.startswith(("#", "data:")) for one in parsed.references)
    assert not re.search(r"https?://|@import|url\(", html)
    assert html.count("data:image/jpeg") == 3 * 6 + 6
    assert html.count('<figure id="o') == 60
    anchors = set(re.findall(r'href="#(o\d+)"', html))
    assert anchors == set(re.findall(r'id="(o\d+)"', html)) and len(anchors) == 60


def test_pictures_are_as_they_were_where_they_fit() -> None:
    report = many(4, 600, ("ours",))
    assert within_bytes(report) is report
    small = within_bytes(report, 20_000)
    pictures = [one.jpeg for run in small.runs for one in (*run.best, *run.worst)]
    assert sum(map(len, pictures)) <= 20_000
    assert all(cv2.imdecode(np.frombuffer(one, dtype=np.uint8), cv2.IMREAD_COLOR) is not None for one in pictures)


def test_a_caption_says_the_frames_and_their_overlap() -> None:
    clip = Clip(range(8), picture, lambda *_: None)
    values = {"dog": np.array([1, 0.9, 0.9, 0.7, 0.0, 0.0, 0.0, 0.8])}
    _, (strip,) = best_and_worst({"dog": 0.5, "cat": 0.9}, 1, lambda _: clip, values)
    assert strip.caption == "0.500, frames 3 (IoU 0.70), 4 (IoU 0.00), 5 (IoU 0.00)"


def test_a_short_failure_is_seen_in_a_small_chart() -> None:
    values = np.ones(5000)
    values[2345] = 0.0
    points = re.search(r'points="([^"]*)"', spark_chart({"a": values}, {"a": 0}, "label", 24))
    assert points
    pairs = [tuple(map(float, pair.split(","))) for pair in points.group(1).split()]
    assert len(pairs) == 24
    lowest = max(pairs, key=lambda pair: pair[1])
    assert lowest == (round(2345 / 4999 * 300), 90 - 16), "at the bottom, where it happened"
    assert [points_of_each(lines) for lines in (1, 300, 100_000)] == [120, 80, 24]


def test_the_interval_of_the_expected_overlap_is_shaded() -> None:
    curve = Curve(np.arange(2.0, 402.0), np.full(400, 0.5), 0.5, (100, 356))
    report = Report("", "", "eao", (Run("a", {"eao": 0.5}, curves={"eao": curve}),))
    chart = line_chart(plot_axes(report, "eao"), {"a": curve}, {"a": 0}, "EAO")
    shade = re.search(r'class="shade" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', chart)
    assert shade
    # The axis is 356 pixels wide, from 46 on, for lengths of 2 to 401.
    assert float(shade[1]) == pytest.approx(46 + (100 - 2) / 399 * 356, abs=0.1)
    assert float(shade[2]) == pytest.approx((356 - 100) / 399 * 356, abs=0.1)
    assert "shade" not in line_chart(plot_axes(report, "eao"), {"a": replace(curve, interval=None)}, {"a": 0}, "EAO")


def test_repetitions_are_a_mean_and_a_deviation() -> None:
    runs = tuple(
        Run(
            f"MIL ({number})",
            {"success": value, "lost": None},
            {"car": {"success": value}},
            {"success": Curve(np.array([0.0, 1.0]), np.array([1.0, value]), value)},
            {"IV": value},
            frames_per_second=10.0 * number,
            overlaps={"car": np.array([1.0, value])},
        )
        for number, value in enumerate((0.2, 0.4, 0.6), start=1)
    )
    other = Run("ours", {"success": 0.9, "lost": 3})
    report = with_repetitions(Report("", "", "success", (*runs, other)), ["MIL", "MIL", "MIL", "ours"])
    mean, kept = report.runs
    assert (mean.name, mean.overall, kept) == ("MIL", {"success": pytest.approx(0.4), "lost": None}, other)
    assert mean.deviation == {"success": pytest.approx(0.2)}, "of the sample: sqrt((0.04 + 0 + 0.04) / 2)"
    assert mean.sequences["car"]["success"] == mean.attributes["IV"] == pytest.approx(0.4)
    assert mean.curves["success"].y.tolist() == pytest.approx([1.0, 0.4])
    assert mean.overlaps["car"].tolist() == pytest.approx([1.0, 0.4])
    assert mean.frames_per_second == 20
    (note,) = report.notes
    assert "mean ± standard deviation of 3 runs" in note
    assert "0.400 ± 0.200" in structure(page.render(report)).text


def test_runs_that_were_given_one_name_are_repetitions(runs: Path) -> None:
    given = ["MIL=runs/mil", "MIL=runs/mil", "white=runs/white", "--truth", "data", "--output", "r.html"]
    assert main(["report", *given, "--pictures", "1", "--videos", "videos"]) == 0
    html = Path("r.html").read_text()
    assert "± 0.000" in html and "of 2 runs" in html
    assert "Overlap over time" in html and html.count('<figure id="o') == 2
    # Two sequences: each is the best or the worst of both trackers, and is drawn for both.
    drawn = {path.as_posix() for path in Path("videos").rglob("*.mp4")}
    assert drawn == {f"videos/{run}/{name}.mp4" for run in ("MIL", "white") for name in ("first", "second")}
    assert set(re.findall(r'href="(videos[^"]*)"', html)) == drawn


def test_a_benchmarks_own_report_command_needs_no_name_of_it(runs: Path) -> None:
    given = ["runs/mil", "--truth", "data", "--pictures", "0", "--output", "r.html"]
    assert main(["ope", "report", *given]) == 0
    assert "One-pass evaluation: mil" in Path("r.html").read_text()


def test_a_click_sorts_a_table(tmp_path: Path) -> None:
    click = """<script>
      const table = document.querySelector("#sequences table"), head = table.tHead.rows[0].cells[1];
      const order = () => [...table.tBodies[0].rows].map(row => row.cells[1].textContent).join();
      const before = order(); head.click(); const falling = order(); head.click();
      console.error(`${before} | ${falling} | ${order()} | ${head.ariaSort}`);</script>"""
    (tmp_path / "r.html").write_text(page.render(example()) + click)
    assert "0.300,0.500,0.900 | 0.900,0.500,0.300 | 0.300,0.500,0.900 | ascending" in console_of(tmp_path / "r.html")[0]


def test_names_are_text_and_a_picture_belongs_to_its_sequence() -> None:
    report = example()
    strip = Thumbnail("<i>car</i>", '"0.9"', b"jpeg")
    shown = structure(page.render(replace(report, together=(strip,))))
    assert '<i>car</i>: "0.9"' in shown.text and "i" not in shown.tags
