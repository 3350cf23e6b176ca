"""Frozen configuration of the tracker: every constant of the method in one place.

Section numbers refer to the paper (Xie et al., ICCV Workshops 2021). Every field is read once and never written;
what changes between frames lives in `samn_tracker.core.state.TrackState`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from samn_tracker.errors import ConfigError
from samn_tracker.memory.config import STRIDE, AppearanceConfig, DynamicConfig, SpatialConfig
from samn_tracker.model.config import ModelConfig
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.settings import bounded, merge, merge_noting, read_toml


@dataclass(frozen=True)
class StartConfig:
    """What depends on the way in which the target was given: as a mask, or as a box or polygon.

    Attributes:
        patch_size: pixels of the side of the patch that is segmented.
        threshold: probability above which a pixel is target.
        size_frames: the size for the next search is the median of so many of the latest masks' boxes; with 1, and in
            the released loop, it is the latest one, but only a step nearer.
        scale_step: largest relative change of the size in a frame, where `size_frames` is 1.
        thin_background: of what lies away from the target in a memorised frame one of four cells is read, for all four
            (`samn_tracker.memory.thinning`); False reads them all, as in the paper.
    """

    patch_size: int = bounded(384, 32, 4096, STRIDE)
    threshold: float = 0.5
    size_frames: int = bounded(1, 1, 999)
    scale_step: float = 0.05
    thin_background: bool = False


@dataclass(frozen=True)
class SegmentationConfig:
    """Crop, thresholds and the way from mask to box (docs/method.md, section 6).

    Attributes:
        loop: the rules by which a frame is decided upon: this project's "own", or the "released" ones of the authors'
            code (`samn_tracker.core.released`), which do without `box_habit_limit`, `follow` and what is said of parts.
        cut: patches are "smooth", averaged where they shrink, with repeated border pixels; or "whole", a whole corner
            and side, resized at once, black outside the image, as released.
        multi_patch_size: of the patch that shows several objects.
        search_factor: side of the patch, in target sizes.
        minimum_pixels: a mask of fewer patch pixels does not count as a target.
        area_jump: factor of the usual pixel count beyond which the size is not changed.
        box_start_margin: how far the first mask may leave a given box, as a share of its smaller side.
        box_start_margin_pixels: the same in patch pixels; the larger of the two counts.
        box_start_minimum_fill: where the first mask has less than this share of the given box, the filled box is used.
        recrop_distance: with a shared localisation pass, the patch is cut and encoded again around the located centre
            if that lies further than this many target sizes from the patch's middle.
        follow: what the next search is centred on and the spatial memory learns as the target's centre: that of the
            "mask"'s box, or the spatial memory's own "peak".
        follow_limit: in target sizes; where the peak lies further from the middle of the mask's box, and the mask is as
            large as usual, the mask is followed all the same: a filter that has slipped believes in itself. None:
            never.
        box_habit_limit: after a start from a box, answered boxes keep the given box's size and place relative to the
            first mask's tight box, and after one from a polygon, answered rotated boxes the given polygon's size
            relative to the first mask's, where the two differ by no more than this factor; 1 answers tight boxes.
        decode_margin: only where the target is expected is decoded: as far as the last mask and a target of the present
            size around the located centre reach, and this many target sizes further. The whole patch is where the mask
            reaches the border of that region or nothing is found in it. 0 always decodes the whole patch.
        decode_halo: how many stride-16 cells around that region the memory is read for and the decoder sees; from 7 on
            the numbers are those of the whole patch.
    """

    loop: Literal["own", "released"] = "own"
    cut: Literal["smooth", "whole"] = "smooth"
    multi_patch_size: int = bounded(480, 32, 4096, STRIDE)
    search_factor: float = 3.5
    minimum_pixels: int = 50
    area_jump: float = 2.0
    box_start_margin: float = 0.05
    box_start_margin_pixels: float = 5.0
    box_start_minimum_fill: float = 0.2
    recrop_distance: float = 0.75
    follow: Literal["mask", "peak"] = "peak"
    follow_limit: float | None = 0.4
    box_habit_limit: float = 1.4
    decode_margin: float = 0.25
    decode_halo: int = 2


@dataclass(frozen=True)
class FirstLookConfig:
    """What the first frame alone says of an answer: the contrast between the masked place and the rest of the patch
    by a pixel model of that frame (`PixelModel.contrast`), which no later mistake can spoil.

    Attributes:
        enabled: False does not ask; the confidence is then the mask's mean probability, less where the spatial memory
            is unsure.
    """

    enabled: bool = True


@dataclass(frozen=True)
class RecoveryConfig:
    """Finding a lost target again.

    A target is lost once `after_frames` frames in a row had no answer. From then on, unless the spatial memory is sure
    of the last place, it looks at more places each frame, in growing rings around that.

    Attributes:
        enabled: False looks at the last place only, as the paper does; True is ours.
        places: how many are looked at in a frame.
        accept_uncertainty: below it the spatial memory accepts a place.
    """

    enabled: bool = True
    after_frames: int = 3
    places: int = 3
    accept_uncertainty: float = 2.0


@dataclass(frozen=True)
class TrackerConfig:
    """Everything that decides what the tracker answers, for a given weights file.

    `mask_start` holds after a start from a mask, `box_start` after one from a box or polygon.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    spatial: SpatialConfig = field(default_factory=SpatialConfig)
    appearance: AppearanceConfig = field(default_factory=AppearanceConfig)
    dynamic: DynamicConfig = field(default_factory=DynamicConfig)
    mask_start: StartConfig = field(
        default_factory=lambda: StartConfig(threshold=0.2, scale_step=0.1, thin_background=True)
    )
    box_start: StartConfig = field(default_factory=lambda: StartConfig(size_frames=11))
    segmentation: SegmentationConfig = field(default_factory=SegmentationConfig)
    first_look: FirstLookConfig = field(default_factory=FirstLookConfig)
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

    def with_patch_size(self, size: int) -> TrackerConfig:
        """A copy that segments patches of `size` pixels a side, however the target is given."""
        mask_start, box_start = (replace(start, patch_size=size) for start in (self.mask_start, self.box_start))
        return replace(self, mask_start=mask_start, box_start=box_start)


def load_toml(path: str | Path, default: TrackerConfig | None = None) -> TrackerConfig:
    """The configuration in a TOML file, over `default`.

    Raises:
        ConfigError: the file is missing, is not TOML, or has unknown keys.
    """
    return merge(default or TrackerConfig(), read_toml(path))


def preset_names() -> list[str]:
    """The presets that ship: a TOML file each."""
    return sorted(path.stem for path in _PRESETS.glob("*.toml"))


def preset_settings(name: str) -> dict[str, Any]:
    """What a preset says by section: what it does not name is the method's default.

    Raises:
        ConfigError: no such preset, with those that there are.
    """
    if name not in preset_names():
        raise ConfigError(f"no preset is called {name!r}; give one of {', '.join(preset_names())}")
    return read_toml(_PRESETS / f"{name}.toml")


def tracking_settings(name: str) -> dict[str, Any]:
    """What a preset says of tracking, without the network's own section: what a weights file of it carries."""
    return {section: values for section, values in preset_settings(name).items() if section != "model"}


CONVERTED_PRESET = "paper"
"""By which published weights are tracked once they are converted."""
_PRESETS = Path(__file__).with_name("presets")
VARIANTS: dict[str, TrackerConfig] = {name: merge(TrackerConfig(), preset_settings(name)) for name in preset_names()}
SAMN_R50, SAMN_LITE = VARIANTS["samn-r50"], VARIANTS["samn-lite"]
