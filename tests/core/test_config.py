"""Configuration: nothing unknown, nothing of another type, and the same after a round trip through TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from samn_tracker.core.config import VARIANTS, TrackerConfig, load_toml
from samn_tracker.errors import ConfigError
from samn_tracker.settings import merge, save_toml, to_dict


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_toml_round_trip(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tracker.toml"
    save_toml(VARIANTS[name], path)
    assert load_toml(path) == VARIANTS[name]


def test_toml_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "tracker.toml"
    path.write_text("[appearance]\ninterval = 10\n[segmentation]\narea_jump = 4\n", encoding="utf-8")
    config = load_toml(path, VARIANTS["samn-lite"])
    assert config.appearance.interval == 10
    assert config.segmentation.area_jump == 4.0
    assert config.model == VARIANTS["samn-lite"].model


def test_text_overrides_are_converted() -> None:
    config = TrackerConfig().with_overrides(
        {
            "appearance.interval": "20",
            "appearance.last_frame": "false",
            "dynamic.temperature": "2",
            "dynamic.weighting": "linear",
        }
    )
    assert config.appearance.interval == 20
    assert config.appearance.last_frame is False
    assert config.dynamic.temperature == 2.0
    assert config.dynamic.weighting == "linear"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("appearance.interval", "often", "appearance.interval"),
        ("appearance.interval", 2.5, "must be a whole number"),
        ("appearance.interval", True, "must be a whole number"),
        ("appearance.interval", "many", "must be a whole number"),
        ("dynamic.temperature", "warm", "must be a number"),
        ("appearance.last_frame", "maybe", "must be true or false"),
        ("dynamic.temperature", "nan", "must be a number"),
        ("dynamic.temperature", True, "must be a number"),
        ("dynamic.weighting", "emdd", "must be one of emd, cosine, linear, none"),
        ("memory.interval", 5, "unknown setting 'memory' (known: model, spatial,"),
        ("appearance.intervall", 5, "unknown setting 'appearance.intervall' (known: capacity, interval,"),
        ("interval", 5, "write section.key"),
    ],
)
def test_a_wrong_override_says_what_is_wrong(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        TrackerConfig().with_overrides({key: value})
    assert message in str(raised.value)


@pytest.mark.parametrize("value", [None, "none"])
def test_a_setting_may_be_none_and_stays_so_in_toml(value: str | None, tmp_path: Path) -> None:
    config = TrackerConfig().with_overrides({"segmentation.follow_limit": value})
    assert config.segmentation.follow_limit is None
    save_toml(config, tmp_path / "tracker.toml")
    assert load_toml(tmp_path / "tracker.toml") == config
    with pytest.raises(ConfigError, match="must be a whole number"):
        config.with_overrides({"appearance.interval": "none"})


def test_the_patch_size_of_both_starts_can_be_set_at_once() -> None:
    config = TrackerConfig().with_patch_size(96)
    assert (config.mask_start.patch_size, config.box_start.patch_size) == (96, 96)
    assert (config.mask_start.threshold, config.box_start.threshold) == (0.2, 0.5)


def test_all_faults_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        TrackerConfig().with_overrides({"speed": 1, "model.width": 2, "appearance.interval": "x", "colour.hue": 3})
    for name in ("speed", "model.width", "appearance.interval", "colour"):
        assert name in str(raised.value)


def test_a_section_is_not_a_value() -> None:
    with pytest.raises(ConfigError, match="'model' is a section"):
        merge(TrackerConfig(), {"model": 5})


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no configuration file"), (b"[model\n", "not valid TOML"), (b"a = '\xff'", "not valid TOML")],
)
def test_an_unreadable_file_is_a_config_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tracker.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_toml(path)


def test_to_dict_holds_only_what_toml_and_json_know() -> None:
    def leaves(value: Any) -> list[Any]:
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return [value] if items is None else [leaf for item in items for leaf in leaves(item)]

    assert {type(leaf) for leaf in leaves(to_dict(TrackerConfig()))} <= {bool, int, float, str}
