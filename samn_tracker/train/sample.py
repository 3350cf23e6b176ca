"""What a training sample is, and its finish: colours, defects, and the start from a box."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.train.corruption import corrupt
from samn_tracker.train.objects import box_of, centre_and_size
from samn_tracker.train.photometry import degrade, draw_look


@dataclass(frozen=True)
class SamplingConfig:
    """What samples look like. Shares are probabilities; distances and steps are in units of the target's size.

    Attributes:
        seed: of all draws; with the sample's number it decides the sample.
        frames: of a sample: one given, the others predicted, each but the last memorised with its prediction.
        paste, clip, still: shares of cut-outs moving over photographs, of real clips, and of one photograph in several
            poses (stage 1 of section 4.1).
        box_start: share of samples that are started from a filled box.
        absent: share of samples whose target is not in the last frame.
        occluder: share of samples in which something passes over the target.
        same_kind: share of the distractors that are the target's double or of its kind.
        deformed: share of the pasted objects that bend from frame to frame.
        reversed: share of the clips that run backwards.
        longest_gap: most frames between two chosen frames of a clip.
        search_factor: least and largest side of a patch, in target sizes.
        jitter, far_jitter, far_share: how far the target may lie from a later patch's middle; the far jitter is used in
            a share `far_share` of the frames.
        scale_jitter: standard deviation of the logarithm of a later patch's side.
        located: share of the frames whose location map is drawn near the target rather than in the patch's middle.
        located_noise: standard deviation of that place around the target's centre.
        corrupted: share of the memory writes, the first one aside, that are a wrong mask instead of the prediction.
        previous_shown: share of the frames in which a network that takes the previous mask is shown it.
        previous_jitter: standard deviation of that mask's shift.
    """

    seed: int = 0
    frames: int = 3
    paste: float = 0.5
    clip: float = 0.27
    still: float = 0.23
    box_start: float = 0.3
    absent: float = 0.08
    occluder: float = 0.25
    same_kind: float = 0.33
    deformed: float = 0.4
    reversed: float = 0.3
    longest_gap: int = 12
    search_factor: tuple[float, float] = (2.2, 4.8)
    jitter: float = 0.4
    far_jitter: float = 1.0
    far_share: float = 0.3
    scale_jitter: float = 0.2
    located: float = 0.75
    located_noise: float = 0.2
    corrupted: float = 0.0
    previous_shown: float = 0.7
    previous_jitter: float = 0.05


@dataclass(frozen=True)
class Sample:
    """The frames of one target, T of them.

    Attributes:
        frames: (T, S, S, 3) uint8 RGB.
        masks: (T, S, S) uint8 0/1, the truth.
        first: (S, S) uint8 0/1, the mask that the tracker is given: the truth, or a filled box.
        box_start: whether it is a box; frame 2 then repeats frame 1, as the tracker's start does (section 6).
        located: (T, 2) float32, the point that each frame's location map is drawn around, xy in patch pixels: where a
            spatial memory would put the target's centre, or the middle of the patch where it is not asked.
        others: (T, S, S) uint8 0/1, objects besides the target that were drawn.
        moves: (T, 3, 3) float32, from patch pixels of a frame to those of the frame before it.
        writes: (T, S, S) uint8, 255 for certain: the wrong masks to memorise in the frames that are `corrupted` (T,).
        shown: (T,) whether the previous frame's mask is shown.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    first: NDArray[np.uint8]
    box_start: bool
    located: NDArray[np.float32]
    others: NDArray[np.uint8]
    moves: NDArray[np.float32]
    writes: NDArray[np.uint8]
    corrupted: NDArray[np.bool_]
    shown: NDArray[np.bool_]


def plain_sample(
    frames: NDArray[np.uint8], masks: NDArray[np.uint8], others: NDArray[np.uint8], moves: NDArray[np.float32]
) -> Sample:
    """A sample as drawn, before its finish: started from the first mask, located in the middle, nothing corrupted."""
    count = len(frames)
    middle, none = np.full((count, 2), masks.shape[-1] / 2, np.float32), np.zeros(count, bool)
    return Sample(frames, masks, masks[0].copy(), False, middle, others, moves, np.zeros_like(masks), none, none.copy())


def finish(sample: Sample, config: SamplingConfig, rng: np.random.Generator) -> Sample:
    """Flip, colours and defects; a start from a box, for some; where the target was located; what is corrupted."""
    look = draw_look(rng, 1.0)
    frames = [degrade(draw_look(rng, 0.25)(look(frame)), rng) for frame in sample.frames]
    sample = replace(sample, frames=np.stack(frames))
    if rng.random() < 0.5:
        sample = _mirrored(sample)
    sample = replace(sample, first=sample.masks[0].copy())
    if rng.random() < config.box_start:
        sample = start_from_box(sample, rng)
    sample = replace(sample, located=_located(sample.masks, config, rng))
    return _with_previous(_with_wrong_writes(sample, config, rng), config, rng)


def _mirrored(sample: Sample) -> Sample:
    """The sample seen in a mirror."""
    turn = np.array([[-1, 0, sample.masks.shape[-1]], [0, 1, 0], [0, 0, 1]], np.float32)
    frames, masks, others = (
        np.ascontiguousarray(part[:, :, ::-1]) for part in (sample.frames, sample.masks, sample.others)
    )
    moves = (turn @ sample.moves @ turn).astype(np.float32)
    return replace(sample, frames=frames, masks=masks, others=others, moves=moves)


def _with_wrong_writes(sample: Sample, config: SamplingConfig, rng: np.random.Generator) -> Sample:
    """Some of the masks that are memorised after the first made wrong.

    Never the first memory, which after a start from a box is made of frame 2; the last frame is not memorised at all.
    """
    corrupted, writes = np.zeros(len(sample.masks), bool), np.zeros_like(sample.masks)
    size = centre_and_size(sample.masks[0])[1]
    for index in range(2 if sample.box_start else 1, len(sample.masks) - 1):
        size = centre_and_size(sample.masks[index])[1] or size
        if rng.random() < config.corrupted:
            wrong = corrupt(sample.frames[index], sample.masks[index], sample.others[index], size, rng)
            corrupted[index], writes[index] = True, np.rint(255 * wrong)
    return replace(sample, corrupted=corrupted, writes=writes)


def _with_previous(sample: Sample, config: SamplingConfig, rng: np.random.Generator) -> Sample:
    """In which frames the previous mask is shown, and a little off; a start from a box has none."""
    shown = rng.random(len(sample.masks)) < config.previous_shown
    shown[: 2 if sample.box_start else 1] = False
    moves = sample.moves.copy()
    size = centre_and_size(sample.masks[0])[1]
    moves[:, :2, 2] += config.previous_jitter * size * rng.normal(0, 1, (len(moves), 2))
    return replace(sample, shown=shown, moves=moves)


def _located(masks: NDArray[np.uint8], config: SamplingConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Near the target's centre with probability `config.located`, if it is in view; else the middle of the patch."""
    points = np.full((len(masks), 2), masks.shape[-1] / 2, np.float32)
    for index, mask in enumerate(masks):
        centre, size = centre_and_size(mask)
        noise = config.located_noise * size * rng.normal(0, 1, 2)
        if rng.random() < config.located and size > 0:
            points[index] = centre + noise
    return points


def start_from_box(sample: Sample, rng: np.random.Generator) -> Sample:
    """The same sample started from a filled box: axis-aligned or rotated, its sides a little off.

    The second frame becomes a copy of the first, because the tracker first segments the frame it was started on.
    """
    contour = cv2.findNonZero(sample.masks[0])
    if rng.random() < 0.5:
        (x, y), (w, h), angle = cv2.minAreaRect(contour)
    else:
        left, top, w, h = box_of(sample.masks[0])
        (x, y), angle = (left + (w - 1) / 2, top + (h - 1) / 2), 0.0
    w, h = (side * float(np.exp(rng.normal(0.02, 0.06))) for side in (w, h))
    x, y = x + w * float(rng.normal(0, 0.02)), y + h * float(rng.normal(0, 0.02))
    corners = cv2.boxPoints(((x, y), (w, h), angle)).round().astype(np.int32)
    box = np.zeros_like(sample.masks[0])
    cv2.fillConvexPoly(box, corners, 1)
    frames, masks, others = (part.copy() for part in (sample.frames, sample.masks, sample.others))
    moves = sample.moves.copy()
    frames[1], masks[1], others[1] = frames[0], masks[0], others[0]
    moves[1], moves[2] = np.eye(3), moves[1] @ moves[2]
    return replace(sample, frames=frames, masks=masks, others=others, moves=moves, first=box, box_start=True)
