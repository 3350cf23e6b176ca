"""What a weights file says of itself, and that it is believed: its settings, its ranges, its parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from samn_tracker.cli import main
from samn_tracker.core.config import SAMN_LITE, TrackerConfig, preset_names, tracking_settings
from samn_tracker.errors import ConfigError, WeightsError
from samn_tracker.loading import find_weights, load_tracker
from samn_tracker.model.network import Network
from samn_tracker.model.weights import (
    EARLIER_FORMAT,
    describe_weights,
    load_weights,
    read_info,
    read_tensors,
    save_weights,
)
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.settings import to_dict
from samn_tracker.shipped import SHIPPED_WEIGHTS

TRACKING = {"mask_start": {"patch_size": 96}, "segmentation": {"follow_limit": "none"}}


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(3)
    return Network(replace(SAMN_LITE.model, key_channels=16, value_channels=32, decoder_channels=32)).eval()


@pytest.fixture
def path(network: Network, tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save_weights(
        path,
        network,
        "mine",
        {"iterations": 5},
        tracking=TRACKING,
        training_data=["davis16/cows", "coco"],
        licence="Apache-2.0",
    )
    return path


def test_the_header_holds_what_was_said(path: Path, network: Network) -> None:
    info = read_info(path)
    assert (info.name, info.model, info.provenance) == ("mine", network.config, {"iterations": 5})
    assert (info.tracking, info.ranges) == (TRACKING, {})
    assert (info.training_data, info.licence) == (("davis16/cows", "coco"), "Apache-2.0")


def test_a_convolution_without_its_range_is_told(path: Path) -> None:
    ranges = {"decoder.predict": (-1.5, 2.0)}
    describe_weights(path, path, replace(read_info(path), ranges=ranges))
    assert read_info(path).ranges == ranges
    with pytest.raises(WeightsError, match=r"the ranges of \d+ convolutions are missing.*samn weights describe"):
        load_tracker(path, "cpu")


def test_settings_are_those_of_the_file_whatever_its_name(path: Path, network: Network) -> None:
    """Weights of another name were tracked with the settings of samn-r50, and nothing told so."""
    moved = path.rename(path.with_name("samn-lite.safetensors"))
    config = load_tracker(moved, "cpu").config
    assert config.mask_start.patch_size == 96
    assert config.segmentation.follow_limit is None
    assert config.model == network.config
    assert replace(config, mask_start=TrackerConfig().mask_start).box_start == TrackerConfig().box_start
    assert load_tracker(moved, "cpu", {"mask_start.patch_size": 128}).config.mask_start.patch_size == 128


def test_a_setting_of_the_file_that_does_not_exist_stops(path: Path) -> None:
    describe_weights(path, path, replace(read_info(path), tracking={"segmentation": {"colour": 1}}))
    with pytest.raises(WeightsError, match=r"unknown setting 'segmentation\.colour'.*samn weights describe"):
        load_tracker(path, "cpu")


@pytest.mark.parametrize("name", ["samn-lit", "samn-r5O"])
def test_an_unknown_name_stops(name: str) -> None:
    with pytest.raises(WeightsError, match=f"no weights for '{name}'; shipped or in"):
        load_tracker(name)


def test_an_unknown_preset_stops() -> None:
    with pytest.raises(ConfigError, match=r"no preset is called 'samn-lit'; give one of .*samn-lite"):
        tracking_settings("samn-lit")


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_nothing_twice(name: str) -> None:
    """What a preset names differs from the method's default; the network's section may say the default."""
    for section, values in tracking_settings(name).items():
        default = to_dict(TrackerConfig())[section]
        assert {key: default[key] for key in values if default[key] == values[key]} == {}


def test_a_file_of_an_earlier_version_trains_but_does_not_track(path: Path, network: Network, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.safetensors"
    header = {"format": EARLIER_FORMAT, "name": "samn-lite", "model": json.dumps(to_dict(network.config))}
    save_file(read_tensors(path), earlier, metadata={**header, "provenance": "{}"})
    loaded, info = load_weights(earlier)
    assert loaded.config == network.config and info.tracking is None and info.training_data == ()
    with pytest.raises(WeightsError, match=r"does not say how to track with it.*samn weights describe"):
        load_tracker(earlier, "cpu")
    assert main(["weights", "describe", str(earlier)]) == 1
    assert main(["weights", "describe", str(earlier), "--preset", "samn-lite"]) == 0
    assert load_tracker(earlier, "cpu").config == replace(SAMN_LITE, model=network.config)


def test_a_changed_parameter_is_told(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="the parameters are not those of its header"):
        load_weights(path)


@pytest.mark.parametrize("key", ["tracking", "ranges", "training_data", "model", "provenance"])
@pytest.mark.parametrize("value", ["5", "{", '{"a": 1}', '["a"]', "null"])
def test_a_damaged_header_is_one_sentence(path: Path, key: str, value: str) -> None:
    tensors = read_tensors(path)
    with safe_open(str(path), framework="pt") as stream:
        header = dict(stream.metadata())
    save_file(tensors, path, metadata={**header, key: value})
    try:
        load_tracker(path, "cpu")
    except WeightsError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


def test_a_new_header_leaves_the_parameters_and_is_the_same_bytes_again(path: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    words = ["--name", "other", "--set", "mask_start.threshold=0.3", "--licence", "for research", "--note", "by=me"]
    for output in (one, two):
        assert main(["weights", "describe", str(path), str(output), "--training-data", "x/y", *words]) == 0
    assert one.read_bytes() == two.read_bytes()
    before, after = read_tensors(path), read_tensors(one)
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    info = read_info(one)
    assert (info.name, info.licence, info.training_data) == ("other", "for research", ("x/y",))
    assert info.provenance == {"iterations": 5, "by": "me"}
    assert info.tracking == {**TRACKING, "mask_start": {"patch_size": 96, "threshold": 0.3}}
    assert info.ranges == activation_ranges(load_weights(path)[0])
    assert info.header_sha256 != read_info(path).header_sha256


@pytest.mark.parametrize("setting", ["runtime.threads=1", "model.key_channels=8"])
def test_what_is_no_matter_of_tracking_does_not_go_into_a_header(path: Path, setting: str) -> None:
    assert main(["weights", "describe", str(path), "--set", setting]) == 1


def test_the_average_is_the_mean_and_names_what_it_is_of(path: Path, network: Network, tmp_path: Path) -> None:
    other = Network(network.config)
    other.load_state_dict({key: value * 1.1 for key, value in network.state_dict().items()})
    save_weights(tmp_path / "later.safetensors", other, "mine", {"iterations": 9}, training_data=["horse"])
    output = tmp_path / "mean.safetensors"
    assert main(["weights", "average", str(path), str(tmp_path / "later.safetensors"), str(output)]) == 0
    mean, info = load_weights(output)
    for key, value in network.state_dict().items():
        torch.testing.assert_close(mean.state_dict()[key], value * 1.05, atol=2e-3, rtol=2e-3)
    assert info.provenance == {"averaged": [{"iterations": 5}, {"iterations": 9}]}
    assert info.training_data == ("coco", "davis16/cows", "horse") and info.tracking == TRACKING
    assert info.licence == "Apache-2.0; not stated"


def test_what_has_no_average_is_refused(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "mean.safetensors"
    assert main(["weights", "average", str(path), str(output)]) == 1
    assert main(["weights", "average", str(path), "samn-lite", str(output)]) == 1
    assert main(["weights", "average", str(path), str(path), str(path)]) == 1
    told = capsys.readouterr().err
    assert "one file has no mean" in told and "another network" in told and not output.exists()


def test_int8_without_ranges_says_how_to_get_them(network: Network) -> None:
    with pytest.raises(ConfigError, match="samn weights describe"):
        Engine(network, "cpu", RuntimeConfig(precision="int8", backend="openvino"))


def test_the_shipped_weights_say_everything() -> None:
    for path in SHIPPED_WEIGHTS.glob("*.safetensors"):
        network, info = load_weights(path)
        assert info.tracking == tracking_settings(info.name)
        assert info.training_data and info.licence != "not stated"
        measured = activation_ranges(network)
        assert info.ranges is not None and info.ranges.keys() == measured.keys()
        for layer, limits in measured.items():  # OpenCV's versions draw the scenes a little differently
            np.testing.assert_allclose(info.ranges[layer], limits, rtol=0.08, err_msg=layer)


_DIGEST = """
import sys
if {absent}:
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "skimage":
                raise ModuleNotFoundError("No module named 'skimage'", name="skimage")
    sys.meta_path.insert(0, Absent())
import hashlib
from importlib.util import find_spec
try:
    print("there" if find_spec("skimage") else "absent")
except ModuleNotFoundError:
    print("absent")
import importlib.util
if {absent}:
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name.startswith("skimage") else find(name, *rest)
from samn_tracker import load_tracker
from samn_tracker.synthetic import make_sequence
sequence = make_sequence("moving", 1, 4, textures="procedural")
tracker = load_tracker("samn-lite", "cpu", {{"mask_start.patch_size": 192, "runtime.threads": 1}})
whole = hashlib.sha256(tracker.initialize(sequence.frame(0), sequence.mask(0)).mask)
for index in range(1, 4):
    answer = tracker.track(sequence.frame(index))
    whole.update(answer.mask.tobytes() + answer.box.tobytes())
print(whole.hexdigest())
"""


def _digest(absent: bool) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", _DIGEST.format(absent=absent)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.split()


def test_masks_do_not_depend_on_scikit_image() -> None:
    """int8's ranges were measured on its photographs where it was installed: no mask was the same without it."""
    pytest.importorskip("skimage")
    there, absent = _digest(False), _digest(True)
    assert (there[0], absent[0]) == ("there", "absent")
    assert there[1] == absent[1]


def test_loading_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: Any) -> None:
        raise AssertionError("ranges are measured when a file is written, not when it is read")

    monkeypatch.setattr("samn_tracker.runtime.calibration._run", measured)
    load_tracker(find_weights("samn-lite"), "cpu", {"appearance.capacity": 5})


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kind", ["a folder", "a link to itself"])
def test_weights_that_cannot_be_opened_are_not_called_missing(tmp_path: Path, kind: str, suffix: str) -> None:
    """The libraries say "No such file" of what is there and cannot be read; root reads any file that is one."""
    path = tmp_path / f"mine{suffix}"
    if kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    with pytest.raises(
        WeightsError, match=r"mine.* cannot be read: (Is a directory|Too many levels of symbolic links)"
    ):
        read_tensors(path)
