"""What libFuzzer says is read as it was said, and a reader is really fuzzed where atheris is installed."""

from __future__ import annotations

import fuzz_coverage
import pytest

CRASH = """
 === Uncaught Python exception: ===
ZeroDivisionError: of no use
Traceback (most recent call last):
  File "crash.py", line 4, in one
#2	INITED cov: 2 ft: 2 corp: 1/1b exec/s: 0 rss: 40Mb
#9	NEW    cov: 5 ft: 5 corp: 2/3b exec/s: 0 rss: 40Mb
==25378== ERROR: libFuzzer: fuzz target exited
Base64: /zIK
stat::number_of_executed_units: 65
"""


def test_crash_is_told_with_its_input_and_counted() -> None:
    found = fuzz_coverage.from_log(CRASH, 77)
    assert found == fuzz_coverage.Guided(65, 5, "ZeroDivisionError: of no use, base64 /zIK")
    line, below = fuzz_coverage.table({"a reader": found}).splitlines()[1:]
    assert line.split() == ["a", "reader", "65", "5", "1"] and "of no use" in below


def test_log_of_a_process_that_never_began_is_a_crash() -> None:
    found = fuzz_coverage.from_log("ModuleNotFoundError: No module named 'atheris'\n", 1)
    assert found.inputs == 0 and "atheris" in found.crash


def test_coverage_leads_further_than_the_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed; pip install atheris")
    reader = ["--only", "VOT sequence file", "--inputs"]
    assert fuzz_coverage.main([*reader, "2"]) == 0
    few = capsys.readouterr().out.split()
    assert fuzz_coverage.main([*reader, "2000"]) == 0
    many = capsys.readouterr().out.split()
    assert (few[-3], many[-3]) == ("2", "2000")
    assert int(many[-2]) > int(few[-2])
