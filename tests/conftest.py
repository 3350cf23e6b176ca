"""Shared fixtures: one torch thread, weights that only have to load, and the research data where it is present."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# On a busy machine an example may take any time: a deadline would make a test depend on it.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

os.environ.setdefault("MPLBACKEND", "Agg")
# Torch needs no seconds to compile what a test runs twice; what tests OpenVINO says so.
os.environ.setdefault("SAMN_BACKEND", "torch")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_programs() -> None:
    """A background job has SIGINT and SIGQUIT ignored, one of nohup SIGHUP, too: tests of them would not be heard."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A weights file of the light variant with random parameters."""
    import torch

    from samn_tracker.core.config import SAMN_LITE, tracking_settings
    from samn_tracker.model.network import Network
    from samn_tracker.model.weights import save_weights

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    tracking = tracking_settings("samn-lite")
    save_weights(path, Network(SAMN_LITE.model), "samn-lite", {"note": "random"}, tracking=tracking)
    return str(path)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of research data; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the research data is not beside this checkout (../shared/data)")
    return SHARED_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `data` or `gpu` skip, with a reason, where what they need is absent."""
    no_data = pytest.mark.skip(reason="the research data is not beside this checkout (../shared/data)")
    no_gpu = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if "data" in item.keywords and not SHARED_DATA.is_dir():
            item.add_marker(no_data)
        if "gpu" in item.keywords and not _has_cuda():
            item.add_marker(no_gpu)


def _has_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
