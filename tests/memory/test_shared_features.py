"""Features whose cells are held once, against the same features written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from samn_tracker.memory.shared_features import SharedFeatures, Sharing
from samn_tracker.memory.spatial_samples import covariance, normalised
from samn_tracker.memory.spatial_solver import JointProblem, ScoreGrid, gauss_newton, gaussian_labels


def arrangement(wide: Tensor, middles: Tensor) -> Tensor:
    """Two cuts of 4 x 4 cells, and the first one around each of the middles."""
    cuts = torch.stack([wide[0, :, 1:5, 1:5], wide[0, :, 0:4, 2:6]])
    around = cuts[:1].repeat(len(middles), 1, 1, 1)
    around[..., 1:3, 1:3] = middles
    return torch.cat([cuts, around])


@pytest.fixture
def maps() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(2)
    wide = torch.randn(1, 5, 6, 6, generator=random, dtype=torch.float64)
    return wide, torch.randn(3, 5, 2, 2, generator=random, dtype=torch.float64)


@pytest.fixture
def shared(maps: tuple[Tensor, Tensor]) -> SharedFeatures:
    return SharedFeatures.arranged(maps, arrangement)


def test_each_cell_is_held_once_and_laid_out_where_the_arrangement_shows_it(
    shared: SharedFeatures, maps: tuple[Tensor, Tensor]
) -> None:
    assert shared.cells.shape == (5, 36 + 3 * 4)
    assert torch.equal(shared.dense(), arrangement(*maps))


def test_features_that_share_nothing_stay_as_they_are() -> None:
    features = torch.randn(3, 2, 4, 5)
    assert torch.equal(SharedFeatures.of(features).dense(), features)


def test_by_hand() -> None:
    sharing = Sharing(torch.tensor([[0, 1], [1, 1]]), torch.tensor([2.0, 3.0])[:, None, None], 3)
    cells = torch.tensor([[10.0, 1.0, 7.0]])  # the last one is shown nowhere
    assert sharing.spread(cells[None]).tolist() == [[[10, 1]], [[1, 1]]]
    assert sharing.gathered(torch.tensor([[[1.0, 2.0]], [[4.0, 8.0]]])).tolist() == [[[1, 14, 0]]]
    assert sharing.second_moment(cells).item() == 20**2 + 2**2 + 3**2 + 3**2
    assert sharing.covariance(cells).item() == 13**2 + 5**2 + 4**2 + 4**2  # around the mean of 20, 2, 3, 3, which is 7
    assert sharing.evenly(cells, 2).tolist() == [[20, 3]]


def test_gathering_is_the_transpose_of_spreading(shared: SharedFeatures) -> None:
    _, sharing = shared.normalised()
    cells, places = torch.randn(1, 4, sharing.count), torch.randn(5, 4, 16)
    torch.testing.assert_close((sharing.spread(cells) * places).sum(), (cells * sharing.gathered(places)).sum())


def test_samples_have_a_mean_square_of_1_and_the_moments_of_what_is_written_out(shared: SharedFeatures) -> None:
    cells, sharing = shared.normalised()
    written = normalised(shared.dense())
    torch.testing.assert_close(sharing.spread(cells[None]) * sharing.factors, written)
    columns = written.transpose(0, 1).flatten(1)
    torch.testing.assert_close(sharing.second_moment(cells), columns @ columns.T)
    torch.testing.assert_close(sharing.covariance(cells), covariance(written))
    torch.testing.assert_close(sharing.evenly(cells, 3), columns[:, [0, 39, 79]])


def test_constant_zero_stays_zero() -> None:
    cells, sharing = SharedFeatures.of(torch.zeros(2, 3, 2, 2)).normalised()
    assert torch.equal(sharing.spread(cells[None]) * sharing.factors, torch.zeros(2, 3, 4))


def test_the_solver_finds_the_same_in_shared_cells_as_in_samples_written_out(shared: SharedFeatures) -> None:
    cells, sharing = shared.normalised()
    cells, sharing = cells.double(), Sharing(sharing.index, sharing.factors.double(), sharing.count)
    grid = ScoreGrid(4, 4, 2)
    labels = gaussian_labels(grid, torch.full((5, 2), 2.0), 1.0).double()
    weights = torch.full((5,), 0.2, dtype=torch.float64)
    start = torch.zeros(3, 4, dtype=torch.float64), torch.eye(3, 5, dtype=torch.float64)
    written = sharing.spread(cells[None]) * sharing.factors
    found = [
        gauss_newton(JointProblem(samples, labels, weights, grid, 0.05, (0.1, 1e-4), how), start, 3, 4)
        for samples, how in ((cells[None], sharing), (written, None))
    ]
    for ours, expected in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected)
