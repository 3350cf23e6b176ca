"""A run that is killed without warning goes on, on a tree of every data set; nothing that was done is done again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from killed import files_of, kill_at
from ope_trees import TREES

from ope_runner.runner import main
from samn_tracker.cli import main as samn

QUICK = "dtb70"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one != QUICK)) for one in TREES])
def test_a_killed_run_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    data, flag = TREES[name](tmp_path / "data").root, tmp_path / "flag"
    words = ["run", "--data", str(data), "--dataset", name]
    waits = ["--tracker", "ope_toys:WaitsOnce", "--set", f"flag={flag}", "--output", str(tmp_path / "run")]
    kill_at(flag, "ope_runner", [*words, *waits], Path(__file__).parent)
    done = {path: path.read_bytes() for path in (tmp_path / "run" / "records").glob("*.json")}
    assert len(done) == 2, "the third sequence was under way"
    capsys.readouterr()
    assert main([*words, *waits]) == 0
    assert "3 of 5 sequences to run" in capsys.readouterr().err or name == "otb100"
    assert all(path.read_bytes() == content for path, content in done.items())
    assert main([*words, "--tracker", "ope_toys:Still", "--output", str(tmp_path / "whole")]) == 0
    assert files_of(tmp_path / "run" / "results") == files_of(tmp_path / "whole" / "results")
    lint = ["lint", "--results", str(tmp_path / "run"), "--data", str(data), "--dataset", name]
    assert main(lint) == 0
    score = ["score", "--results", str(tmp_path / "run"), "--truth", str(data), "--partial"]
    assert main(score) == 0
    page = tmp_path / "r.html"
    report = [str(tmp_path / "run"), "--truth", str(data), "--partial", "--pictures", "1", "--output", str(page)]
    assert samn(["ope", "report", *report]) == 0
    assert page.read_text().count('<figure id="o') >= 5
    assert "ope_toys" in sys.modules
