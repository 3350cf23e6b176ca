"""The real toolkit, the real TraX server and small trackers: create, run, check, score, export, pack, and faults."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("vot") is None:
    pytest.skip("the VOT toolkit is not installed (pip install samn-tracker[vot])", allow_module_level=True)

from workspaces import write_flat

from samn_tracker.files import locked
from vot_workspace.__main__ import main
from vot_workspace.score import pysot_scores, read_truth
from vot_workspace.trajectory import write_trajectory

FOLDER = Path(__file__).parent


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`python -m vot_workspace ...` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "vot_workspace", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "PYTHONPATH": str(FOLDER), "OMP_NUM_THREADS": "1"},
    )


def quick(*arguments: object) -> int:
    """The same command in this process, for what starts no tracker."""
    return main([str(argument) for argument in arguments])


def make(folder: Path, tracker: str, lengths: dict[str, int], rules: str = "demo", timeout: int = 20) -> Path:
    data = write_flat(folder / "data", lengths)
    arguments = ["--data", data, "--rules", rules, "--tracker", f"fault_trackers:{tracker}", "--timeout", timeout]
    assert quick("create", folder / "w", *arguments, "--name", "SAMN", "--anchor-spacing", 20) == 0
    return folder / "w"


def eao(workspace: Path, results: Path) -> float:
    return pysot_scores(*read_truth(workspace), results)["baseline"].eao


def test_polygons_from_a_folder_to_an_archive(tmp_path: Path) -> None:
    workspace = make(tmp_path, "noisy", {"a": 36, "b": 35})
    result = command("run", workspace, "--workers", 2)
    assert result.returncode == 0, result.stderr
    results = workspace / "results" / "SAMN"

    truncated = results / "baseline" / "a" / "a_001.bin"
    whole = truncated.read_bytes()
    truncated.write_bytes(whole[:100])
    (results / "unsupervised" / "b" / "b_001_time.value").unlink()
    copied = results / "baseline" / "b" / "b_001.bin"
    own = copied.read_bytes()
    write_trajectory(copied, [1, *[np.array([8.0, 10, 16, 16])] * 34])
    assert quick("check", workspace) == 1
    result = command("run", workspace)
    assert result.returncode == 0, result.stderr
    assert truncated.read_bytes() == whole
    assert copied.read_bytes() == own
    assert quick("check", workspace) == 0

    assert eao(workspace, results) > 0.8
    for form in ("text", "pysot"):
        assert quick("export", results, tmp_path / form, "--format", form) == 0
        assert eao(workspace, tmp_path / form) == eao(workspace, results)
    assert quick("export", tmp_path / "text", tmp_path / "binary", "--format", "binary") == 0
    assert (tmp_path / "binary" / "baseline" / "a" / "a_001.bin").read_bytes() == whole
    assert quick("export", results, tmp_path / "old.zip", "--format", "zip") == 0
    with zipfile.ZipFile(tmp_path / "old.zip") as archive:
        archive.extractall(tmp_path / "old")
    assert (tmp_path / "old" / "baseline" / "a" / "a_time.txt").is_file()
    assert eao(workspace, tmp_path / "old") == eao(workspace, results)
    assert quick("export", results, tmp_path / "boxes", "--format", "boxes", "--truth", workspace, "--times") == 0
    for name in ("b.txt", "b_time.txt"):
        assert len((tmp_path / "boxes" / name).read_text().splitlines()) == 35

    assert quick("pack", workspace) == 0
    (archive,) = workspace.glob("SAMN_*.zip")
    assert "baseline/a/a_001.bin" in zipfile.ZipFile(archive).namelist()


def test_a_tracker_that_dies_in_the_middle_is_reported_and_the_exit_code_says_so(tmp_path: Path) -> None:
    workspace = make(tmp_path, "dying", {"a": 12})
    result = command("run", workspace, "--attempts", 1)
    assert result.returncode == 1
    assert "missing: baseline/a/a_001" in result.stderr
    assert quick("pack", workspace) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tracker", "reason", "where"),
    [
        ("raising", "the tracker broke", "the tracker's output: "),
        ("hanging", "did not reply in 4 seconds", "the tracker's output: "),
        ("unloadable", "these weights do not load", "cannot begin on the first frame of a: "),
    ],
)
def test_what_a_failing_tracker_said_is_shown(tmp_path: Path, tracker: str, reason: str, where: str) -> None:
    result = command("run", make(tmp_path, tracker, {"a": 12}, timeout=4))
    assert result.returncode == 1
    assert reason in result.stderr
    assert where in result.stderr


def test_a_tracker_that_hangs_before_its_greeting_does_not_hang_the_run(tmp_path: Path) -> None:
    result = command("run", make(tmp_path, "stuck", {"a": 12}, timeout=3))
    assert result.returncode == 1
    assert "ran out of its 3 s without a TraX greeting" in result.stderr


@pytest.mark.slow
def test_masks_with_anchors_and_the_toolkits_figures(tmp_path: Path) -> None:
    workspace = make(tmp_path, "matching", {"a": 40}, rules="demo/masks")
    result = command("run", workspace)
    assert result.returncode == 0, result.stderr
    result = command("score", "--truth", workspace, "--results", workspace / "results" / "SAMN", "--json")
    toolkit = json.loads(result.stdout)["toolkit"]
    assert toolkit["robustness"] == 1.0
    assert toolkit["accuracy"] > 0.8
    assert toolkit["eao"] > 0.8


@pytest.mark.slow
def test_the_demo_succeeds_and_fails_honestly(tmp_path: Path) -> None:
    good = command("demo", "--directory", tmp_path / "good", "--tracker", "fault_trackers:matching", "--length", 36)
    assert good.returncode == 0, good.stderr
    assert "vot toolkit" in good.stdout and "nan" not in good.stdout
    assert (tmp_path / "good" / "overlay.png").stat().st_size > 10_000
    bad = command("demo", "--directory", tmp_path / "bad", "--tracker", "fault_trackers:dying", "--length", 36)
    assert bad.returncode == 1
    assert "FAILED polygons: baseline/" in bad.stderr


@pytest.mark.slow
def test_a_terminated_run_leaves_no_toolkit_and_no_tracker_behind(tmp_path: Path) -> None:
    workspace = make(tmp_path, "hanging", {"a": 12}, timeout=200)
    line = [sys.executable, "-m", "vot_workspace", "run", str(workspace)]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(20)
        second = command("run", workspace)
        assert second.returncode == 1
        assert f"is being written by process {process.pid}" in second.stderr
        process.terminate()
        assert process.wait(30) == 130
    with locked(workspace):  # its children inherit the lock, so it is free only when all have ended
        pass


def test_a_cluster_that_nobody_answers_for_is_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (pip install samn-tracker[cluster])")
    workspace = make(tmp_path, "matching", {"a": 12})
    result = command("run", workspace, "--cluster", "127.0.0.1:1")
    assert result.returncode == 1
    assert "nobody listens at --cluster 127.0.0.1:1" in result.stderr


@pytest.mark.slow
def test_shards_on_a_ray_cluster_fill_one_results_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (pip install samn-tracker[cluster])")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    workspace = make(tmp_path, "noisy", {"a": 36, "b": 35, "c": 20})
    with cluster(tmp_path) as address:
        result = command("run", workspace, "--cluster", address, "--workers", 2)
    assert result.returncode == 0, result.stderr
    assert quick("check", workspace) == 0
    assert len(list(workspace.glob("results/SAMN/*/*/*.bin"))) == 9
    assert not list(workspace.glob("shards-*"))


@pytest.mark.slow
def test_a_terminated_run_on_a_cluster_ends_by_its_own_handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray takes SIGTERM over when it connects; its own handler aborts the driver (exit 134)."""
    pytest.importorskip("ray", reason="Ray is not installed (pip install samn-tracker[cluster])")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    workspace = make(tmp_path, "hanging", {"a": 12}, timeout=200)
    with cluster(tmp_path) as address:
        line = [sys.executable, "-m", "vot_workspace", "run", str(workspace), "--cluster", address]
        environment = {**os.environ, "PYTHONPATH": str(FOLDER), "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert any("parts that the cluster still evaluates" in text for text in process.stderr)
            process.terminate()
            assert process.wait(60) == 130, process.stderr.read()


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A Ray cluster of this machine alone, in processes that end with the context."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
    with (
        tempfile.TemporaryDirectory(prefix="ray") as short,
        subprocess.Popen(
            [*line, "--include-dashboard=false", f"--temp-dir={short}"],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as head,
    ):  # Ray's sockets need a short path
        assert head.stdout is not None
        try:
            started = any("Ray runtime started" in text for text in head.stdout)
            assert started
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            head.communicate(timeout=60)
