"""Files and texts that are made to harm: refused with a sentence, within seconds and megabytes."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save

from samn_tracker.cli import main
from samn_tracker.core.config import SAMN_LITE, TrackerConfig
from samn_tracker.errors import ConfigError, ImageError, RegionError, ResultError, TrainingError, WeightsError
from samn_tracker.images import read_image
from samn_tracker.model.weights import FORMAT, load_weights, read_tensors
from samn_tracker.report.runs import read_saved_scores
from samn_tracker.runner.lint import open_source
from samn_tracker.settings import to_dict
from samn_tracker.shapes.regions import as_target
from samn_tracker.train.checkpoint import read_state
from samn_tracker.train.export import FILE
from vot_workspace.workspace import Workspace


@pytest.mark.parametrize("channels", [10**7, -1, 0])
def test_a_weights_header_with_impossible_widths_is_refused_before_a_network_is_made(
    tmp_path: Path, channels: int
) -> None:
    model = {**to_dict(SAMN_LITE.model), "key_channels": channels}
    header = {"format": FORMAT, "name": "samn-lite", "model": json.dumps(model), "provenance": "{}"}
    path = tmp_path / "evil.safetensors"
    path.write_bytes(save({"x": torch.zeros(1)}, metadata=header))
    with pytest.raises(WeightsError, match=r"damaged header.*key_channels.*must be 1 to 4096"):
        load_weights(path)


def test_a_checkpoint_whose_state_dict_is_itself_ends(tmp_path: Path) -> None:
    evil: dict[str, object] = {}
    evil["state_dict"] = evil
    torch.save(evil, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="holds itself again and again"):
        read_tensors(tmp_path / "evil.pth")


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_a_refused_pickle_is_not_told_to_be_read_unsafely(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": _Runs()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError) as caught:
        read_tensors(tmp_path / "evil.pth")
    assert "weights_only" not in str(caught.value)
    assert "print" in str(caught.value) and "was refused" in str(caught.value)
    assert "executed" not in capsys.readouterr().out


def test_a_zip_whose_header_lies_is_read_up_to_the_size_it_says(tmp_path: Path) -> None:
    """100 bytes by its header, 200 MB in truth: it stops at what was declared."""
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", bytes(200 << 20))
    data = bytearray(path.read_bytes())
    real, lie = (200 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little")
    path.write_bytes(bytes(data).replace(real, lie))
    source = open_source(path)
    tracemalloc.start()
    try:
        with pytest.raises(ResultError, match=r"a\.txt is damaged in the archive"):
            source.read("a.txt")
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_a_yaml_bomb_is_refused_at_once_and_not_printed(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (tmp_path / "config.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="repeats parts of itself more than 20 times") as caught:
        _ = Workspace(tmp_path).stack
    assert len(str(caught.value)) < 500


def test_a_yaml_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("- 1\n- 2\n")
    with pytest.raises(ConfigError, match="is not a table of settings"):
        _ = Workspace(tmp_path).stack


GOOD = {
    "benchmark": "ope",
    "split": "x",
    "success": 0.5,
    "sequences": {"a": {"success": 0.5}},
    "curves": {},
    "notes": [],
}


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark": ["ope"]},
        {"split": {}},
        {"notes": [[1]]},
        {"sequences": []},
        {"success": [1]},
        {"sequences": {"a": {"s": "x"}}},
        {"attributes": []},
        {"attributes": {"IV (1)": ["n"]}},
        {"attributes": {"IV (1)": {"success": "x"}}},
        {"curves": {"success": {"x": "ope", "y": [1, 2, 3]}}},
        {"curves": {"success": {"x": 1, "y": 2}}},
        {"curves": {"success": {"x": [1], "y": [1, 2]}}},
    ],
)
def test_saved_scores_with_lists_where_texts_belong_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(GOOD))
    assert read_saved_scores(path).overall == {"success": 0.5}
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(ResultError, match="does not hold scores"):
        read_saved_scores(path)


def test_a_checkpoint_that_lacks_keys_is_named(tmp_path: Path) -> None:
    torch.save({"network": {}}, tmp_path / FILE)
    with pytest.raises(TrainingError, match="lacks config, average, optimiser, random, progress"):
        read_state(tmp_path)
    (tmp_path / FILE).write_bytes(b"PK")
    with pytest.raises(TrainingError, match="cannot be read; it is damaged") as caught:
        read_state(tmp_path)
    assert "weights_only" not in str(caught.value)


def test_a_polygon_of_60000_corners_is_refused_at_once() -> None:
    angles = np.linspace(0, 2 * np.pi, 60_000)
    corners = np.stack([50 + 40 * np.cos(angles * 7), 50 + 40 * np.sin(angles * 11)], axis=1)
    with pytest.raises(RegionError, match="the polygon has 60000 corners; give at most 2000, or a mask"):
        as_target(corners, (100, 100))


@pytest.mark.parametrize(
    "setting",
    ["runtime.threads=-4", "runtime.threads=100000", "box_start.patch_size=100000", "spatial.patch_size=0",
     "segmentation.multi_patch_size=-480", "appearance.capacity=0", "mask_start.patch_size=250",
     "spatial.patch_size=4095", "segmentation.multi_patch_size=40"],
)  # fmt: skip
def test_settings_out_of_range_are_refused(setting: str) -> None:
    key, _, value = setting.partition("=")
    with pytest.raises(ConfigError, match=f"'{key}' = '{value}': must be "):
        TrackerConfig().with_overrides({key: value})


def test_a_path_of_200_kilobytes_is_not_echoed_whole() -> None:
    with pytest.raises(ImageError) as caught:
        read_image("a" * 200_000)
    assert len(str(caught.value)) < 1200


def test_a_polygon_of_60000_numbers_on_the_command_line_is_not_echoed_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((16, 16, 3), np.uint8))
    polygon = ",".join(["1"] * 30_000)
    assert main(["track", str(tmp_path), "--polygon", polygon, "--output", str(tmp_path / "out")]) == 1
    assert len(capsys.readouterr().err) < 2000


def test_a_patch_that_is_no_whole_number_of_cells_is_refused_with_the_next_one_below() -> None:
    with pytest.raises(ConfigError, match=r"'box_start\.patch_size' = 250: must be a multiple of 16, for instance 240"):
        TrackerConfig().with_overrides({"box_start.patch_size": 250})
