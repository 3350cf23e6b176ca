"""Spatial memory network: a correlation filter, learnt on line, that says where the target is and how sure that is.

Section 3.3 of the paper; the filter and its training are those of ATOM (Danelljan et al., CVPR 2019).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from samn_tracker.errors import TrackerStateError, WeightsError
from samn_tracker.memory.config import STRIDE, SpatialConfig
from samn_tracker.memory.shared_features import SharedFeatures
from samn_tracker.memory.spatial_peaks import find_peak
from samn_tracker.memory.spatial_samples import SampleMemory, normalised, principal_components, strongest_directions
from samn_tracker.memory.spatial_solver import FilterProblem, JointProblem, ScoreGrid, gauss_newton, gaussian_labels
from samn_tracker.model.transfer import to_device

FILTER_SIZE = 4
"""Side of the filter, in cells of 16 patch pixels."""
LABEL_SIGMA, LEAST_SIGMA = 0.25, 0.5
"""Standard deviation of the Gaussian label, in target sizes, and its least, in cells: a narrower label could fall
between the scores and ask for nothing."""
LABEL_PEAK, TRUSTED_PEAKS = 1.0, 25
"""The score that the labels ask for, the first entry of the trusted peaks; how many of the latest are averaged."""
FILTER_PENALTY, PROJECTION_PENALTY = 0.1, 1e-4
"""Weights of the squared norms."""
ACTIVATION_LEAK = 0.05
"""L of the activation for negative scores x, L (exp(x / L) - 1)."""
FIRST_NEWTON_STEPS, FIRST_CG_ITERATIONS, UPDATE_CG_ITERATIONS = 6, 10, 5
"""Gauss-Newton steps on the first frame, for filter and projection together; iterations of each; those of an update."""
LEARNING_RATE, HARD_NEGATIVE_RATE = 0.0075, 0.02
"""Weight of a new sample; of one in whose frame something else scores almost as high."""


@dataclass(frozen=True, eq=False)
class Localisation:
    """Where the target is in a patch.

    Attributes:
        centre_crop: (2,) float64 x, y in patch pixels; the patch centre where no score is positive.
        peak: highest score of the target's peak, times the window; the label's is 1.
        uncertainty: mean of the trusted peaks / this peak; 0 in the warm-up, infinite where no score is positive.
        hard_negative: something else in the patch scores almost as high.
        scores: (16 h, 16 w) float32, the score at the centre of each patch pixel, times a Hann window if asked for.
        sample: (1, C, h*w) float32, the patch's features with a mean square of 1, for `SpatialMemory.memorise`.
    """

    centre_crop: NDArray[np.float64]
    peak: float
    uncertainty: float
    hard_negative: bool
    scores: NDArray[np.float32]
    sample: Tensor = field(repr=False)


@dataclass
class _State:
    """All that changes, replaced as a whole by every start. `kernel` is what filter and projection stand for."""

    shape: tuple[int, int, int]
    grid: ScoreGrid
    projection: Tensor
    correlation_filter: Tensor
    kernel: Tensor
    samples: SampleMemory
    peaks: deque[float]
    frames: int
    last_update: int
    newest: int | None = None


class SpatialMemory:
    """The spatial memory of one target.

    Features are stride-16 maps (n, C, h, w) of square or oblong patches, of any float type, on any device; each sample
    is scaled to a mean square of 1 (ATOM's normalisation of power 2). Everything is computed in float32, on the
    features' device, without autograd; the same input gives the same output.
    """

    def __init__(self, config: SpatialConfig) -> None:
        self._config = config
        self._state: _State | None = None

    @property
    def started(self) -> bool:
        """Whether `start` has been called."""
        return self._state is not None

    @torch.inference_mode()
    def start(self, features: SharedFeatures, centres_crop: ArrayLike, target_size_crop: ArrayLike) -> None:
        """Learn filter and projection from the first frame; everything earlier is forgotten.

        Args:
            features: of the first frame's n samples (`augmentation.first_frame_samples`), maps of h by w cells.
            centres_crop: (n, 2) target centre x, y in each sample, in patch pixels.
            target_size_crop: (2,) w, h in patch pixels.

        Raises:
            WeightsError: the features are not finite.
            ConfigError: the sample memory is too small.
        """
        require_finite(features.cells)
        config = self._config
        count, height, width = features.index.shape
        grid = ScoreGrid(height, width, FILTER_SIZE, closed=config.peak == "plain")
        cells, sharing = features.normalised()
        labels = self._labels(grid, centres_crop, target_size_crop, cells)
        weights = cells.new_full((count,), 1 / count)
        directions = strongest_directions(cells, sharing, config.first_subspace * config.projection_channels)
        inside = cells if directions is None else directions @ cells
        projection = principal_components(sharing.covariance(inside), config.projection_channels)
        empty_filter = cells.new_zeros(len(projection), FILTER_SIZE**2)
        penalties = (FILTER_PENALTY, PROJECTION_PENALTY)
        problem = JointProblem(inside[None], labels, weights, grid, ACTIVATION_LEAK, penalties, sharing)
        correlation_filter, projection = gauss_newton(
            problem,
            (empty_filter, projection),
            FIRST_NEWTON_STEPS,
            FIRST_CG_ITERATIONS,
            config.learning == "own",
        )
        projected = sharing.spread((projection @ inside)[None]) * sharing.factors
        if directions is not None:
            projection = projection @ directions
        self._state = _State(
            shape=(len(cells), height, width),
            grid=grid,
            projection=projection,
            correlation_filter=correlation_filter,
            kernel=correlation_filter.T @ projection,
            samples=SampleMemory(projected, labels, config.capacity, config.initial_samples_share),
            peaks=deque([LABEL_PEAK], maxlen=TRUSTED_PEAKS),
            frames=1,
            last_update=1,
        )

    @torch.inference_mode()
    def localise(self, features: Tensor, target_size_crop: ArrayLike, *, lost: bool = False) -> Localisation:
        """Find the target in the (1, C, h, w) features of a patch; changes nothing, so any number can be asked for.

        With `lost` nothing is known of its place: no window favours the patch's middle.

        Raises:
            TrackerStateError: before `start`, or features of another shape.
        """
        state = self._started()
        _check_shape(state, features)
        sample = normalised(features)
        scores = state.grid.fold(torch.matmul(state.kernel, sample))[0]
        size = np.asarray(target_size_crop, dtype=np.float64)
        peak = find_peak(scores.cpu().numpy(), state.grid, size, self._config, windowed=not lost)
        if not peak.height > 0:
            uncertainty = float("inf")
        elif state.frames < self._config.warmup_frames:
            uncertainty = 0.0
        else:
            uncertainty = float(np.mean(state.peaks)) / peak.height
        return Localisation(peak.centre_crop, peak.height, uncertainty, peak.hard_negative, peak.scores, sample)

    def count_frame(self) -> None:
        """One frame more has been searched; this decides when the warm-up ends and when an update is due.

        Raises:
            TrackerStateError: before `start`.
        """
        self._started().frames += 1

    @torch.inference_mode()
    def memorise(
        self, localisation: Localisation, target_size_crop: ArrayLike, *, centre_crop: ArrayLike | None = None
    ) -> None:
        """Learn from a frame that is trusted.

        Its peak joins the trusted peaks, its features the samples. The filter is updated where the last update is
        `update_interval` frames ago, and at once where the frame has a hard negative.

        Args:
            localisation: what `localise` answered for its features.
            target_size_crop: (2,) w, h in patch pixels.
            centre_crop: (2,) x, y of the target where it is known better than from the localisation.

        Raises:
            TrackerStateError: before `start`.
        """
        config, state = self._config, self._started()
        centre = localisation.centre_crop if centre_crop is None else centre_crop
        sample = state.projection @ localisation.sample
        label = self._labels(state.grid, np.reshape(centre, (1, 2)), target_size_crop, sample)
        hard = localisation.hard_negative
        state.peaks.append(localisation.peak)
        rate = HARD_NEGATIVE_RATE if hard else LEARNING_RATE
        state.newest = state.samples.add(sample[0], label[0], rate, state.newest)
        if config.learning == "own":
            state.newest = None
        if hard or state.frames - state.last_update >= config.update_interval:
            self._update(state)

    def _update(self, state: _State) -> None:
        config, memory = self._config, state.samples
        penalties = (FILTER_PENALTY,)
        problem = FilterProblem(
            memory.samples, memory.labels, memory.weights_tensor(), state.grid, ACTIVATION_LEAK, penalties
        )
        (state.correlation_filter,) = gauss_newton(
            problem, (state.correlation_filter,), 1, UPDATE_CG_ITERATIONS, config.learning == "own"
        )
        state.kernel = state.correlation_filter.T @ state.projection
        since = 0 if config.learning == "own" else (state.frames - 1) % config.update_interval
        state.last_update = state.frames - since

    def _labels(self, grid: ScoreGrid, centres_crop: ArrayLike, size_crop: ArrayLike, like: Tensor) -> Tensor:
        """Labels (n, H, W) beside `like`; sigma is a fraction of the target's mean side."""
        side_cells = float(np.sqrt(np.prod(np.asarray(size_crop, dtype=np.float64)))) / STRIDE
        sigma = max(side_cells * LABEL_SIGMA, LEAST_SIGMA)
        centres_cells = np.asarray(centres_crop, dtype=np.float64) / STRIDE
        return gaussian_labels(grid, to_device(centres_cells, like.device).to(like.dtype), sigma)

    def _started(self) -> _State:
        if self._state is None:
            raise TrackerStateError("the spatial memory has no target yet; call start first")
        return self._state


def require_finite(features: Tensor) -> None:
    """Refuse features that nothing can be learnt from.

    Raises:
        WeightsError: one is infinite or not a number.
    """
    if not torch.isfinite(features.sum(dtype=torch.float32)):  # one pass, and no array of answers
        raise WeightsError(
            "the network's features are not finite; use other weights, or set runtime.precision to float32"
        )


def _check_shape(state: _State, features: Tensor) -> None:
    if features.shape != (1, *state.shape):
        raise TrackerStateError(
            f"the spatial memory was started with features of shape {state.shape} and was given "
            f"{tuple(features.shape)}; pass one patch of the same size, (1, *{state.shape})"
        )
