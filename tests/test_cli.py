"""The `samn` command and `samn weights`, run as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from samn_tracker import cli
from samn_tracker.app import weights
from samn_tracker.core.config import SAMN_LITE, SAMN_R50
from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.loading import find_weights, load_tracker
from samn_tracker.model.network import Network
from samn_tracker.model.published import export_published
from samn_tracker.model.weights import read_tensors, save_weights


@pytest.fixture(scope="module")
def lite_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    torch.manual_seed(0)
    save_weights(path, Network(SAMN_LITE.model), "samn-lite", {"note": "random"})
    return path


def run_samn(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "samn_tracker.cli", *arguments], capture_output=True, text=True)


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


def test_every_command_has_a_main_that_explains_itself() -> None:
    for name in cli.COMMANDS:
        done = run_samn(name, "--help")
        assert done.returncode == 0, (name, done.stderr)
        assert done.stdout


def test_weights_info_tells_what_a_file_is(lite_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights.main(["info", str(lite_weights)]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["name"], info["model"]["trunk"], info["provenance"]) == ("samn-lite", "resnet18", {"note": "random"})
    assert weights.main(["verify", str(lite_weights)]) == 0
    assert info["sha256"] in capsys.readouterr().out


def test_convert_and_export_return_the_published_tensors(tmp_path: Path) -> None:
    torch.manual_seed(1)
    export_published(Network(SAMN_R50.model), tmp_path / "SAMN.tar")
    assert weights.main(["convert", str(tmp_path / "SAMN.tar"), str(tmp_path / "r50.safetensors"), "--float32"]) == 0
    assert weights.main(["export", str(tmp_path / "r50.safetensors"), str(tmp_path / "back.pth")]) == 0
    first, second = read_tensors(tmp_path / "SAMN.tar"), read_tensors(tmp_path / "back.pth")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


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
