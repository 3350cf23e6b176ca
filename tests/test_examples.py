"""Every script in examples/ runs, on generated pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from samn_tracker import load_tracker, loading
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.model.weights import load_weights
from samn_tracker.synthetic import MultiObjectSequence, make_multi_object, make_sequence, write_sequence_images

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
QUICK = replace(SAMN_LITE.with_patch_size(128), segmentation=replace(SAMN_LITE.segmentation, multi_patch_size=128))
"""The light variant on small patches."""

Example = Callable[[str, list[str]], int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    """Runs the script of this name with these arguments, as `python examples/NAME.py` would."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr(loading, "own_settings", lambda path, info: QUICK)

    def example(name: str, arguments: list[str]) -> int:
        return int(import_module(name).main(arguments))

    yield example
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def objects() -> MultiObjectSequence:
    return make_multi_object(1, 4, (160, 120), objects=2, textures="procedural")


def write_labels(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), labels)


def test_every_example_is_tested_here() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested


def test_track_a_video(tmp_path: Path, run: Example, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = make_sequence("moving", 1, 4, (160, 120), "procedural")
    write_sequence_images(sequence, tmp_path / "frames")
    box = ",".join(f"{value:.0f}" for value in sequence.box(0))
    assert run("track_a_video", [str(tmp_path / "frames"), box, str(tmp_path / "out.mp4"), "--weights", weights]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1", "2", "3", "4"]
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 4


def test_benchmark_my_tracker(tmp_path: Path, run: Example, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = make_sequence("moving", 1, 12, (160, 120), "procedural")
    folder = tmp_path / "data" / "moving"
    write_sequence_images(sequence, folder / "img")
    rows = [",".join(f"{value:.2f}" for value in sequence.box(index)) for index in range(12)]
    (folder / "groundtruth_rect.txt").write_text("\n".join(rows) + "\n")
    assert run("benchmark_my_tracker", [str(tmp_path / "data"), str(tmp_path / "run")]) == 0
    header, row, _ = capsys.readouterr().out.splitlines()
    assert header.split()[:2] == ["sequence", "success"]
    assert float(row.split()[1]) > 0.6, "the template tracker follows a target that only moves"


def test_add_a_benchmark(tmp_path: Path, run: Example, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = make_sequence("moving", 1, 5, (160, 120), "procedural")
    write_sequence_images(sequence, tmp_path / "data" / "videos" / "one")
    rows = [",".join(f"{value:.2f}" for value in sequence.box(index)) for index in range(5)]
    (tmp_path / "data" / "boxes").mkdir()
    (tmp_path / "data" / "boxes" / "one.csv").write_text("\n".join(rows) + "\n")
    data, results = str(tmp_path / "data"), str(tmp_path / "run")
    assert run("add_a_benchmark", ["run", "--data", data, "--tracker", "opencv-mil", "--output", results]) == 0
    assert run("add_a_benchmark", ["lint", "--data", data, "--results", results]) == 0
    assert run("add_a_benchmark", ["score", "--truth", data, "--results", results]) == 0
    assert "overall" in capsys.readouterr().out
    (tmp_path / "run" / "results" / "one.csv").write_text("1.00,2.00,3.00\n")
    assert run("add_a_benchmark", ["lint", "--data", data, "--results", results]) == 1
    assert "one.csv:1: 3 values instead of 4" in capsys.readouterr().out


def test_train_on_my_masks(tmp_path: Path, run: Example, weights: str) -> None:
    sequence = objects()
    write_sequence_images(sequence, tmp_path / "data" / "img", first=0)
    for index in range(4):
        write_labels(tmp_path / "data" / "mask" / f"{index:08d}.png", sequence.labels(index))
    given = [str(tmp_path / "data"), str(tmp_path / "run"), str(tmp_path / "mine.safetensors"), "--weights", weights]
    assert run("train_on_my_masks", [*given, "--iterations", "2", "--size", "64", "--batch", "2"]) == 0
    tracker = load_tracker(tmp_path / "mine.safetensors", "cpu")
    assert tracker.info is not None
    assert tracker.info.provenance["iterations"] == 2
    before, after = (load_weights(path)[0].state_dict() for path in (weights, given[2]))
    assert any(not torch.equal(before[key], after[key]) for key in before), "training changed the parameters"


def test_export_masks(tmp_path: Path, run: Example, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = objects()
    write_sequence_images(sequence, tmp_path / "frames")
    write_labels(tmp_path / "first.png", sequence.labels(0))
    given = [str(tmp_path / "frames"), str(tmp_path / "first.png"), str(tmp_path / "masks")]
    assert run("export_masks", [*given, "--weights", weights]) == 0
    names = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert names == [f"{index:08d}.png" for index in range(1, 5)]
    colours = cv2.imread(str(tmp_path / "masks" / "00000001.png"))[..., ::-1]
    assert np.array_equal(np.unique(colours.reshape(-1, 3), axis=0), [[0, 0, 0], [0, 128, 0], [128, 0, 0]])
    assert len(capsys.readouterr().out.splitlines()) == 4
