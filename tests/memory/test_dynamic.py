"""The dynamic memory machine: similarities of frames, agreement of its two solvers, biases."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor

from samn_tracker.errors import ConfigError
from samn_tracker.memory.config import DynamicConfig
from samn_tracker.memory.dynamic import (
    OLDEST_LINEAR_WEIGHT,
    check_dynamic_config,
    frame_bias,
    frame_similarities,
    pool_key,
)

EXACT = DynamicConfig(solver="exact")
ENTROPIC = DynamicConfig(solver="entropic")


def drifting_scene(frames: int, channels: int = 64, seed: int = 0) -> Tensor:
    """Key maps (frames, channels, 24, 24) of an object that moves and changes before a background that drifts."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    def smooth(cells: int) -> Tensor:
        return F.interpolate(noise(1, channels, cells, cells), size=(24, 24), mode="bicubic")

    background, appearance, offset = smooth(6), 1.5 * noise(1, channels, 1, 1), 0.5 * noise(1, channels, 1, 1)
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    maps = []
    for _ in range(frames):
        background = background + 0.25 * smooth(5)
        appearance = appearance + 0.125 * noise(1, channels, 1, 1)
        x, y = (12 + 2 * noise(2)).tolist()
        blob = torch.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 30)
        maps.append(offset + background * (1 - blob) + appearance * blob + 0.3 * noise(1, channels, 24, 24))
    return torch.cat(maps)


def assert_same_ranking(keys: Tensor) -> None:
    """Entropic and exact similarities of the last map to the others rank alike, with nearly the same weights."""
    pooled = pool_key(keys, 6)
    ages = torch.arange(len(keys) - 2, -1, -1)
    exact, entropic = (frame_similarities(pooled[-1:], pooled[None, :-1], c, ages)[0] for c in (EXACT, ENTROPIC))
    assert spearmanr(exact, entropic).statistic >= 0.99
    assert (exact.softmax(0) - entropic.softmax(0)).abs().sum() / 2 < 0.002


@pytest.mark.parametrize("seed", range(10))
def test_entropic_ranks_frames_as_exact_on_drifting_scenes(seed: int) -> None:
    assert_same_ranking(drifting_scene(17, seed=seed))


@pytest.mark.data
@pytest.mark.parametrize("sequence", ["libby", "motocross-jump"])
def test_entropic_ranks_frames_as_exact_on_keys_of_real_images(shared_data: Path, sequence: str) -> None:
    from samn_tracker.model.trunk import Trunk
    from samn_tracker.model.weights import load_state, read_tensors

    weights = shared_data / "weights" / "resnet18_imagenet_conv4_bnfolded.safetensors"
    trunk = Trunk("resnet18", batch_norm=False).eval()
    load_state(trunk, read_tensors(weights), str(weights))
    paths = sorted((shared_data / "sequences" / "davis16" / sequence / "img").iterdir())[:34:2]
    images = [cv2.resize(cv2.imread(str(path)), (384, 384))[..., ::-1] / 255.0 for path in paths]
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        features = trunk((batch - 0.45) / 0.225)[2]
        project = torch.randn(64, features.shape[1], generator=torch.Generator().manual_seed(0))
        assert_same_ranking(torch.einsum("kc,nchw->nkhw", project, features - features.mean((0, 2, 3), keepdim=True)))


def test_emd_similarity_is_one_for_the_same_frame_even_if_its_cells_move() -> None:
    pooled = pool_key(drifting_scene(1), 6)
    moved = pooled[:, torch.randperm(36, generator=torch.Generator().manual_seed(0))]
    memory = torch.stack([pooled, moved], dim=1)
    emd = frame_similarities(pooled, memory, EXACT, torch.tensor([1, 0]))
    torch.testing.assert_close(emd, torch.ones(1, 2), atol=1e-5, rtol=0)
    cosine = frame_similarities(pooled, memory, DynamicConfig(weighting="cosine"), torch.tensor([1, 0]))
    assert cosine[0, 0] > 0.9999
    assert cosine[0, 1] < 0.9


def test_emd_similarity_by_hand() -> None:
    """Two cells: the query is x, x; the memory x, y, whose supply for y is 0, so all of it moves at no cost (eq. 9)."""
    query = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    memory = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]]])
    found = frame_similarities(query, memory, EXACT, torch.tensor([0, 0]))
    torch.testing.assert_close(found, torch.tensor([[1.0, (1 + math.sqrt(0.5)) / 2]]))


def test_cells_unlike_the_other_frame_carry_no_mass() -> None:
    """x, -x/2 against x, x: the mean of the one is x/4, and its second cell gets max(-1/2, 0) = 0 (eq. 9)."""
    one, other = torch.tensor([[[1.0, 0.0], [-0.5, 0.0]]]), torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    for query, memory in ((one, other), (other, one)):
        found = frame_similarities(query, memory[:, None], EXACT, torch.tensor([0]))
        torch.testing.assert_close(found, torch.ones(1, 1))


@pytest.mark.parametrize("config", [EXACT, ENTROPIC])
@pytest.mark.parametrize("fault", ["zero", "opposite", "nan", "infinite"])
def test_degenerate_keys_give_uniform_masses_and_never_nan(config: DynamicConfig, fault: str) -> None:
    query = pool_key(drifting_scene(1), 6)
    memory = pool_key(drifting_scene(3, seed=1), 6)[None]
    if fault == "zero":
        query = torch.zeros_like(query)
    elif fault == "opposite":
        query = -memory[:, 0].abs()
        memory = memory.abs()
    else:
        memory[:, 1, 0] = math.nan if fault == "nan" else math.inf
    found = frame_similarities(query, memory, config, torch.arange(3))
    assert torch.isfinite(found).all()
    assert torch.isfinite(frame_bias(found, 1.0)).all()
    if fault == "zero":
        torch.testing.assert_close(found, torch.zeros(1, 3), atol=1e-6, rtol=0)


def test_objects_are_independent_and_may_share_the_query() -> None:
    pooled = pool_key(drifting_scene(7), 6)
    memory = torch.stack([pooled[:3], pooled[3:6]])
    ages = torch.tensor([2, 1, 0])
    for config in (EXACT, ENTROPIC, DynamicConfig(weighting="cosine")):
        together = frame_similarities(pooled[6:], memory, config, ages)
        alone = torch.cat([frame_similarities(pooled[6:], memory[o : o + 1], config, ages) for o in (0, 1)])
        torch.testing.assert_close(together, alone)


def test_linear_weights_fall_linearly_with_age() -> None:
    ages = torch.tensor([40, 0, 10])
    pooled = torch.randn(1, 3, 4, 8)
    bias = frame_bias(frame_similarities(pooled[:, 0], pooled, DynamicConfig(weighting="linear"), ages), 1.0)
    weights = bias.exp() / bias.exp()[0, 1]
    drop = 1 - OLDEST_LINEAR_WEIGHT
    torch.testing.assert_close(weights, torch.tensor([[1 - drop, 1.0, 1 - drop / 4]]))


def test_frames_that_drift_away_weigh_less_and_cosine_is_greedier_than_emd_than_linear() -> None:
    pooled = pool_key(drifting_scene(13, seed=4), 6)
    ages = torch.arange(11, -1, -1)
    recent = {}
    for weighting in ("linear", "emd", "cosine"):
        similarities = frame_similarities(pooled[-1:], pooled[None, :-1], DynamicConfig(weighting=weighting), ages)
        recent[weighting] = frame_bias(similarities, 1.0).softmax(-1)[0, -4:].sum().item()
    assert 4 / 12 < recent["linear"] < recent["emd"] < recent["cosine"]


def test_equal_similarities_give_exactly_no_bias() -> None:
    pooled = torch.randn(2, 5, 36, 8)
    none = frame_similarities(pooled[:1, 0], pooled, DynamicConfig(weighting="none"), torch.arange(5))
    assert torch.equal(frame_bias(none, 0.3), torch.zeros(2, 5))
    assert torch.equal(frame_bias(torch.full((2, 5), 0.7), 0.3), torch.zeros(2, 5))


def test_bias_is_the_log_of_n_times_the_weight_with_temperature() -> None:
    similarities = torch.tensor([[0.9, 0.5, 0.1]])
    torch.testing.assert_close(frame_bias(similarities, 0.2), torch.log(3 * torch.softmax(similarities / 0.2, -1)))


def test_absent_frames_take_no_part_in_the_bias() -> None:
    similarities = torch.tensor([[0.9, 5.0, 0.1]])
    bias = frame_bias(similarities, 1.0, torch.tensor([[True, False, True]]))
    assert bias[0, 1] == -math.inf
    torch.testing.assert_close(bias[:, [0, 2]], frame_bias(similarities[:, [0, 2]], 1.0))


def test_pooling_averages_cells_in_row_order() -> None:
    key = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(pool_key(key.bfloat16(), 2), torch.tensor([[[2.5], [4.5], [10.5], [12.5]]]))


def test_every_impossible_setting_is_listed() -> None:
    config = DynamicConfig(grid=0, temperature=math.nan)
    with pytest.raises(ConfigError, match=r"grid is 0.*temperature is nan"):
        check_dynamic_config(config)


@pytest.mark.parametrize(("grid", "temperature"), [(1, 1.0), (6, 1e-3)])
def test_a_grid_of_one_cell_and_a_small_temperature_are_possible(grid: int, temperature: float) -> None:
    check_dynamic_config(DynamicConfig(grid=grid, temperature=temperature))


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_has_to_be_positive(temperature: float) -> None:
    with pytest.raises(ConfigError, match=f"temperature is {temperature}; give a positive number"):
        check_dynamic_config(DynamicConfig(temperature=temperature))


def test_the_bias_of_large_similarities_is_finite() -> None:
    similarities = torch.tensor([[900.0, 899.0]])
    expected = torch.log(2 * torch.softmax(torch.tensor([[1.0, 0.0]]), -1))
    torch.testing.assert_close(frame_bias(similarities, 1.0), expected)


def test_on_a_processor_the_solver_is_exact_unless_the_entropic_one_is_asked_for() -> None:
    pooled = pool_key(drifting_scene(4), 4)
    auto, exact, entropic = (
        frame_similarities(pooled[-1:], pooled[None, :-1], config, torch.tensor([2, 1, 0]))
        for config in (DynamicConfig(solver="auto"), EXACT, ENTROPIC)
    )
    assert torch.equal(auto, exact)
    assert not torch.equal(entropic, exact)
