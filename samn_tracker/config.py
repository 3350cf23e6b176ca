"""Frozen configuration of the tracker: every constant of the method in one place.

Section numbers refer to the paper (Xie et al., ICCV Workshops 2021). Every field is read once and never written;
what changes between frames lives in `samn_tracker.track_state.TrackState`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from samn_tracker.errors import ConfigError
from samn_tracker.settings import merge, merge_noting, read_toml


@dataclass(frozen=True)
class ModelConfig:
    """Widths and switches of the network; the only part that a weights file is tied to.

    Attributes:
        trunk: ResNet trunk up to stride 16.
        key_channels: of the keys, which attention compares.
        value_channels: of the values, which attention retrieves.
        decoder_channels: width of the decoder.
        memory_encoder: "image" is the paper's second trunk over image and masks; "feature" fuses the masks into the
            query trunk's features of the same patch, one trunk pass a frame instead of two (light variant).
        similarity: attention logits between query and memory keys: "dot" is eq. 4, "l2" the negative squared distance.
        positional_encoding: how the location map enters the decoder (section 4.3, Table 8).
        mask_channels: this many of the value channels are the memorised mask itself, pooled to 16 / sqrt(mask_channels)
            patch pixels; 0 (the paper) or a square number that divides a 16 x 16 cell evenly.
        batch_norm: False where BatchNorm is folded into the convolutions of the trunk.
    """

    trunk: Literal["resnet18", "resnet50"] = "resnet50"
    key_channels: int = 128
    value_channels: int = 512
    decoder_channels: int = 256
    memory_encoder: Literal["image", "feature"] = "image"
    similarity: Literal["dot", "l2"] = "dot"
    positional_encoding: Literal["sum", "cat", "none"] = "sum"
    mask_channels: int = 0
    batch_norm: bool = True


@dataclass(frozen=True)
class SpatialConfig:
    """Spatial memory network: an online discriminative correlation filter (section 3.3).

    Lengths in target sizes are multiples of the target's mean side, sqrt(width x height).

    Attributes:
        enabled: without it, the appearance memory alone decides, around the last position.
        localisation_pass: "shared" uses the segmentation patch's features; "own" crops and encodes a patch of its own,
            as published, which costs one encoder pass more a frame.
        patch_size: pixels of the side of the own patch.
        search_factor: side of the own patch, in target sizes.
        projection_channels: to which the features are reduced before the filter.
        filter_size: side of the filter, in cells of 16 patch pixels.
        label_sigma_factor: standard deviation of the Gaussian label, in target sizes.
        filter_regularisation: weight of the filter's squared norm.
        projection_regularisation: weight of the projection's squared norm, in the first optimisation.
        activation_leak: L of the activation for negative scores x, L (exp(x / L) - 1).
        first_newton_steps: Gauss-Newton steps on the first frame, for filter and projection together.
        first_cg_iterations: conjugate-gradient iterations of each of them.
        first_subspace: the first optimisation looks for the projection among this many times `projection_channels`
            directions, those in which the samples are strongest: about 4 times faster, with peaks within a patch pixel;
            0 looks among all.
        cut_shifts: the shifted samples of the first frame are cut out of the features of one larger patch,
            instead of being encoded one by one.
        varied_middle: of the mirrored, blurred and turned samples of the first frame only the middle is encoded, this
            share of the patch's side; around it they have the features of the unmoved patch. 1 encodes them whole.
        update_cg_iterations: of an update, which changes the filter only.
        update_interval: frames between updates; a hard negative causes one at once.
        capacity: samples held; the one of least weight is replaced.
        initial_samples_share: least part of the weight that the first frame's samples keep together; 0, as released,
            lets them fade out.
        learning_rate: weight of a new sample.
        hard_negative_learning_rate: the same, where the frame has a hard negative.
        hard_negative_threshold: height of a second peak, relative to the first, from which it is a hard negative.
        distractor_threshold: relative height of a second peak from which `displacement_scale` decides between the two;
            100, as released, means never.
        neighbourhood_scale: a second peak lies outside a box of this many target sizes around the first.
        displacement_scale: share of half the patch beyond which a peak counts as far from the middle.
        trusted_peaks: how many of the latest trusted peaks are averaged for the uncertainty.
        warmup_frames: frames, the first included, in which the uncertainty is taken as 0.
        move_uncertainty: below it the position moves to the peak, and both memories may learn.
        scale_uncertainty: below it the target's size may change.
        output_uncertainty: from it on the target counts as lost.
    """

    enabled: bool = True
    localisation_pass: Literal["own", "shared"] = "shared"
    patch_size: int = 256
    search_factor: float = 4.5
    projection_channels: int = 64
    filter_size: int = 4
    label_sigma_factor: float = 0.25
    filter_regularisation: float = 0.1
    projection_regularisation: float = 1e-4
    activation_leak: float = 0.05
    first_newton_steps: int = 6
    first_cg_iterations: int = 10
    first_subspace: int = 2
    cut_shifts: bool = True
    varied_middle: float = 0.5
    update_cg_iterations: int = 5
    update_interval: int = 10
    capacity: int = 250
    initial_samples_share: float = 0.25
    learning_rate: float = 0.0075
    hard_negative_learning_rate: float = 0.02
    hard_negative_threshold: float = 0.3
    distractor_threshold: float = 100.0
    neighbourhood_scale: float = 2.2
    displacement_scale: float = 0.7
    trusted_peaks: int = 25
    warmup_frames: int = 5
    move_uncertainty: float = 3.0
    scale_uncertainty: float = 3.5
    output_uncertainty: float = 10.0


@dataclass(frozen=True)
class AppearanceConfig:
    """Appearance memory bank (sections 3.2 and 4.3).

    Attributes:
        capacity: most frames held, the first and the last one counted; constant cost on a video of any length.
        interval: every how many frames one is stored for good; 0 keeps the first frame only.
        last_frame: the previous frame is always available as a temporary memory.
        sample_filtering: a frame is memorised only when the spatial memory trusts it.
    """

    capacity: int = 16
    interval: int = 5
    last_frame: bool = True
    sample_filtering: bool = True


@dataclass(frozen=True)
class DynamicConfig:
    """Dynamic memory machine: weights of the memory frames (section 3.5, Fig. 8).

    Attributes:
        weighting: how a frame is compared with the query: "emd" is the paper's; the others are its ablation.
        solver: of the transportation problem; "auto" is exact on a CPU and entropic (batched) on CUDA.
        grid: keys are pooled to this many cells a side.
        temperature: of the softmax over the frames' similarities; larger values even the frames out.
        entropic_epsilon: weight of the entropy, in units of cost.
        entropic_iterations: scalings of rows and columns.
    """

    weighting: Literal["emd", "cosine", "linear", "none"] = "emd"
    solver: Literal["auto", "exact", "entropic"] = "auto"
    grid: int = 6
    temperature: float = 1.0
    entropic_epsilon: float = 0.02
    entropic_iterations: int = 50


@dataclass(frozen=True)
class SegmentationConfig:
    """Crop, thresholds and the way from mask to box (docs/method.md, section 6).

    Attributes:
        patch_size_box_start: pixels of the side of the patch that is segmented, after a start from a box or polygon.
        patch_size_mask_start: the same after a start from a mask, where the outline counts.
        multi_patch_size: of the patch that shows several objects.
        search_factor: side of the patch, in target sizes.
        threshold_box_start: probability above which a pixel is target, after a start from a box or polygon.
        threshold_mask_start: the same after a start from a mask.
        minimum_pixels: connected patch pixels below which nothing counts as a target.
        box_outside_weight: cost of a pixel of the rotated box that is not of the mask.
        box_mask_kept: least share of the mask that the rotated box holds.
        box_area_range: area of the rotated box relative to the rectangle of least area; one outside is rejected.
        scale_step_box_start: largest relative change of the size in a frame, after a start from a box or polygon.
        scale_step_mask_start: the same after a start from a mask.
        area_window: how many of the latest masks make the usual pixel count.
        area_jump: factor of the usual pixel count beyond which the size is not changed.
        scale_jump: relative change of the size beyond which it is not changed.
        box_start_margin: how far the first mask may leave a given box, as a share of its smaller side.
        box_start_margin_pixels: the same in patch pixels; the larger of the two counts.
        box_start_minimum_fill: where the first mask has less than this share of the given box, the filled box is used.
        recrop_distance: with a shared localisation pass, the patch is cut and encoded again around the located centre
            if that lies further than this many target sizes from the patch's middle.
        follow: what the next search is centred on and the spatial memory learns as the target's centre: that of the
            "mask"'s box, or the spatial memory's own "peak".
        follow_limit: in target sizes; where the peak lies further from the middle of the mask's box, and the mask is as
            large as usual, the mask is followed all the same: a filter that has slipped believes in itself. A large
            number, such as 1000, never does, as released.
        box_habit_limit: after a start from a box, answered boxes keep the given box's size and place relative to the
            first mask's tight box, and after one from a polygon, answered rotated boxes the given polygon's size
            relative to the first mask's, where the two differ by no more than this factor; 1 answers tight boxes.
        part_reach: unconnected parts of the mask whose middle lies further than this many target sizes from the located
            centre are left out.
        part_share: boxes are drawn around the parts that have at least this share of the main part's pixels; an
            occluder cuts a target in two, while specks should not widen a box. 1 is the released choice: one part.
        decode_margin: only where the target is expected is decoded: as far as the last mask and a target of the present
            size around the located centre reach, and this many target sizes further. The whole patch is where the mask
            reaches the border of that region or nothing is found in it. 0 always decodes the whole patch.
        decode_halo: how many stride-16 cells around that region the memory is read for and the decoder sees; from 6 on
            the numbers are those of the whole patch.
    """

    patch_size_box_start: int = 384
    patch_size_mask_start: int = 384
    multi_patch_size: int = 480
    search_factor: float = 4.0
    threshold_box_start: float = 0.5
    threshold_mask_start: float = 0.2
    minimum_pixels: int = 50
    box_outside_weight: float = 0.25
    box_mask_kept: float = 0.9
    box_area_range: tuple[float, float] = (0.1, 2.5)
    scale_step_box_start: float = 0.05
    scale_step_mask_start: float = 0.1
    area_window: int = 25
    area_jump: float = 2.0
    scale_jump: float = 0.75
    box_start_margin: float = 0.05
    box_start_margin_pixels: float = 5.0
    box_start_minimum_fill: float = 0.2
    recrop_distance: float = 0.75
    follow: Literal["mask", "peak"] = "peak"
    follow_limit: float = 0.4
    box_habit_limit: float = 1.4
    part_reach: float = 1.0
    part_share: float = 0.1
    decode_margin: float = 0.25
    decode_halo: int = 2


@dataclass(frozen=True)
class RecoveryConfig:
    """Finding a lost target again.

    A target is lost once `after_frames` frames in a row had no answer. From then on, unless the spatial memory is sure
    of the last place, it looks at more places each frame, in growing rings around that.

    Attributes:
        enabled: False looks at the last place only, as the paper does; True is ours.
        rings, step: how far the rings reach, and how far apart their places are, in search windows.
        places: how many are looked at in a frame.
        lead_uncertainty: below this the surest place is looked at again, with the window around its peak.
        accept_uncertainty, accept_confidence: the spatial memory's and the mask's part in accepting a place.
        accept_area: the mask there has at most this many times the usual pixels, and at least that part of them.
    """

    enabled: bool = True
    after_frames: int = 3
    rings: int = 3
    step: float = 0.75
    places: int = 3
    lead_uncertainty: float = 5.0
    accept_uncertainty: float = 2.0
    accept_confidence: float = 0.4
    accept_area: float = 5.0


@dataclass(frozen=True)
class RuntimeConfig:
    """Where and how the networks run; never changes what is computed beyond rounding.

    Attributes:
        precision: "int8" has eight bits in the convolutions and "auto"'s choice elsewhere; "auto" is the fastest of
            int8, bfloat16 and float32 that the hardware multiplies natively, int8 on CPUs only.
        threads: of the CPU; 0 leaves torch's own choice.
        side_by_side: on a CPU, a memory encoder with a trunk of its own learns a frame while the next one is searched,
            each on half of the threads.
    """

    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    threads: int = 0
    side_by_side: bool = True


@dataclass(frozen=True)
class TrackerConfig:
    """Everything that decides what the tracker answers, for a given weights file."""

    model: ModelConfig = field(default_factory=ModelConfig)
    spatial: SpatialConfig = field(default_factory=SpatialConfig)
    appearance: AppearanceConfig = field(default_factory=AppearanceConfig)
    dynamic: DynamicConfig = field(default_factory=DynamicConfig)
    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    recovery: RecoveryConfig = field(default_factory=RecoveryConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def with_overrides(self, overrides: Mapping[str, Any]) -> TrackerConfig:
        """A copy with dotted keys replaced, for instance {"appearance.interval": "10"}; text values are converted.

        Raises:
            ConfigError: a key is unknown or a value does not fit its field; every fault is listed.
        """
        nested: dict[str, Any] = {}
        faults: list[str] = []
        for dotted, value in overrides.items():
            section, _, key = dotted.partition(".")
            if key:
                nested.setdefault(section, {})[key] = value
            else:
                faults.append(f"'{dotted}' is not a setting; write section.key, for instance appearance.interval")
        result = merge_noting(self, nested, faults)
        if faults:
            raise ConfigError("; ".join(faults))
        return result


def load_toml(path: str | Path, default: TrackerConfig | None = None) -> TrackerConfig:
    """The configuration in a TOML file, over `default`.

    Raises:
        ConfigError: the file is missing, is not TOML, or has unknown keys.
    """
    return merge(default or TrackerConfig(), read_toml(path))


SAMN_R50 = TrackerConfig()
SAMN_LITE = TrackerConfig(
    model=ModelConfig(
        trunk="resnet18",
        key_channels=64,
        value_channels=128,
        decoder_channels=64,
        memory_encoder="feature",
        similarity="l2",
        mask_channels=16,
        batch_norm=False,
    ),
    spatial=SpatialConfig(projection_channels=32),
    appearance=AppearanceConfig(interval=3),
    segmentation=SegmentationConfig(
        patch_size_box_start=288,
        patch_size_mask_start=448,
        threshold_mask_start=0.4,
        scale_step_box_start=0.005,
        area_jump=3.0,
    ),
)
VARIANTS: dict[str, TrackerConfig] = {"samn-r50": SAMN_R50, "samn-lite": SAMN_LITE}
