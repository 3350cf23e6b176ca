"""The lists of faults stay true, and mutants are what they should be. Whether they are noticed: `make mutation`."""

from __future__ import annotations

from pathlib import Path

import pytest
from known_faults import FAULTS, Fault
from mutants import mutants

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_known_fault_has_its_one_place_in_the_code(fault: Fault) -> None:
    text = (ROOT / (fault.module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    assert text.count(fault.right) == 1
    compile(text.replace(fault.right, fault.wrong), fault.module, "exec")


def test_a_line_has_every_mutant_and_no_more() -> None:
    source = '"""5"""\n\ndef near(x: float, limit: float = 2.0) -> bool:\n    return not x < limit - 1 and limit > 0\n'
    found = {one.fault for one in mutants(source)}
    assert found == {
        "2.0 -> 3.0",
        "not x < limit - 1 and limit > 0 -> not x < limit - 1 or limit > 0",
        "not x < limit - 1 -> x < limit - 1",
        "x < limit - 1 -> x <= limit - 1",
        "x < limit - 1 -> x >= limit - 1",
        "limit - 1 -> limit + 1",
        "1 -> 2",
        "limit > 0 -> limit >= 0",
        "limit > 0 -> limit <= 0",
        "0 -> 1",
    }


def test_a_mutant_is_the_module_with_its_one_fault() -> None:
    larger, smaller = mutants("def least(a, b):\n    return min(a, b) if a else b\n")
    values = []
    for one in (larger, smaller):
        names: dict[str, object] = {}
        exec(compile(one.source, "mutant", "exec"), names)
        values.append(names["least"](3, 5))  # type: ignore[operator]
    assert sorted(values) == [5, 5]
    assert {larger.line, smaller.line} == {2}
