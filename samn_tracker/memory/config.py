"""Frozen configuration of the memories; section numbers refer to the paper (Xie et al., ICCV Workshops 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from samn_tracker.settings import bounded

STRIDE = 16
"""Patch pixels per feature cell; a patch is a whole number of cells wide."""


@dataclass(frozen=True)
class SpatialConfig:
    """Spatial memory network: an online discriminative correlation filter (section 3.3).

    Lengths in target sizes are multiples of the target's mean side, sqrt(width x height).

    Attributes:
        enabled: without it, the appearance memory alone decides, around the last position.
        localisation_pass: "shared" uses the segmentation patch's features; "own" crops and encodes a patch of its own,
            as published, which costs one encoder pass more a frame.
        cut: the own patch is "smooth", averaged where it shrinks, or "thinned" to every n-th pixel, as released.
        patch_size: pixels of the side of the own patch.
        search_factor: side of the own patch, in target sizes.
        projection_channels: to which the features are reduced before the filter.
        first_subspace: the first optimisation looks for the projection among this many times `projection_channels`
            directions, those in which the samples are strongest: about 4 times faster, with peaks within a patch pixel;
            0 looks among all.
        cut_shifts: the shifted samples of the first frame are cut out of the features of one larger patch,
            instead of being encoded one by one.
        varied_middle: of the mirrored, blurred and turned samples of the first frame only the middle is encoded, this
            share of the patch's side; around it they have the features of the unmoved patch. 1 encodes them whole.
        peak: "plain" reads the peak's place from the scores without window, between pixels and on a symmetric grid;
            "windowed" from the windowed scores at whole pixels, on a periodic grid, as released: pulled to the middle.
        learning: "own" keeps the residuals of the conjugate gradients orthogonal, counts `update_interval` from the
            last update, and gives a hard negative its own weight; "released" does none of the three, as ATOM's code.
        update_interval: frames between updates; a hard negative causes one at once.
        capacity: samples held; the one of least weight is replaced.
        initial_samples_share: least part of the weight that the first frame's samples keep together; 0, as released,
            lets them fade out.
        warmup_frames: frames, the first included, in which the uncertainty is taken as 0.
        move_uncertainty: below it the position moves to the peak, and both memories may learn.
        scale_uncertainty: below it the target's size may change.
        output_uncertainty: from it on the target counts as lost.
    """

    enabled: bool = True
    localisation_pass: Literal["own", "shared"] = "shared"
    cut: Literal["smooth", "thinned"] = "smooth"
    patch_size: int = bounded(256, 32, 4096, STRIDE)
    search_factor: float = 4.5
    projection_channels: int = 64
    first_subspace: int = 2
    cut_shifts: bool = True
    varied_middle: float = 0.5
    peak: Literal["plain", "windowed"] = "plain"
    learning: Literal["own", "released"] = "own"
    update_interval: int = 10
    capacity: int = bounded(250, 1, 100_000)
    initial_samples_share: float = 0.25
    warmup_frames: int = 5
    move_uncertainty: float = 3.0
    scale_uncertainty: float = 3.5
    output_uncertainty: float = 10.0


@dataclass(frozen=True)
class AppearanceConfig:
    """Appearance memory bank (sections 3.2 and 4.3).

    Attributes:
        capacity: most frames held, the first and the last one counted; constant cost on a video of any length. None
            holds all, as released: time and memory for a frame grow with the video.
        interval: every how many frames one is stored for good; 0 keeps the first frame only.
        last_frame: the previous frame is always available as a temporary memory, as in the paper; False reads only what
            is stored, so a frame that is not due costs no pass of the memory encoder.
        sample_filtering: a frame is memorised only when the spatial memory trusts it.
        keep_first: False drops the first frame when the second one is memorised, as released.
    """

    capacity: int | None = bounded(16, 1, 100_000)
    interval: int = 5
    last_frame: bool = False
    sample_filtering: bool = True
    keep_first: bool = True


@dataclass(frozen=True)
class DynamicConfig:
    """Dynamic memory machine: weights of the memory frames (section 3.5, Fig. 8).

    Attributes:
        weighting: how a frame is compared with the query: "emd" is the paper's; the others are its ablation.
        solver: of the transportation problem; "auto" is exact on a CPU and entropic (batched) on CUDA.
        grid: keys are pooled to this many cells a side.
        temperature: of the softmax over the frames' similarities; larger values even the frames out.
    """

    weighting: Literal["emd", "cosine", "linear", "none"] = "emd"
    solver: Literal["auto", "exact", "entropic"] = "auto"
    grid: int = 6
    temperature: float = 1.0
