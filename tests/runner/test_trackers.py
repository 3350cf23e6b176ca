"""Trackers by name, their identities, and OpenCV's adapters."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.errors import ConfigError, EnvironmentProblemError, ImageError, TrackerStateError
from samn_tracker.prediction import TrackerProtocol
from samn_tracker.runner.opencv_trackers import OpenCVTracker
from samn_tracker.runner.trackers import create_tracker, describe_tracker

FACTORY = """
class Still:
    def __init__(self, step=0, device="cpu"):
        self.step, self.device = float(step), device
    def initialize(self, image, target): ...
    def track(self, image): ...
def nothing(): return 3
number = 4
"""


@pytest.fixture
def factory_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"factory_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def scene(offset: int = 0) -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 60, (80, 100, 3), dtype=np.uint8)
    image[20:50, 30 + offset : 60 + offset] = (250, 120, 30)
    return image


def test_factory_gets_the_device_and_the_overrides(factory_module: str) -> None:
    tracker = create_tracker(f"{factory_module}:Still", device="cuda:1", overrides={"step": "2.5"})
    assert isinstance(tracker, TrackerProtocol)
    assert (tracker.step, tracker.device) == (2.5, "cuda:1")


@pytest.mark.parametrize(
    ("spec", "error", "fact"),
    [
        ("nonsense", ConfigError, "no tracker is called 'nonsense'"),
        ("no_such_module:f", EnvironmentProblemError, "no_such_module"),
        ("{module}:number", ConfigError, "not callable"),
        ("{module}:nothing", ConfigError, "without initialize and track"),
        ("opencv-mil", ConfigError, "has no settings"),
    ],
)
def test_unusable_specifications_say_why(factory_module: str, spec: str, error: type, fact: str) -> None:
    overrides = {"speed": "1"} if spec == "opencv-mil" else {}
    with pytest.raises(error, match=fact):
        create_tracker(spec.format(module=factory_module), overrides=overrides)


def test_unknown_factory_argument_is_an_error(factory_module: str) -> None:
    with pytest.raises(ConfigError, match="could not be called"):
        create_tracker(f"{factory_module}:Still", overrides={"speed": "1"})


def test_identity_changes_with_the_factorys_source(factory_module: str, tmp_path: Path) -> None:
    spec = f"{factory_module}:Still"
    before = describe_tracker(spec, device="cpu")
    assert before == describe_tracker(spec, device="cpu")
    with (tmp_path / f"{factory_module}.py").open("a") as stream:
        stream.write("# changed\n")
    assert describe_tracker(spec, device="cpu")["code_sha256"] != before["code_sha256"]
    assert describe_tracker(spec, device="cpu", overrides={"step": "1"})["overrides"] == {"step": "1"}


@pytest.mark.parametrize("spec", ["opencv-nano", "opencv-vit"])
def test_a_network_of_opencv_names_the_files_that_it_needs(spec: str, tmp_path: Path) -> None:
    keys = {"opencv-nano": ("backbone", "neckhead"), "opencv-vit": ("net",)}[spec]
    files = {key: str(tmp_path / f"{key}.onnx") for key in keys}
    for make in (create_tracker, describe_tracker):
        with pytest.raises(ConfigError, match=f"needs the files of its networks, and got nothing: --set {keys[0]}="):
            make(spec)
        with pytest.raises(ConfigError, match=rf"there is no file .*{keys[0]}\.onnx"):
            make(spec, overrides=files)
    for path in files.values():
        Path(path).write_bytes(b"no network")
    identity = describe_tracker(spec, overrides=files)
    assert identity["overrides"].keys() == {Path(path).name for path in files.values()}
    with pytest.raises(ConfigError, match="OpenCV cannot read the networks"):
        create_tracker(spec, overrides=files).initialize(scene(), np.array([30.0, 20, 30, 30]))


def test_missing_opencv_tracker_names_the_package() -> None:
    if hasattr(cv2, "TrackerCSRT"):
        assert isinstance(create_tracker("opencv-csrt"), OpenCVTracker)
    else:
        with pytest.raises(EnvironmentProblemError, match="opencv-contrib-python"):
            create_tracker("opencv-csrt")


@pytest.mark.parametrize(
    "target",
    [
        np.array([30.0, 20, 30, 30]),
        np.array([[30.0, 20], [60, 20], [60, 50], [30, 50]]),
        (scene()[..., 0] == 250).astype(np.uint8),
    ],
    ids=["box", "polygon", "mask"],
)
def test_mil_follows_a_bright_square(target: np.ndarray) -> None:
    tracker = create_tracker("opencv-mil")
    assert tracker.initialize(scene(), target).box == pytest.approx([30, 20, 30, 30])
    for offset in range(1, 6):
        prediction = tracker.track(scene(offset))
    assert prediction.mask is None
    assert prediction.box[2:] == pytest.approx([30, 30])
    assert abs(prediction.box[0] - 35) <= 6


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [95, 70, 20, 20], [-5, -5, 200, 200], [50.5, 40.2, 3.3, 30.7]])
def test_targets_that_opencv_cannot_take_are_tracked(box: list[float]) -> None:
    tracker = create_tracker("opencv-mil")
    tracker.initialize(scene(), np.array(box))
    prediction = tracker.track(scene(1))
    assert np.isfinite(prediction.box).all()
    assert prediction.box[2:] == pytest.approx(box[2:])


def test_order_and_size_are_checked() -> None:
    tracker = create_tracker("opencv-mil")
    with pytest.raises(TrackerStateError, match="before initialize"):
        tracker.track(scene())
    with pytest.raises(ImageError, match="too small"):
        tracker.initialize(scene()[:9, :9], np.array([1, 1, 4, 4]))
