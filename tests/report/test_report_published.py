"""What stands beside one's own scores: published rows, intervals, and whether two trackers differ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from samn_tracker.cli import main
from samn_tracker.errors import ConfigError
from samn_tracker.report.model import Report, Run
from samn_tracker.report.names import SCORE_TITLES
from samn_tracker.report.published import published_rows
from samn_tracker.report.resampling import RESAMPLES, difference, interval


def run(name: str, values: list[float], overall: float | None = None) -> Run:
    rows = {f"s{index}": {"success": value} for index, value in enumerate(values)}
    return Run(name, {"success": float(np.mean(values)) if overall is None else overall}, rows)


def test_every_published_row_has_scores_that_the_tables_know_and_a_source() -> None:
    keys = ["davis 2016/val", "davis 2017/val", "got10k test", "trackingnet TEST"]
    keys += [f"ope {one}" for one in ("otb100", "nfs30", "uav123", "lasot", "lasot-ext", "avist", "tnl2k")]
    keys += [f"vos {one}/valid" for one in ("youtube-2018", "youtube-2019", "mose", "lvos-v2")] + ["vos sav/test"]
    keys += ["vot VOT2016", "vot vot2018", "vot w19-2019", "vot 2020"]
    found = [(key, row) for key in keys for row in published_rows(key)]
    assert len({(key, row.tracker, row.source) for key, row in found}) == len(found), "no row is there twice"
    rows = [row for _, row in found]
    assert len({row.tracker for row in rows}) >= 30
    for row in rows:
        assert set(row.scores) <= set(SCORE_TITLES) and row.scores and row.source
        assert all(0 < value <= 100 for value in row.scores.values())


def test_rows_of_the_paper_are_as_the_paper_has_them() -> None:
    (samn,) = (row for row in published_rows("davis 2016/val") if row.tracker == "SAMN")
    assert samn.scores == {"j_mean": 0.790, "f_mean": 0.755, "jf_mean": 0.773}


def test_rows_of_repositories_are_as_their_tables_have_them() -> None:
    found = {
        (key, row.tracker): row
        for key in ("ope lasot", "ope tnl2k", "trackingnet TEST", "vos mose/valid")
        for row in published_rows(key)
    }
    assert found["ope lasot", "OSTrack-384"].scores == {"success": 0.711}
    assert found["trackingnet TEST", "STARK-ST101"].scores == {"success": 82.0}
    assert found["vos mose/valid", "SAM 2.1 (large)"].scores == {"jf_mean": 0.746}
    assert found["vos mose/valid", "Cutie (base, plus)"].scores == {"jf_mean": 0.717}
    assert found["ope tnl2k", "DAM4SAM (large)"].scores == {"success": 0.598}
    assert "README.md" in found["ope lasot", "OSTrack-384"].source


def test_a_benchmark_without_published_rows_is_said() -> None:
    for key in ("ope dtb70", "vot vot2018-longterm"):
        with pytest.raises(ConfigError, match=f"no published scores of {key} are known"):
            published_rows(key)


def test_an_interval_holds_the_mean_and_shrinks_with_more_sequences() -> None:
    few, many = run("few", [0.2, 0.8] * 5), run("many", [0.2, 0.8] * 50)
    widths = []
    for one in (few, many):
        low, high = interval(one, "success") or (0, 0)
        assert low < 0.5 < high
        widths.append(high - low)
    # The mean of n values of standard deviation 0.3 spreads by 2 * 1.96 * 0.3 / sqrt(n).
    assert widths[1] == pytest.approx(2 * 1.96 * 0.3 / 10, rel=0.1)
    assert widths[0] > 2.5 * widths[1]


def test_a_score_that_is_no_mean_over_sequences_has_no_interval() -> None:
    assert interval(run("pooled", [0.2, 0.8], overall=0.3), "success") is None
    assert interval(run("one", [0.2]), "success") is None


def test_trackers_differ_where_one_leads_everywhere_and_not_where_leads_cancel() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.8, 40)
    report = Report("", "", "success", (run("a", list(base + 0.05)), run("b", list(base)), run("c", list(base[::-1]))))
    lead, chance = difference(report, report.runs[1]) or (0, 0)
    assert lead == pytest.approx(0.05) and chance == 1 / RESAMPLES
    noisy = Report("", "", "success", (run("a", list(base)), run("b", list(rng.permutation(base)))))
    lead, chance = difference(noisy, noisy.runs[1]) or (1, 0)
    assert lead == pytest.approx(0, abs=1e-9) and chance > 0.8
    assert difference(report, report.runs[0]) is None


def test_the_page_has_published_rows_intervals_and_attributes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name, shift in (("mine", 0.1), ("other", 0.0)):
        rows = {f"s{index}": {"ao": float(value)} for index, value in enumerate(rng.uniform(0.2, 0.6, 30) + shift)}
        mean = float(np.mean([row["ao"] for row in rows.values()]))
        content = {"benchmark": "got10k", "split": "test", "ao": mean, "sequences": rows, "curves": {}, "notes": []}
        content["attributes"] = {"IV (9)": {"ao": 0.5}}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    words = [str(tmp_path / "mine.json"), str(tmp_path / "other.json"), "--output", str(tmp_path / "r.html")]
    assert main(["report", *words, "--published"]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "DiMP-50" in page and "published: Xie et al., ICCVW 2021, table 4" in page and "0.611" in page
    assert "95% interval" in page and "Lead of the first (chance)" in page and "p = " in page
    assert "IV (9)" in page
    assert main(["report", *words]) == 0
    assert "DiMP-50" not in (tmp_path / "r.html").read_text()
