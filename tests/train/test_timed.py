"""A run of given minutes: as many iterations as fit, packed data, resumed where it was cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from samn_tracker.errors import DatasetError, TrainingError
from samn_tracker.model.weights import load_weights, read_info
from samn_tracker.train import timed
from samn_tracker.train.__main__ import main
from samn_tracker.train.config import load_config
from samn_tracker.train.distributed import Processes

MakeConfig = Callable[[str], Path]
HERE = Processes(0, 1, torch.device("cpu"))


def test_as_many_iterations_as_fit_by_hand(small_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(small_config(""))  # 64 pixels, 80 in the last 0.34
    monkeypatch.setattr(timed, "seconds_of_iteration", lambda _, size, __: {64: 0.5, 80: 1.5}[size])
    assert timed.iterations_that_fit(config, 100, HERE) == int(95 / (0.66 * 0.5 + 0.34 * 1.5))
    same = replace(config, run=replace(config.run, final_size=64))
    assert timed.iterations_that_fit(same, 100, HERE) == 190
    with pytest.raises(TrainingError, match="only 5 iterations fit into 5 seconds"):
        timed.iterations_that_fit(config, 5, HERE)


def test_the_command_packs_trains_and_exports_and_goes_on(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timed, "iterations_that_fit", lambda *_: 4)
    out, config = tmp_path / "out", str(small_config(""))
    assert main(["timed", config, "--minutes", "1", "--out", str(out)]) == 0
    info = read_info(out / "weights.safetensors")
    assert info.provenance["iterations"] == 4 and (out / "pack.npz").is_file()
    first, _ = load_weights(out / "weights.safetensors")
    monkeypatch.setattr(timed, "iterations_that_fit", lambda *_: pytest.fail("planned anew"))
    assert main(["timed", config, "--minutes", "1", "--out", str(out)]) == 0
    again, _ = load_weights(out / "weights.safetensors")
    assert all(torch.equal(value, first.state_dict()[key]) for key, value in again.state_dict().items())
    assert len((out / "run" / "log.jsonl").read_text().splitlines()) == 2
    assert str(out / "weights.safetensors") in capsys.readouterr().out


def test_a_probe_leaves_nothing_and_takes_time(small_config: MakeConfig, tmp_path: Path) -> None:
    assert timed.seconds_of_iteration(load_config(small_config("")), 64, HERE) > 0
    assert not list(tmp_path.glob("**/checkpoint.pt"))


def test_a_pack_too_large_to_travel_is_refused(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timed, "LARGEST_PACK", 1000)
    with pytest.raises(DatasetError, match="lower the sets' longest_side"):
        timed.packed(load_config(small_config("")), tmp_path / "pack.npz")
    assert not (tmp_path / "pack.npz").exists()


def test_the_table_of_the_protocol_is_left_beside_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    class Done:
        returncode, stdout = 0, "the table\n"

    monkeypatch.setattr(timed.subprocess, "run", lambda command, **_: calls.append(command) or Done())
    timed._judge(tmp_path / "w.safetensors", tmp_path / "sequences", tmp_path)
    assert (tmp_path / "accuracy.txt").read_text() == "the table\n"
    assert calls[0][calls[0].index("--tracker") + 1] == str(tmp_path / "w.safetensors")
    Done.returncode = 1
    with pytest.raises(TrainingError, match="but the accuracy protocol failed"):
        timed._judge(tmp_path / "w.safetensors", tmp_path / "sequences", tmp_path)
