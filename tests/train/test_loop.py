"""Whole runs on small data: kills, processes, accumulation, validation, export."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from samn_tracker.errors import DatasetError, TrainingError
from samn_tracker.loading import load_tracker
from samn_tracker.model.weights import load_weights, read_info
from samn_tracker.train.__main__ import main
from samn_tracker.train.checkpoint import FILE
from samn_tracker.train.config import load_config
from samn_tracker.train.distributed import Processes
from samn_tracker.train.export import export
from samn_tracker.train.loader import make_loader
from samn_tracker.train.loop import Trainer
from samn_tracker.train.runlog import Meter

WORKER = Path(__file__).with_name("gradient_worker.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

MakeConfig = Callable[[str], Path]


def checkpoint(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    loaded: dict[str, dict[str, torch.Tensor]] = torch.load(folder / FILE, weights_only=True)
    return loaded


def assert_same_weights(one: Path, two: Path) -> None:
    first, second = checkpoint(one), checkpoint(two)
    for part in ("network", "average"):
        assert first[part].keys() == second[part].keys()
        for key, value in first[part].items():
            assert torch.equal(value, second[part][key]), f"{part} {key}"


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


KILLED_AFTER_ITS_FIRST_CHECKPOINT = """
import os, signal, sys
from samn_tracker.train import __main__, loop
save = loop.save_checkpoint
def save_and_die(*given):
    save(*given)
    os.kill(os.getpid(), signal.SIGKILL)
loop.save_checkpoint = save_and_die
sys.exit(__main__.main(sys.argv[1:]))
"""


def test_a_killed_run_resumes_to_the_same_weights(small_config: MakeConfig, tmp_path: Path) -> None:
    config, whole, killed = small_config(""), tmp_path / "whole", tmp_path / "killed"
    command = [str(config), "--set", "run.iterations=8", "--run"]
    assert main([*command, str(whole)]) == 0
    words = [*command, str(killed), "--set", "run.workers=1"]
    ended = subprocess.run([sys.executable, "-c", KILLED_AFTER_ITS_FIRST_CHECKPOINT, *words], env=ENVIRONMENT)
    assert ended.returncode == -signal.SIGKILL
    stopped = torch.load(killed / FILE, weights_only=True)["progress"]["iteration"]
    assert 0 < stopped < 8
    assert main([*command, str(killed)]) == 0
    assert_same_weights(whole, killed)


def test_the_loss_falls_and_the_log_tells_speed(small_config: MakeConfig, tmp_path: Path) -> None:
    words = ["run.iterations=24", "run.log_every=6", "run.batch=4", "optimiser.rate=2e-3", "run.final_share=0"]
    run = tmp_path / "run"
    assert main([str(small_config("")), "--run", str(run), *(w for o in words for w in ("--set", o))]) == 0
    lines = log_of(run)
    assert [line["iteration"] for line in lines] == [6, 12, 18, 24]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    assert all(line["samples_per_second"] > 0 and 0 <= line["loader_share"] <= 1 for line in lines)


def test_the_last_share_of_iterations_uses_the_final_size(small_config: MakeConfig, tmp_path: Path) -> None:
    assert main([str(small_config("")), "--run", str(tmp_path / "run")]) == 0
    assert [(line["iteration"], line["size"]) for line in log_of(tmp_path / "run")] == [(2, 64), (4, 64), (6, 80)]


def gradients(path: Path, folder: Path, *overrides: str) -> dict[str, torch.Tensor]:
    """The first gradient of a run in this process."""
    config = load_config(path, overrides)
    trainer = Trainer(config, folder, Processes(0, 1, torch.device("cpu")))
    trainer.compute_gradients(iter(make_loader(trainer.samples, config.run, 0)), Meter())
    return {name: p.grad for name, p in trainer.network.named_parameters() if p.grad is not None}


def assert_close(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys() and one
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5 * float(value.abs().max()) + 1e-7)


def test_two_processes_agree_with_one_on_the_averaged_gradient(small_config: MakeConfig, tmp_path: Path) -> None:
    config, common = small_config(""), ("run.iterations=2", "run.final_share=0")
    alone = gradients(config, tmp_path / "one", *common, "run.batch=4")
    out = tmp_path / "two"
    out.mkdir()
    launch = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", "--rdzv-backend=c10d"]
    arguments = ["--rdzv-endpoint=localhost:0", str(WORKER), str(config), str(out), *common, "run.batch=2"]
    subprocess.run([sys.executable, *launch, *arguments], env=ENVIRONMENT, check=True, capture_output=True, timeout=200)
    first, second = (torch.load(out / f"gradients{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert_close(alone, first)
    ends = [torch.load(out / f"weights{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_accumulation_gives_the_gradient_of_the_larger_batch(small_config: MakeConfig, tmp_path: Path) -> None:
    config, common = small_config(""), ("run.iterations=1", "run.final_share=0")
    whole = gradients(config, tmp_path / "one", *common, "run.batch=4")
    assert_close(whole, gradients(config, tmp_path / "two", *common, "run.batch=2", "run.accumulate=2"))


def test_the_published_network_trains_with_frozen_statistics(small_config: MakeConfig, tmp_path: Path) -> None:
    words = ["variant=samn-r50", "run.iterations=1", "run.dynamic=true", "run.batch=1", "optimiser.frozen=nothing"]
    config = load_config(small_config(""), words)
    trainer = Trainer(config, tmp_path / "run", Processes(0, 1, torch.device("cpu")))
    statistics = {key: value.clone() for key, value in trainer.network.named_buffers()}
    before = {key: value.detach().clone() for key, value in trainer.network.named_parameters()}
    trainer.train()
    assert any("running_mean" in key for key in statistics)
    assert all(torch.equal(value, statistics[key]) for key, value in trainer.network.named_buffers())
    still = [key for key, value in trainer.network.named_parameters() if torch.equal(value, before[key])]
    assert still == []


def test_a_second_stage_starts_from_the_first_ones_weights(small_config: MakeConfig, tmp_path: Path) -> None:
    first, weights = tmp_path / "first", tmp_path / "first.safetensors"
    assert main([str(small_config("")), "--run", str(first)]) == 0
    assert main(["export", str(first), str(weights)]) == 0
    config = load_config(small_config(""), [f"start.weights={weights}", "run.seed=5"])
    second = Trainer(config, tmp_path / "second", Processes(0, 1, torch.device("cpu")))
    expected = load_weights(weights)[0].state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in second.network.state_dict().items())
    second.train()
    export(tmp_path / "second", tmp_path / "second.safetensors")
    origin = read_info(tmp_path / "second.safetensors").provenance["started_from"]
    assert origin == read_info(weights).provenance


def test_frozen_parts_do_not_move(small_config: MakeConfig, tmp_path: Path) -> None:
    config = load_config(small_config(""), ["optimiser.frozen=trunks"])
    trainer = Trainer(config, tmp_path / "run", Processes(0, 1, torch.device("cpu")))
    before = {key: value.clone() for key, value in trainer.network.state_dict().items()}
    trainer.train()
    moved = {key for key, value in trainer.network.state_dict().items() if not torch.equal(value, before[key])}
    assert not any(".trunk." in key for key in moved)
    assert any(key.startswith("decoder.") for key in moved)


def test_validation_runs_the_tracker_and_keeps_the_best(
    small_config: MakeConfig, small_data: Path, tmp_path: Path
) -> None:
    text = '[validation]\nevery = 3\npath = "one"\nbinary = true\nlongest = 2\n'
    path, run = small_config(""), tmp_path / "run"
    shutil.copytree(small_data / "clips" / "a", small_data / "one" / "a")
    path.write_text(path.read_text() + text)
    assert main([str(path), "--run", str(run)]) == 0
    scores = [line["validation_j"] for line in log_of(run) if "validation_j" in line]
    assert len(scores) == 2
    assert all(0 <= score <= 1 for score in scores)
    assert read_info(run / "best.safetensors").provenance["validation_j"] == max(scores)


def test_an_exported_run_tracks_and_says_where_it_comes_from(small_config: MakeConfig, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "small.safetensors"
    assert main([str(small_config("")), "--run", str(run)]) == 0
    assert main(["export", str(run), str(out)]) == 0
    network, info = load_weights(out)
    assert info.name == "samn-lite"
    assert info.provenance["iterations"] == 6
    assert info.provenance["samples"] == 12
    assert info.provenance["data"]["clips"] == {"images": 16, "clips": 2}
    assert "--run" in info.provenance["command"]
    assert str(tmp_path) not in info.provenance["command"]
    average = checkpoint(run)["average"]
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, average[key].half().float())
    assert load_tracker(out, device="cpu").info == info


def test_tensorboard_receives_the_numbers(small_config: MakeConfig, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    assert main([str(small_config("")), "--run", str(run), "--set", "run.tensorboard=true"]) == 0
    events = accumulator.EventAccumulator(str(run / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [2, 4, 6]
    assert [event.value for event in events.Scalars("loss")] == pytest.approx([line["loss"] for line in log_of(run)])


def test_a_packed_file_trains_like_the_folders_it_was_made_from(small_config: MakeConfig, tmp_path: Path) -> None:
    config, pack, run = small_config(""), tmp_path / "all.npz", tmp_path / "run"
    assert main(["pack", str(config), str(pack)]) == 0
    assert main([str(config), "--run", str(run), "--set", f"pack={pack}", "--set", "data_root=nowhere"]) == 0
    assert log_of(run)[-1]["iteration"] == 6


def test_a_checkpoint_of_another_configuration_is_refused(small_config: MakeConfig, tmp_path: Path) -> None:
    run, alone = tmp_path / "run", Processes(0, 1, torch.device("cpu"))
    Trainer(load_config(small_config("")), run, alone).train()
    with pytest.raises(TrainingError, match=r"optimiser\.rate: 0\.001 -> 0\.5"):
        Trainer(load_config(small_config(""), ["optimiser.rate=0.5"]), run, alone)
    (run / FILE).write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="remove it"):
        Trainer(load_config(small_config("")), run, alone)


def test_a_broken_image_stops_the_run_with_its_name(small_config: MakeConfig, small_data: Path, tmp_path: Path) -> None:
    for image in (small_data / "stills" / "img").iterdir():
        image.write_bytes(b"damaged")
    trainer = Trainer(load_config(small_config("")), tmp_path / "run", Processes(0, 1, torch.device("cpu")))
    with pytest.raises(DatasetError, match=r"stills/img/\d\.jpg"):
        trainer.train()


def test_a_loss_that_is_not_finite_stops_the_run(small_config: MakeConfig, tmp_path: Path) -> None:
    trainer = Trainer(load_config(small_config("")), tmp_path / "run", Processes(0, 1, torch.device("cpu")))
    with torch.no_grad():
        next(trainer.network.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="not finite"):
        trainer.train()


def test_errors_end_with_code_1_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.toml"), "--run", str(tmp_path)]) == 1
    assert "no configuration file" in capsys.readouterr().err


def test_preview_draws_samples(small_config: MakeConfig, tmp_path: Path) -> None:
    import cv2

    out = tmp_path / "samples.png"
    assert main(["preview", str(small_config("")), str(out), "--count", "4"]) == 0
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert drawn.shape == (2 * 64, 2 * 4 * 64, 3)
