"""The paper's ablations: what each switch changes, and that nothing else is changed by accident. Weights are random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE, FirstLookConfig, TrackerConfig
from samn_tracker.core.decide import middle_of
from samn_tracker.core.observe import Observation
from samn_tracker.core.state import TrackState
from samn_tracker.core.tracker import Tracker
from samn_tracker.model.network import Network, location_map
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine

FRAMES = 7
SMALL: TrackerConfig = replace(
    SAMN_LITE.with_patch_size(96),
    first_look=FirstLookConfig(enabled=False),  # the first frame of a random network knows nothing
    spatial=replace(SAMN_LITE.spatial, patch_size=96),
    runtime=RuntimeConfig(precision="float32"),
)


@dataclass(frozen=True)
class Run:
    """What was seen in the last frame, and the state after it, everything learnt."""

    seen: Observation
    state: TrackState


def _engine(config: TrackerConfig) -> Engine:
    torch.manual_seed(5)
    return Engine(Network(config.model), "cpu", config.runtime)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return _engine(SMALL)


def _frame(index: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 80, (90, 120, 3), dtype=np.uint8)
    image[30:54, 20 + 3 * index : 44 + 3 * index] = rng.integers(150, 255, (24, 24, 3), dtype=np.uint8)
    return image


def _run(engine: Engine, settings: dict[str, object]) -> Run:
    """Seven frames with these settings."""
    config = SMALL.with_overrides(settings)
    own = engine if config.model == SMALL.model else _engine(config)
    tracker = Tracker(own, config)
    tracker.keep_observation = True
    tracker.initialize(_frame(0), np.array([20, 30, 24, 24]))
    for index in range(1, FRAMES):
        assert np.isfinite(tracker.track(_frame(index)).box).all()
    tracker.finish_frame()
    assert tracker.state is not None and tracker.observation is not None
    return Run(tracker.observation, tracker.state)


UNTRUSTED: dict[str, object] = {"spatial.warmup_frames": 0, "spatial.move_uncertainty": 0}
"""The spatial memory trusts no frame."""


def _weights(run: Run) -> np.ndarray:
    """Of the memory frames that were read, in order of time."""
    return np.array([weight for _, weight in sorted(zip(run.seen.read_frames, run.seen.read_weights(), strict=True))])


def test_as_always(engine: Engine) -> None:
    """What the switches below change: both memories on one patch, every third frame, emd."""
    run = _run(engine, {})
    assert run.state.spatial is not None and run.seen.search is not None
    assert run.seen.search.encoded is not None and run.seen.search.window.size == 96
    assert run.state.bank.frame_indices == [0, 3, 6]
    assert np.ptp(_weights(run)) > 1e-6


SWITCHES: list[tuple[dict[str, object], Callable[[Run], bool]]] = [
    ({"spatial.enabled": False}, lambda run: run.state.spatial is None and run.seen.search is None),
    ({"spatial.localisation_pass": "own"}, lambda run: run.seen.search is not None and run.seen.search.encoded is None),
    ({"appearance.last_frame": True}, lambda run: run.state.bank.frame_indices == [0, 6, 3]),
    ({"appearance.interval": 0}, lambda run: run.state.bank.frame_indices == [0]),
    ({"appearance.interval": 0, "appearance.last_frame": True}, lambda run: run.state.bank.frame_indices == [0, 6]),
    (
        {"appearance.interval": 1, "appearance.capacity": 2},
        lambda run: run.state.bank.frame_indices == [0, 6],
    ),
    (UNTRUSTED, lambda run: run.state.bank.frame_indices == [0]),
    ({**UNTRUSTED, "appearance.sample_filtering": False}, lambda run: run.state.bank.frame_indices == [0, 3, 6]),
    ({"dynamic.weighting": "none"}, lambda run: np.ptp(_weights(run)) < 1e-7),
    ({"segmentation.recrop_distance": 0}, lambda run: np.allclose(run.seen.window.centre, run.seen.place)),
    (
        {"segmentation.follow": "mask"},
        lambda run: bool(np.array_equal(run.state.centre, middle_of(run.state.last.box))),
    ),
    (
        {"segmentation.follow": "peak", "segmentation.follow_limit": "none"},
        lambda run: bool(np.array_equal(run.state.centre, run.seen.place)),
    ),
]


@pytest.mark.parametrize(("settings", "changed"), SWITCHES, ids=lambda one: str(one) if isinstance(one, dict) else "")
def test_a_switch_changes_what_it_says_and_the_default_does_not(
    engine: Engine, settings: dict[str, object], changed: Callable[[Run], bool]
) -> None:
    assert changed(_run(engine, settings))
    without = UNTRUSTED if "appearance.sample_filtering" in settings else {}
    assert settings.get("segmentation.follow") == "peak" or not changed(_run(engine, without))


@pytest.mark.parametrize("thinned", [True, False])
def test_the_first_frame_is_read_by_part_of_its_background_or_whole(engine: Engine, thinned: bool) -> None:
    run = _run(engine, {"box_start.patch_size": 192, "box_start.thin_background": thinned})
    assert bool((run.state.bank.cell_weights[0] == 0).all()) is not thinned


def test_linear_weights_fall_with_age_alone(engine: Engine) -> None:
    weights = _weights(_run(engine, {"dynamic.weighting": "linear"}))
    assert (np.diff(weights) > 0).all()
    assert weights[0] / weights[-1] == pytest.approx(0.9, rel=1e-3)


def test_cosine_weights_are_others_than_those_of_the_earth_movers_distance(engine: Engine) -> None:
    assert np.abs(_weights(_run(engine, {"dynamic.weighting": "cosine"})) - _weights(_run(engine, {}))).max() > 1e-6


def test_the_entropic_solver_is_close_to_the_exact_one_and_not_the_same(engine: Engine) -> None:
    entropic, exact = (_weights(_run(engine, {"dynamic.solver": one})) for one in ("entropic", "exact"))
    assert 0 < np.abs(entropic - exact).max() < 0.01


@pytest.mark.parametrize(("encoding", "channels"), [("sum", 1), ("cat", 2), ("none", 0)])
def test_the_location_map_is_of_its_kind(engine: Engine, encoding: str, channels: int) -> None:
    config = SMALL.with_overrides({"model.positional_encoding": encoding})
    drawn = location_map(config.model, (6, 6), (3.0, 3.0), torch.zeros(1))
    assert (0 if drawn is None else drawn.shape[1]) == channels
    other = _run(engine, {"model.positional_encoding": encoding}).seen.probability
    assert np.array_equal(other, _run(engine, {}).seen.probability) is (encoding == "sum")


def test_the_papers_memory_encoder_has_a_trunk_of_its_own(engine: Engine) -> None:
    settings = {"model.memory_encoder": "image", "model.similarity": "dot", "model.mask_channels": 0}
    model = SMALL.with_overrides(settings).model
    assert any("trunk" in name for name in Network(model).memory_encoder.state_dict())
    assert not any("trunk" in name for name in Network(SMALL.model).memory_encoder.state_dict())
    assert _run(engine, settings).state.bank.frame_indices[:2] == [0, 3]
