"""The first frame, varied: training samples for the correlation filter (section 3.3; after ATOM)."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.memory.config import STRIDE
from samn_tracker.shapes.geometry import Window

# Shifts are relative to half the patch, as released: 0.75 puts the target centre at 1/8 or 7/8 of the patch. They are
# rounded to whole stride-16 cells, so that a shifted sample's features can be cut out of those of a larger patch.
SHIFTS = (0.25, 0.75)
MOVED = 1 + 4 * len(SHIFTS)
"""So many of the samples, the first ones, are cuts of the wide patch: the unmoved one and the shifted ones."""

# Standard deviations (vertical, horizontal) in patch pixels.
BLURS = ((2.0, 0.2), (0.2, 2.0), (3.0, 1.0), (1.0, 3.0), (2.0, 2.0))
_BLUR_REACH = 6
# Degrees, each both ways.
ROTATIONS = (5.0, 10.0, 20.0, 30.0, 45.0, 60.0)


def first_frame_samples(image: NDArray[np.uint8], window: Window) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Patches to train the filter on, all made from one image with the target in the middle of `window`.

    In order: the patch itself; 8 diagonal shifts; the mirror image; 5 blurs; 12 rotations about the target. What comes
    into view is real image content (border pixels are repeated outside the image only).

    Args:
        image: (H, W, 3) uint8.
        window: centred on the target; its size is the patch size, an even number of pixels.

    Returns:
        patches: (27, size, size, 3) uint8.
        centres: (27, 2) float64, the target centre in each patch, x and y in patch pixels.
    """
    wide, size = wide_patch(image, window), window.size
    return np.concatenate([moved_patches(wide, size), varied_patches(wide, size)]), sample_centres(size)


def sample_centres(size: int) -> NDArray[np.float64]:
    """(27, 2) float64, the target centre x and y in each sample of `size` patch pixels."""
    still = [(0, 0)] * (1 + len(BLURS) + 2 * len(ROTATIONS))
    return size / 2 + np.asarray(_shifts(size) + still, dtype=np.float64)


def wide_patch(image: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The (2 size, 2 size, 3) patch of twice the window's side, at the same scale."""
    return replace(window, side=2 * window.side, size=2 * window.size).crop(image)


def moved_patches(wide: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The first `MOVED` samples (MOVED, size, size, 3): the patch itself and the shifted ones."""
    return np.stack([_middle(wide, size, shift) for shift in _shifts(size)])


def shifted_patch(wide: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle (reach, reach, 3) of the wide patch, as far as the shifted samples of `size` pixels reach."""
    return _middle(wide, size + 2 * int(np.max(_shifts(size))))


def varied_patches(wide: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle (18, side, side, 3) of the samples after the moved ones: mirrored, blurred, turned."""
    blurred = _middle(wide, min(side + 2 * _BLUR_REACH, len(wide)))
    return np.stack(
        [
            _middle(wide[:, ::-1], side),
            *(_middle(_blurred(blurred, *sigma), side) for sigma in BLURS),
            *(_rotated(wide, side, angle) for degrees in ROTATIONS for angle in (degrees, -degrees)),
        ]
    )


def middle_side(size: int, share: float) -> int:
    """About the `share` of a patch of `size` pixels: whole cells, an even number, 4 or more where it has them.

    Of fewer, `with_middle` would keep nothing.
    """
    return int(np.clip(2 * STRIDE * round(share * size / (2 * STRIDE)), min(4 * STRIDE, size), size))


def is_cut_evenly(size: int) -> bool:
    """Whether a patch of `size` pixels is an even number of stride-16 cells wide."""
    return size % (2 * STRIDE) == 0


def moved_features(wide: Tensor, centres: NDArray[np.float64], cells: int) -> Tensor:
    """The first `MOVED` samples' features (MOVED, C, cells, cells), cut out of those (1, C, W, W) of `shifted_patch`.

    They differ from encoded samples near the border, where they have seen what lies beyond it. The patch must be an
    even number of cells wide (`is_cut_evenly`).
    """
    corners = np.rint(wide.shape[-1] / 2 - centres[:MOVED] / STRIDE).astype(int)
    return torch.stack([wide[0, :, top : top + cells, left : left + cells] for left, top in corners])


def with_middle(unmoved: Tensor, middles: Tensor) -> Tensor:
    """Features (n, C, h, w) that are `unmoved` (1, C, h, w) around the `middles` (n, C, m, m).

    Where the middles do not fill the map, their outermost cells are left out: those have seen their patch's border.
    """
    cells, side = unmoved.shape[-1], middles.shape[-1]
    if side == cells:
        return middles
    start, stop = (cells - side) // 2 + 1, (cells + side) // 2 - 1
    features = unmoved.repeat(len(middles), 1, 1, 1)
    features[..., start:stop, start:stop] = middles[..., 1:-1, 1:-1]
    return features


def _shifts(size: int) -> list[tuple[int, int]]:
    """Of each moved sample, x and y in pixels from the patch centre, whole cells."""
    amounts = [STRIDE * round(amount * size / 2 / STRIDE) for amount in SHIFTS]
    return [(0, 0), *((x, y) for pixels in amounts for x in (pixels, -pixels) for y in (pixels, -pixels))]


def _middle(wide: NDArray[np.uint8], size: int, shift: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """The (size, size, 3) middle of a larger patch, its content moved by `shift` (x, y) pixels; both sides are even."""
    left, top = (len(wide) - size) // 2 - shift[0], (len(wide) - size) // 2 - shift[1]
    return wide[top : top + size, left : left + size]


def _blurred(wide: NDArray[np.uint8], sigma_y: float, sigma_x: float) -> NDArray[np.uint8]:
    kernel = (2 * math.ceil(2 * sigma_x) + 1, 2 * math.ceil(2 * sigma_y) + 1)
    return cv2.GaussianBlur(wide, kernel, sigma_x, sigmaY=sigma_y)  # type: ignore[return-value]


def _rotated(wide: NDArray[np.uint8], size: int, degrees: float) -> NDArray[np.uint8]:
    """The middle of `wide` with its content turned about the centre."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    patch_centre, wide_centre = (np.full(2, length / 2 - 0.5) for length in (size, wide.shape[0]))
    to_wide = np.column_stack([rotation, wide_centre - rotation @ patch_centre])
    return cv2.warpAffine(  # type: ignore[return-value]
        wide, to_wide, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
