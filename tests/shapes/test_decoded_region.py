"""The decoded region: where it lies, what counts as all inside, and the same numbers as in a whole patch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE
from samn_tracker.core.tracker import Tracker
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.decoder import REACH_CELLS
from samn_tracker.model.network import Network
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.decoded_region import (
    CellRegion,
    bucket_sides,
    grown_extent,
    holds_target,
    seen_around,
    touched_region,
)

NARROW = ModelConfig(key_channels=8, value_channels=16, decoder_channels=16)


@pytest.mark.parametrize(
    ("centre", "size", "expected"),
    [
        ((64.0, 64.0), (32.0, 32.0), CellRegion(3, 3, 5, 5)),
        ((64.0, 80.0), (34.0, 16.0), CellRegion(4, 2, 6, 6)),
        ((0.0, 120.0), (40.0, 40.0), CellRegion(6, 0, 8, 2)),
        ((-50.0, 500.0), (16.0, 16.0), CellRegion(7, 0, 8, 1)),
        ((64.0, 64.0), (900.0, 900.0), CellRegion(0, 0, 8, 8)),
    ],
)
def test_the_region_is_the_cells_that_the_box_touches(
    centre: tuple[float, float], size: tuple[float, float], expected: CellRegion
) -> None:
    corners = np.array(centre) + np.outer([-0.5, 0.5], size)
    assert touched_region(corners, (8, 8)) == expected


def test_the_target_may_reach_as_far_as_its_last_mask_and_its_size_and_a_margin_further() -> None:
    extent, size = np.array([[-30.0, -5.0], [10.0, 20.0]]), np.array([40.0, 10.0])
    np.testing.assert_allclose(grown_extent(extent, size, 0.5), [[-40, -15], [30, 30]])


@pytest.mark.parametrize(("cells", "sides"), [(18, (12, 18)), (24, (15, 24)), (28, (18, 28)), (8, (8,)), (9, (6, 9))])
def test_what_is_seen_has_one_of_few_sides(cells: int, sides: tuple[int, ...]) -> None:
    assert bucket_sides(cells) == sides
    for top in range(cells):
        for bottom in range(top + 1, cells + 1):
            region = CellRegion(top, 0, bottom, 1)
            seen, least = seen_around(region, 2, (cells, cells)), region.grown(2, (cells, cells))
            assert 0 <= seen.top <= least.top < least.bottom <= seen.bottom <= cells
            assert seen.bottom - seen.top == min(side for side in sides if side >= least.bottom - least.top)


def pixels(*places: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((64, 64), dtype=bool)
    for row, column in places:
        mask[row, column] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "region", "expected"),
    [
        (pixels((20, 20)), CellRegion(1, 1, 3, 3), True),
        (pixels(), CellRegion(1, 1, 3, 3), False),
        (pixels((16, 20)), CellRegion(1, 1, 3, 3), False),
        (pixels((20, 20), (47, 30)), CellRegion(1, 1, 3, 3), False),
        (pixels((20, 16)), CellRegion(1, 1, 3, 3), False),
        (pixels((20, 47)), CellRegion(1, 1, 3, 3), False),
        (pixels((0, 0), (20, 0)), CellRegion(0, 0, 3, 3), True),
        (pixels((63, 63)), CellRegion(1, 1, 4, 4), True),
    ],
)
def test_a_mask_that_touches_the_regions_border_is_not_all_inside(
    mask: np.ndarray, region: CellRegion, expected: bool
) -> None:
    assert holds_target(mask, region) is expected


@pytest.mark.parametrize("model", [replace(SAMN_LITE.model, decoder_channels=16), NARROW], ids=["lite", "r50"])
@pytest.mark.parametrize(
    "region", [CellRegion(3, 4, 6, 6), CellRegion(0, 0, 2, 3), CellRegion(5, 7, 10, 10), CellRegion(0, 0, 10, 10)]
)
def test_a_region_is_decoded_to_the_numbers_of_the_whole_patch(model: ModelConfig, region: CellRegion) -> None:
    torch.manual_seed(1)
    engine = Engine(Network(model), "cpu", RuntimeConfig(precision="float32"))
    rng = np.random.default_rng(2)
    encoded = engine.encode(rng.integers(0, 256, (1, 160, 160, 3), dtype=np.uint8))
    retrieved = torch.randn(1, model.value_channels, 10, 10)
    whole = engine.segment(retrieved, encoded)[0]
    part = engine.segment(retrieved, encoded, region=region)[0]
    rows, columns = region.slices(16)
    assert np.ptp(whole[rows, columns]) > 1e-3
    np.testing.assert_allclose(part[rows, columns], whole[rows, columns], atol=1e-6)
    part[rows, columns] = 0
    assert not part.any()


@pytest.mark.parametrize("model", [replace(SAMN_LITE.model, decoder_channels=16), NARROW], ids=["lite", "r50"])
def test_what_lies_beyond_the_decoders_reach_need_not_be_read(model: ModelConfig) -> None:
    torch.manual_seed(1)
    engine = Engine(Network(model), "cpu", RuntimeConfig(precision="float32"))
    encoded = engine.encode(np.random.default_rng(2).integers(0, 256, (1, 288, 288, 3), dtype=np.uint8))
    retrieved, region = torch.randn(1, model.value_channels, 18, 18), CellRegion(1, 8, 3, 10)
    rows, columns = region.slices(16)
    whole = engine.segment(retrieved, encoded)[0][rows, columns]
    differences = []
    for halo in (REACH_CELLS, REACH_CELLS - 2):  # one cell less hardly shows: it is the query value's own border
        seen = region.grown(halo, (18, 18))
        part = engine.segment(seen.cut(retrieved, 1), encoded, None, region, seen)[0][rows, columns]
        differences.append(np.abs(part - whole).max())
    assert differences[0] < 1e-6 < differences[1]


def test_a_target_that_outgrows_the_region_is_decoded_in_the_whole_patch() -> None:
    """Random weights see a target everywhere, so every region cuts it, and both settings answer the same."""
    config = replace(SAMN_LITE.with_patch_size(96), runtime=RuntimeConfig(precision="float32"))
    torch.manual_seed(5)
    engine = Engine(Network(config.model), "cpu", config.runtime)
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    answers = []
    for margin in (0.0, 0.1):
        tracker = Tracker(engine, replace(config, segmentation=replace(config.segmentation, decode_margin=margin)))
        tracker.keep_observation = True
        tracker.initialize(image, np.array([40, 30, 24, 24]))
        tracker.track(image)
        assert tracker.observation is not None
        answers.append(tracker.observation.probability)
    assert (answers[0] > 0).mean() > 0.99
    np.testing.assert_array_equal(*answers)
