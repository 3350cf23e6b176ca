"""Numbers on command lines have bounds: the wrong ones are a wrong command line, and no program begins with them."""

from __future__ import annotations

import ast

import pytest
from product import PACKAGES, ROOT

from samn_tracker.cli import main


@pytest.mark.parametrize(
    "line",
    [
        "track clip.mp4 --end 0",
        "track clip.mp4 --stride -1",
        "report scores.json --pictures -1",
        "studio clip.mp4 --port 65536",
        "train pack a.toml b.npz --quality 101",
        "train timed a.toml --minutes nan --out b",
        "train timed a.toml --minutes -3 --out b",
        "bench --frames 0",
        "bench --threads 1025",
        "bench accuracy --processes 0",
        "bench agreement --data d --frames -5",
        "bench recovery --seeds 0",
        "bench cuda --frames x",
        "bench backends --patch 0",
        "bench backends --patch 250",
        "bench backends --repeats 0",
        "bench backends --threads 99999999999999999999",
        "vot run w --attempts -1",
        "vot create w --first-pixel 2",
    ],
)
def test_numbers_out_of_range_are_a_wrong_command_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(line.split())
    assert "is not a number" in (said := capsys.readouterr().err) or "is not a time above 0" in said


def test_no_option_takes_any_number() -> None:
    """`type=int` and `type=float` have no bounds; `samn_tracker.runner.digits` has what has."""
    found = []
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.keyword)
                and node.arg == "type"
                and getattr(node.value, "id", "") in ("int", "float")
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.value.lineno}")
    assert not found
