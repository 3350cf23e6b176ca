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
from samn_tracker.train.data import open_sources
from samn_tracker.train.distributed import Processes

MakeConfig = Callable[[str], Path]
HERE = Processes(0, 1, torch.device("cpu"))


def test_as_many_iterations_as_fit_by_hand(small_config: MakeConfig) -> None:
    config = load_config(small_config(""))  # 64 pixels, 80 in the last 0.34
    assert timed.iterations_that_fit(config, 100, 0.5, 1.5) == int(95 / (0.66 * 0.5 + 0.34 * 1.5))
    same = replace(config, run=replace(config.run, final_size=64))
    assert timed.iterations_that_fit(same, 100, 0.5, 0.5) == 190
    with pytest.raises(TrainingError, match="only 5 iterations fit into 5 seconds"):
        timed.iterations_that_fit(config, 5, 0.5, 1.5)
    with pytest.raises(TrainingError, match="only 0 iterations fit into -3 seconds"):
        timed.iterations_that_fit(config, -3, 0.5, 1.5)


def test_packing_and_probing_count_among_the_minutes(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 25.0])
    monkeypatch.setattr(timed.time, "monotonic", lambda: next(clock, 25.0))
    monkeypatch.setattr(timed, "seconds_of_iteration", lambda *_: 0.5)
    given = timed._parser().parse_args([str(small_config("")), "--minutes", "1", "--out", str(tmp_path)])
    begun = timed.time.monotonic()
    assert timed._planned(given, HERE, begun).run.iterations == int(35 * 0.95 / 0.5)


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
    with pytest.raises(DatasetError, match="use fewer data sets"):
        timed.packed(load_config(small_config("")), tmp_path / "pack.npz")
    assert not (tmp_path / "pack.npz").exists()


def test_a_pack_of_real_data_was_refused_and_is_shrunk_until_it_fits(
    small_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(small_config(""))
    config = replace(config, sets=tuple(replace(one, longest_side=120) for one in config.sets))
    timed.packed(config, tmp_path / "whole.npz")
    limit = int(0.7 * (tmp_path / "whole.npz").stat().st_size)
    monkeypatch.setattr(timed, "LARGEST_PACK", limit)
    monkeypatch.setattr(timed, "SMALLEST_SIDE", 16)
    (tmp_path / "small.npz").write_bytes((tmp_path / "whole.npz").read_bytes())  # killed before it fitted
    timed.packed(config, tmp_path / "small.npz")
    assert limit / 2 < (tmp_path / "small.npz").stat().st_size <= limit
    seen = [open_sources(replace(config, pack=str(tmp_path / f"{name}.npz"))) for name in ("whole", "small")]
    whole, small = ([len(one) for one in sources] for sources in seen)
    assert whole == small


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
