"""Training configurations: the shipped files load, and faults are all named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import samn_tracker.train
from samn_tracker.errors import ConfigError
from samn_tracker.train.config import load_config, save_config

SHIPPED = sorted((Path(samn_tracker.train.__file__).parent / "configs").glob("*.toml"))


def test_the_promised_configurations_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} >= {
        "samn_lite",
        "samn_r50_stage2",
        "published_stage1",
        "published_stage2",
        "smoke",
    }


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configurations_load_and_survive_saving(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    save_config(config, tmp_path / "again.toml")
    assert load_config(tmp_path / "again.toml") == config


def test_the_paper_recipe() -> None:
    one, two = (load_config(path) for path in SHIPPED if "r50" in path.stem)
    assert one.run.size == two.run.size == 384
    assert one.run.batch == two.run.batch == 4
    assert one.optimiser.rate == two.optimiser.rate == 1e-5
    assert (one.optimiser.schedule, two.optimiser.schedule) == ("constant", "constant")
    assert (one.sampling.clip, two.sampling.clip) == (0, 1)
    assert two.optimiser.frozen == "trunks"
    assert {one.reader for one in one.sets} >= {"voc", "coco", "folder"}
    assert [one.reader for one in two.sets] == ["youtube_vos"]


def test_overrides_replace_values(small_config: Callable[[str], Path]) -> None:
    config = load_config(small_config(""), ["run.iterations=7", "sampling.search_factor=2.5,3", "pack=x.npz"])
    assert config.run.iterations == 7
    assert config.sampling.search_factor == (2.5, 3.0)
    assert config.pack == "x.npz"


def test_all_faults_are_listed_at_once(small_config: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(small_config(""), ["run.size=100", "run.batch=0", "variant=samn-huge"])
    for words in ("run.size must be a multiple of 16", "batch", "samn-huge"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("override", "words"),
    [("run.batches=3", "unknown setting 'run.batches'"), ("run.batch=many", "run.batch"), ("nonsense", "key=value"),
     ("run=3", "'run' is a section")],
)  # fmt: skip
def test_a_wrong_override_is_explained(small_config: Callable[[str], Path], override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_config(small_config(""), [override])


def test_an_unknown_key_of_a_data_set_is_named(small_config: Callable[[str], Path]) -> None:
    path = small_config("")
    path.write_text(path.read_text() + "wight = 3\n")
    with pytest.raises(ConfigError, match=r"sets\.clips\.wight"):
        load_config(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load_config(tmp_path / "none.toml")


def test_the_released_recipe() -> None:
    one, two = (load_config(path) for path in SHIPPED if "published" in path.stem)
    for config in (one, two):
        assert config.model.aggregate_single
        assert (config.optimiser.weight_decay, config.optimiser.coupled_decay) == (5e-4, True)
        assert (config.sampling.jitter, config.sampling.scale_jitter, config.loss.hardest) == (0.75, 0.25, 0.4)
    assert (one.optimiser.frozen, two.optimiser.frozen) == ("nothing", "encoders")
    assert (one.sampling.still, two.sampling.clip) == (1, 1)
