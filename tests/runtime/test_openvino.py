"""The networks by OpenVINO: torch's numbers, and what happens where it or its cache cannot be used."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE
from samn_tracker.errors import ConfigError, EnvironmentProblemError
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.network import Network
from samn_tracker.runtime import devices, openvino_package
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.decoded_region import CellRegion

pytest.importorskip("openvino")

SMALL = replace(SAMN_LITE.model, key_channels=16, value_channels=32, decoder_channels=16)
MODELS = {
    "feature memory": SMALL,
    "image memory, offsets": replace(
        SMALL, memory_encoder="image", batch_norm=True, mask_channels=0, positional_encoding="cat"
    ),
    "cues": replace(SMALL, previous_mask=True, pixel_score=True),
}
FLOAT32 = RuntimeConfig(backend="openvino", precision="float32")
SIDE = 96
PATCH = np.full((1, 32, 32, 3), 90, np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SAMN_CACHE_DIR", str(folder))
    return folder


def _network(model: ModelConfig) -> Network:
    torch.manual_seed(4)
    network = Network(model).eval()
    if network.cue is not None:
        torch.nn.init.normal_(network.cue.weight)
    return network


def _answers(engine: Engine, objects: int = 1) -> dict[str, np.ndarray]:
    """Everything that an engine is asked for, of one patch, and of a part of it."""
    rng = np.random.default_rng(1)
    model, cells = engine.model_config, SIDE // 16
    encoded = engine.encode(rng.integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8))
    memory = engine.memorise(encoded, rng.random((objects, SIDE, SIDE), dtype=np.float32))
    cues = torch.from_numpy(rng.random((1, model.cue_channels, cells, cells), dtype=np.float32))
    told = cues if model.cue_channels else None
    seen, region = CellRegion(1, 0, 5, 4), CellRegion(2, 0, 4, 3)
    part = engine.segment(seen.cut(memory.value, 1), encoded, np.array([40.0, 50.0]), region, seen, told)
    return {
        **{name: value.float().numpy() for name, value in encoded.query._asdict().items()},
        "memory key": memory.key.float().numpy(),
        "memory value": memory.value.float().numpy(),
        "features": engine.features(rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)).float().numpy(),
        "whole": engine.segment(memory.value, encoded, cues=told),
        "part": part,
    }


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_torchs(name: str) -> None:
    network = _network(MODELS[name])
    ours, theirs = (
        _answers(Engine(network, "cpu", replace(FLOAT32, backend=backend, cache=False)), objects=2)  # type: ignore[arg-type]
        for backend in ("openvino", "torch")
    )
    for what, expected in theirs.items():
        np.testing.assert_allclose(ours[what], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max(), err_msg=what)
        assert np.ptp(expected) > 1e-4, what


@pytest.mark.parametrize(("precision", "most"), [("bfloat16", 0.02), ("int8", 0.25)])
def test_lower_precisions_are_close(precision: str, most: float) -> None:
    if precision == "int8" and not devices.multiplies_int8():
        pytest.skip("this CPU does not multiply int8")
    network = _network(SMALL)
    runtime = replace(FLOAT32, precision=precision, cache=False)  # type: ignore[arg-type]
    ranges = activation_ranges(network)
    close, exact = (_answers(Engine(network, "cpu", one, ranges)) for one in (runtime, FLOAT32))
    for name in ("f4", "f8", "f16", "key", "memory value"):
        error = np.linalg.norm(close[name] - exact[name]) / np.linalg.norm(exact[name])
        assert error < most, name
    if precision == "int8":
        assert np.abs(close["f16"] - exact["f16"]).max() > 0


def test_maps_stay_as_they_are_computed_and_the_key_is_precise() -> None:
    """In float32, f4 cost half of the encoder: all sums up to it were then computed in float32."""
    engine = Engine(_network(SMALL), "cpu", replace(FLOAT32, precision="bfloat16", cache=False))
    encoded = engine.encode(np.zeros((1, SIDE, SIDE, 3), np.uint8))
    for name, one in encoded.query._asdict().items():
        assert one.dtype == (torch.float32 if name == "key" else torch.bfloat16), name
        assert one.is_contiguous(memory_format=torch.channels_last), name


def test_answers_do_not_change_when_the_engine_goes_on() -> None:
    """A pending frame keeps its features while the next one is searched."""
    engine = Engine(_network(SMALL), "cpu", FLOAT32)
    first, second = np.random.default_rng(2).integers(0, 256, (2, 1, 32, 32, 3), dtype=np.uint8)
    kept = engine.encode(first).query
    before = [one.clone() for one in kept]
    engine.encode(second)
    assert all(torch.equal(one, other) for one, other in zip(kept, before, strict=True))


def test_nothing_is_compiled_after_the_start(cache: Path) -> None:
    engine = Engine(_network(SMALL), "cpu", FLOAT32)
    rng = np.random.default_rng(3)
    encoded = engine.encode(rng.integers(0, 256, (1, 160, 160, 3), dtype=np.uint8))
    memory = engine.memorise(encoded, rng.random((1, 160, 160), dtype=np.float32))
    compiled = sorted(cache.iterdir())
    assert len(compiled) == 2 + 4, "search, memorise, and four sizes of what is segmented"
    for seen in (CellRegion(0, 0, 10, 10), CellRegion(3, 0, 10, 7), CellRegion(0, 2, 10, 9), CellRegion(1, 0, 8, 10)):
        engine.segment(seen.cut(memory.value, 1), encoded, None, seen, seen)
    assert sorted(cache.iterdir()) == compiled


@pytest.fixture
def compiled(cache: Path) -> Iterator[tuple[Network, torch.Tensor, Path]]:
    """A network of which one program is in the cache, the key that it answers, and the program's file."""
    network = _network(SMALL)
    key = Engine(network, "cpu", FLOAT32).encode(PATCH).query.key
    (path,) = cache.iterdir()
    yield network, key, path


@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "another build"])
def test_a_damaged_cache_is_made_anew(
    compiled: tuple[Network, torch.Tensor, Path], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    network, key, path = compiled
    content = path.read_bytes()
    nonsense = b"a model of another build"
    damaged = {
        "flipped": content[:100] + bytes([content[100] ^ 1]) + content[101:],
        "short": content[: len(content) // 2],
        "empty": b"",
        "another build": hashlib.sha256(nonsense).digest() + nonsense,
    }
    path.write_bytes(damaged[damage])
    assert torch.equal(Engine(network, "cpu", FLOAT32).encode(PATCH).query.key, key)
    digest, made_anew = path.read_bytes()[:32], path.read_bytes()[32:]
    assert hashlib.sha256(made_anew).digest() == digest
    assert len(made_anew) > len(content) // 2
    assert ("is damaged; it is made anew" in caplog.text) == (damage != "another build")


def test_a_cache_folder_that_cannot_be_made_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file in the folder's place refuses root, too."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SAMN_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        engine = Engine(_network(SMALL), "cpu", FLOAT32)
        engine.features(PATCH)
        engine.encode(PATCH)
    assert len(caplog.records) == 1
    assert "set runtime.cache=false or $SAMN_CACHE_DIR" in caplog.text


def test_without_a_cache_nothing_is_written(cache: Path) -> None:
    Engine(_network(SMALL), "cpu", replace(FLOAT32, cache=False)).features(PATCH)
    assert not cache.exists()


def test_other_weights_and_precisions_have_files_of_their_own(cache: Path) -> None:
    network = _network(SMALL)
    Engine(network, "cpu", FLOAT32).features(PATCH)
    Engine(network, "cpu", replace(FLOAT32, precision="bfloat16")).features(PATCH)
    with torch.no_grad():
        next(network.parameters()).add_(0.01)
    Engine(network, "cpu", FLOAT32).features(PATCH)
    assert len(list(cache.iterdir())) == 3


CODE = """
import sys
{before}
import numpy as np
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.errors import SamnError
from samn_tracker.model.network import Network
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
import torch
torch.manual_seed(0)
torch.set_num_threads(1)
try:
    engine = Engine(Network(SAMN_LITE.model), "cpu", RuntimeConfig(backend="{backend}", precision="float32"))
    key = engine.encode(np.zeros((1, 32, 32, 3), np.uint8)).query.key
except SamnError as error:
    sys.exit(str(error))
if any(name.startswith("openvino_telemetry") and module for name, module in sys.modules.items()):
    sys.exit("OpenVINO may report its use")
print(engine.backend_name, float(key.sum()))
"""


def _run(before: str = "", backend: str = "auto") -> subprocess.Popen[str]:
    code = CODE.format(before=before, backend=backend)
    environment = {**os.environ, "SAMN_BACKEND": "auto"}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=pipe, stderr=pipe, text=True)


def test_two_processes_compile_at_once(cache: Path) -> None:
    answers = [process.communicate() for process in [_run(), _run()]]
    assert answers[0][0].startswith("openvino"), answers
    assert answers[0][0] == answers[1][0]
    (path,) = cache.iterdir()
    assert path.suffix == ".compiled"


@pytest.mark.parametrize("missing", ["openvino", "openvino._pyopenvino"])
def test_without_openvino_torch_computes(missing: str) -> None:
    before = f"sys.modules[{missing!r}] = None"
    assert _run(before).communicate()[0].startswith("torch")
    process = _run(before, "openvino")
    said = process.communicate()[1]
    assert process.returncode == 1
    assert "OpenVINO cannot be imported" in said
    assert "pip install openvino" in said
    assert "runtime.backend=torch" in said


def test_a_cpu_that_openvino_does_not_support_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsupported:
        def compile_model(self, *_: object) -> None:
            raise RuntimeError("Exception from src:1:\nSSE4.2 is required")

    monkeypatch.setattr(openvino_package, "core", Unsupported)
    reason = openvino_package.why_unusable.__wrapped__()
    assert reason == f"OpenVINO does not run on this CPU (SSE4.2 is required); {openvino_package.REMEDY}"
    monkeypatch.setattr(devices, "why_unusable", lambda: reason)
    assert devices.resolve(RuntimeConfig(), "cpu").backend == "torch"
    with pytest.raises(EnvironmentProblemError, match=r"SSE4\.2.*runtime\.backend=torch"):
        devices.resolve(RuntimeConfig(backend="openvino"), "cpu")


def test_what_cannot_be_compiled_says_what_to_do() -> None:
    engine = Engine(_network(SMALL), "cpu", FLOAT32)
    with pytest.raises(EnvironmentProblemError, match=r"cannot compile search.*set runtime\.backend=torch"):
        engine.encode(np.zeros((1, SIDE, SIDE, 4), np.uint8))


def test_openvino_is_for_cpus() -> None:
    with pytest.raises(ConfigError, match="runs on CPUs"):
        devices._backend("openvino", torch.device("cuda"))
