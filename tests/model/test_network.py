"""Shapes, soft aggregation, location maps, folding, and weights files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE, SAMN_R50
from samn_tracker.errors import WeightsError
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.encoders import pooled_mask
from samn_tracker.model.folding import fold_batch_norm
from samn_tracker.model.network import Network, aggregate, location_map, single_logits, target_probability
from samn_tracker.model.trunk import FrozenBatchNorm2d
from samn_tracker.model.weights import initialise_trunks, load_state, load_weights, read_info, save_weights

SMALL_IMAGE_MEMORY = replace(SAMN_R50.model, trunk="resnet18", key_channels=16, value_channels=32, decoder_channels=32)


def randomised(config: ModelConfig) -> Network:
    """A network whose BatchNorms do something."""
    torch.manual_seed(3)
    network = Network(config)
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def segment(network: Network, size: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    patch = torch.rand(1, 3, size, size, generator=generator)
    mask = torch.rand(1, 1, size, size, generator=generator)
    with torch.inference_mode():
        query = network.encode_query(patch)
        memory = network.encode_memory(patch, mask, query)
        cells = size // 16
        location = location_map(network.config, (cells, cells), (cells / 2, cells / 2), patch)
        return network.decode(memory.value, query, location)


@pytest.mark.parametrize("encoding", ["sum", "cat", "none"])
@pytest.mark.parametrize("config", [SAMN_LITE.model, SMALL_IMAGE_MEMORY], ids=["lite", "image-memory"])
def test_every_positional_encoding_gives_logits_at_patch_size(config: ModelConfig, encoding: str) -> None:
    logits = segment(randomised(replace(config, positional_encoding=encoding)))
    assert logits.shape == (1, 2, 64, 64)
    assert torch.isfinite(logits).all()


def test_folding_batch_norm_changes_nothing_but_rounding() -> None:
    network = randomised(SMALL_IMAGE_MEMORY)
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, FrozenBatchNorm2d) for module in folded.modules())
    expected = segment(network)
    assert torch.allclose(segment(folded), expected, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("network", [Network(SMALL_IMAGE_MEMORY), Network(SMALL_IMAGE_MEMORY).train()])
def test_batch_norm_is_in_evaluation_mode_when_new_and_while_training(network: Network) -> None:
    norms = [module for module in network.modules() if isinstance(module, FrozenBatchNorm2d)]
    assert norms
    assert not any(module.training for module in norms)


def test_soft_aggregation_equals_the_formula_written_out() -> None:
    p = [[0.9, 0.2], [0.3, 0.6], [0.5, 0.01]]
    got = aggregate(torch.tensor(p, dtype=torch.float64))
    for pixel in range(2):
        own = [math.prod(1 - p[o][pixel] for o in range(3))] + [p[o][pixel] for o in range(3)]
        odds = [value / (1 - value) for value in own]
        expected = [value / sum(odds) for value in odds]
        assert torch.allclose(got[:, pixel], torch.tensor(expected, dtype=torch.float64), atol=1e-9)


def test_one_object_is_its_own_aggregation_at_one_half() -> None:
    merged = aggregate(torch.tensor([[0.0, 0.2, 0.5, 0.8, 1.0]]))
    assert torch.allclose(merged.sum(0), torch.ones(5))
    assert ((merged[1] > 0.5) == torch.tensor([False, False, False, True, True])).all()


def test_target_probability_is_the_softmax_of_the_second_channel() -> None:
    logits = torch.tensor([0.0, math.log(3.0)]).view(1, 2, 1, 1)
    assert target_probability(logits).item() == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("plain", "aggregated"),
    [(0.5, 0.5), (0.2, 0.04 / 0.68), (1 / 3, 0.2), (0.6, 0.36 / 0.52), (0.9, 0.81 / 0.82)],
)
def test_a_single_object_is_aggregated_where_the_weights_were_trained_so(plain: float, aggregated: float) -> None:
    """p^2 / (p^2 + (1 - p)^2) by hand; a third of the plain probability is the 0.2 of the released code."""
    logits = torch.tensor([0.3, 0.3 + math.log(plain / (1 - plain))]).view(1, 2, 1, 1)
    as_published = replace(SAMN_R50.model, aggregate_single=True)
    assert target_probability(single_logits(SAMN_R50.model, logits)).item() == pytest.approx(plain)
    got = target_probability(single_logits(as_published, logits))
    assert got.item() == pytest.approx(aggregated)
    assert aggregate(target_probability(logits)[:, 0])[1].item() == pytest.approx(aggregated)


def test_the_released_location_map_is_sampled_at_the_first_pixel_of_each_cell() -> None:
    released = replace(SAMN_R50.model, location_sampling="corner")
    got = location_map(released, (24, 24), (12, 12), torch.zeros(1))[0, 0]
    for row, column in ((0, 0), (12, 12), (23, 5)):
        offset = np.array([16 * row + 1 - 192, 16 * column + 1 - 192]) / 384
        assert got[row, column].item() == pytest.approx(np.hypot(*offset))


def test_location_map_is_the_distance_to_the_centre_over_the_width() -> None:
    got = location_map(SAMN_R50.model, (2, 4), (0.5, 0.5), torch.zeros(1))
    expected = [[0, 1, 2, 3], [1, math.sqrt(2), math.sqrt(5), math.sqrt(10)]]
    assert torch.allclose(got[0, 0], torch.tensor(expected) / 4)


def test_pooled_mask_keeps_the_place_of_every_part() -> None:
    mask = torch.zeros(1, 1, 32, 16)
    mask[0, 0, 16:20, 8:12] = 1  # second cell, first row and third column of its 4 x 4 parts
    pooled = pooled_mask(mask, 16)
    assert pooled.shape == (1, 16, 2, 1)
    assert pooled[0, :, 0].sum() == 0
    assert pooled[0, :, 1, 0].tolist() == [1.0 if part == 2 else 0.0 for part in range(16)]


def test_a_weights_file_returns_what_was_saved(tmp_path: Path) -> None:
    network = randomised(SAMN_LITE.model)
    save_weights(tmp_path / "w.safetensors", network, "samn-lite", {"iterations": 5}, dtype=torch.float32)
    loaded, info = load_weights(tmp_path / "w.safetensors")
    assert (info.name, info.model, info.provenance) == ("samn-lite", SAMN_LITE.model, {"iterations": 5})
    assert info == read_info(tmp_path / "w.safetensors")
    assert torch.equal(segment(loaded), segment(network))


def test_others_may_read_a_weights_file_as_they_may_any_new_file(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", Network(SMALL_IMAGE_MEMORY), "samn-lite", {})
    (tmp_path / "any").touch()
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_weights_of_another_model_are_refused_with_a_list() -> None:
    other = Network(SMALL_IMAGE_MEMORY)
    with pytest.raises(WeightsError, match=r"missing memory_encoder.*unknown|faults"):
        load_state(Network(SAMN_LITE.model), other.state_dict(), "other weights")


def test_weights_that_are_not_finite_are_refused() -> None:
    state = Network(SAMN_LITE.model).state_dict()
    state["decoder.predict.bias"] = torch.tensor([float("nan"), 0.0])
    with pytest.raises(WeightsError, match=r"decoder.predict.bias holds values that are not finite"):
        load_state(Network(SAMN_LITE.model), state, "w")


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "foreign"])
def test_a_damaged_weights_file_is_a_clear_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, Network(SAMN_LITE.model), "samn-lite", {})
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "text":
        path.write_text("not weights")
    else:
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(1)}, str(path))
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        load_weights(path)


def test_torchvision_layout_initialises_every_trunk(tmp_path: Path) -> None:
    source = randomised(SMALL_IMAGE_MEMORY)
    state = {k: v for k, v in source.query_encoder.trunk.state_dict().items() if "num_batches" not in k}
    torch.save(
        {**state, "fc.weight": torch.zeros(10, 512), "layer4.0.conv1.weight": torch.zeros(1)}, tmp_path / "r.pth"
    )
    network = Network(SMALL_IMAGE_MEMORY)
    initialise_trunks(network, tmp_path / "r.pth")
    for key, value in state.items():
        assert torch.equal(network.query_encoder.trunk.state_dict()[key], value)
        assert torch.equal(network.memory_encoder.body.trunk.state_dict()[key], value)
