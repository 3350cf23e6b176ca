"""Settings of any kind: command-line pairs, and plain values of nested tuples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from samn_tracker.cli import main
from samn_tracker.errors import ConfigError
from samn_tracker.settings import key_values, merge, read_toml, save_toml, to_dict


@dataclass(frozen=True)
class Wheel:
    radius: float = 1.0
    spokes: tuple[int, ...] = (3, 4)


@dataclass(frozen=True)
class Cart:
    name: str = "cart"
    wheels: tuple[Wheel, ...] = (Wheel(), Wheel(2.0, ()))
    spare: Wheel = field(default_factory=Wheel)


PLAIN = {
    "name": "cart",
    "wheels": [{"radius": 1.0, "spokes": [3, 4]}, {"radius": 2.0, "spokes": []}],
    "spare": {"radius": 1.0, "spokes": [3, 4]},
}


def test_pairs_of_the_command_line_may_hold_more_equal_signs_and_the_last_one_counts() -> None:
    assert key_values(["a.b=1", "place = x=y ", "empty=", "a.b=2"]) == {"a.b": "2", "place": "x=y", "empty": ""}


def test_every_text_that_is_no_pair_is_told() -> None:
    with pytest.raises(ConfigError, match="settings 'interval', '=3': write KEY=VALUE"):
        key_values(["interval", "a=1", "=3"])


@pytest.mark.parametrize(
    "words",
    [
        ["got10k", "run", "--data", "d", "--output", "o", "--set", "interval"],
        ["track", "holiday.mp4", "--set", "interval"],
        ["regress", "--set", "interval"],
        ["vot", "create", "w", "--set", "interval"],
    ],
)
def test_a_setting_without_value_ended_with_1_like_a_fault_of_the_data(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "argument --set: settings 'interval': write KEY=VALUE" in capsys.readouterr().err


def test_dataclasses_in_tuples_become_tables_of_a_file(tmp_path: Path) -> None:
    assert to_dict(Cart()) == PLAIN
    save_toml(Cart(), tmp_path / "cart.toml")
    assert read_toml(tmp_path / "cart.toml") == PLAIN


def test_faults_of_every_depth_are_told_with_their_place() -> None:
    assert merge(Cart(), {"spare": {"spokes": "5,6"}}).spare == Wheel(1.0, (5, 6))
    with pytest.raises(ConfigError, match=r"unknown setting 'colour' .*; 'spare.radius' = 'wide': ") as told:
        merge(Cart(), {"colour": "red", "spare": {"radius": "wide"}})
    assert "known: name, wheels, spare" in str(told.value)
