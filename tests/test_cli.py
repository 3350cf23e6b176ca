"""The `samn` command and `samn weights`, run as a user runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from samn_tracker import cli
from samn_tracker.app import weights
from samn_tracker.core.config import SAMN_LITE, SAMN_R50, tracking_settings
from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.loading import find_weights, load_tracker
from samn_tracker.model.network import Network
from samn_tracker.model.published import export_published, to_published
from samn_tracker.model.weights import read_info, read_tensors, save_weights
from samn_tracker.runner.trackers import create_tracker


@pytest.fixture(scope="module")
def lite_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    torch.manual_seed(0)
    tracking = tracking_settings("samn-lite")
    save_weights(path, Network(SAMN_LITE.model), "samn-lite", {"note": "random"}, tracking=tracking)
    return path


@pytest.fixture(scope="module")
def samn_r50() -> Network:
    """A network in the published widths with random parameters: the largest there is, so it is made once."""
    torch.manual_seed(1)
    return Network(SAMN_R50.model)


def run_samn(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "samn_tracker", *arguments], capture_output=True, text=True)


def test_help_lists_every_command_on_stdout() -> None:
    done = run_samn("--help")
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in cli.COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["nonsense"]])
def test_a_wrong_command_line_exits_with_2(arguments: list[str]) -> None:
    assert run_samn(*arguments).returncode == 2


def test_an_error_of_ours_is_one_line_on_stderr_and_exit_code_1(tmp_path: Path) -> None:
    done = run_samn("weights", "info", str(tmp_path / "none.safetensors"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("samn weights: no weights file")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_a_main_that_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code: str | int | None
    try:
        code = cli.main([name, "--help"])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code == 0, said.err
    assert f"samn {name}" in said.out


def test_weights_info_tells_what_a_file_is(lite_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights.main(["info", str(lite_weights)]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["name"], info["model"]["trunk"], info["provenance"]) == ("samn-lite", "resnet18", {"note": "random"})
    assert weights.main(["verify", str(lite_weights)]) == 0
    assert info["sha256"] in capsys.readouterr().out


def test_convert_and_export_return_the_published_tensors(tmp_path: Path, samn_r50: Network) -> None:
    export_published(samn_r50, tmp_path / "SAMN.tar")
    assert weights.main(["convert", str(tmp_path / "SAMN.tar"), str(tmp_path / "r50.safetensors"), "--float32"]) == 0
    assert weights.main(["export", str(tmp_path / "r50.safetensors"), str(tmp_path / "back.pth")]) == 0
    first, second = read_tensors(tmp_path / "SAMN.tar"), read_tensors(tmp_path / "back.pth")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_weights_that_only_start_a_training_track_when_asked_to_and_not_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], samn_r50: Network
) -> None:
    torch.save({"state_dict": to_published(samn_r50), "epoch": np.float64(3)}, tmp_path / "STM.pth")
    stm, samn = tmp_path / "stm.safetensors", tmp_path / "samn.safetensors"
    assert weights.main(["convert", str(tmp_path / "STM.pth"), str(stm), "--as", "stm"]) == 0
    assert "start a training" in capsys.readouterr().err
    assert weights.main(["convert", str(tmp_path / "STM.pth"), str(samn), "--as", "samn"]) == 0
    assert read_info(samn).model.aggregate_single
    with pytest.raises(WeightsError, match="--training-weights"):
        create_tracker(str(stm), "cpu")
    assert create_tracker(str(stm), "cpu", {"training_weights": "true"}).info.name == "stm"
    assert load_tracker(stm, "cpu", training_weights=True).config.model.positional_encoding == "none"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state | {"Decoder.more.weight": torch.zeros(3)}, "unknown Decoder.more.weight"),
        (lambda state: state | {"Decoder.pred2.bias": torch.zeros(3)}, r"decoder.predict.bias is \(3,\)"),
        (lambda state: state | {"Decoder.pred2.bias": print}, "and was refused"),
        (lambda state: state | {"Decoder.pred2.bias": torch.full((2,), float("nan"))}, "not finite"),
    ],
    ids=["a layer too many", "another shape", "a function", "not finite"],
)
def test_a_bad_checkpoint_is_told_in_a_sentence_and_nothing_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    samn_r50: Network,
    change: Callable[[dict], dict],
    words: str,
) -> None:
    torch.save(change(to_published(samn_r50)), tmp_path / "bad.pth")
    assert cli.main(["weights", "convert", str(tmp_path / "bad.pth"), str(tmp_path / "out.st"), "--as", "samn"]) == 1
    told = capsys.readouterr().err.strip()
    assert re.search(words, told)
    assert "\n" not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.pth"]


def test_weights_are_loaded_once_per_process(lite_weights: Path) -> None:
    assert load_tracker(lite_weights, "cpu").engine is load_tracker(lite_weights, "cpu").engine


def test_weights_of_another_model_than_the_settings_ask_for_are_refused(lite_weights: Path) -> None:
    with pytest.raises(WeightsError, match="leave the model section"):
        load_tracker(lite_weights, "cpu", {"model.key_channels": 32})


def test_unknown_settings_and_names_list_what_exists(lite_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting .appearance\.colour."):
        load_tracker(lite_weights, "cpu", {"appearance.colour": 1})
    monkeypatch.setenv("SAMN_WEIGHTS_DIR", str(lite_weights.parent))
    assert find_weights("own") == lite_weights
    with pytest.raises(WeightsError, match=r"no weights for 'samn-xl'.*own"):
        find_weights("samn-xl")
