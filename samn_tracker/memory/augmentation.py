"""The first frame, varied: training samples for the correlation filter (section 3.3; after ATOM)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.geometry import Window
from samn_tracker.memory.spatial_peaks import STRIDE

# Shifts are relative to half the patch, as released: 0.75 puts the target centre at 1/8 or 7/8 of the patch. They are
# rounded to whole stride-16 cells, so that a shifted sample's features can be cut out of those of a larger patch.
SHIFTS = (0.25, 0.75)
MOVED = 1 + 4 * len(SHIFTS)
"""So many of the samples, the first ones, are cuts of the wide patch: the unmoved one and the shifted ones."""

# Standard deviations (vertical, horizontal) in patch pixels.
BLURS = ((2.0, 0.2), (0.2, 2.0), (3.0, 1.0), (1.0, 3.0), (2.0, 2.0))
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
    samples = list(_variants(wide_patch(image, window), window.size))
    middle = window.size / 2
    patches = np.stack([patch for patch, _ in samples])
    return patches, middle + np.asarray([shift for _, shift in samples], dtype=np.float64)


def wide_patch(image: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The (2 size, 2 size, 3) patch of twice the window's side, at the same scale."""
    return Window(window.centre, 2 * window.side, 2 * window.size).crop(image)


def is_cut_evenly(size: int) -> bool:
    """Whether a patch of `size` pixels is an even number of stride-16 cells wide."""
    return size % (2 * STRIDE) == 0


def moved_features(wide: Tensor, centres: NDArray[np.float64]) -> Tensor:
    """The first `MOVED` samples' features (MOVED, C, h, w), cut out of those (1, C, 2h, 2w) of the wide patch.

    They differ from encoded samples near the border, where they have seen what lies beyond it. The patch must be an
    even number of cells wide (`is_cut_evenly`).
    """
    height, width = wide.shape[-2] // 2, wide.shape[-1] // 2
    corners = np.rint(np.array([width, height]) - centres[:MOVED] / STRIDE).astype(int)
    return torch.stack([wide[0, :, top : top + height, left : left + width] for left, top in corners])


def _variants(wide: NDArray[np.uint8], size: int) -> Iterator[tuple[NDArray[np.uint8], tuple[int, int]]]:
    """Every patch with the shift (x, y) of its target centre from the patch centre."""
    unmoved = (0, 0)
    yield _middle(wide, size), unmoved
    for amount in SHIFTS:
        pixels = STRIDE * round(amount * size / 2 / STRIDE)
        for shift in ((x, y) for x in (pixels, -pixels) for y in (pixels, -pixels)):
            yield _middle(wide, size, shift), shift
    yield _middle(wide[:, ::-1], size), unmoved
    for sigma in BLURS:
        yield _middle(_blurred(wide, *sigma), size), unmoved
    for degrees in ROTATIONS:
        for angle in (degrees, -degrees):
            yield _rotated(wide, size, angle), unmoved


def _middle(wide: NDArray[np.uint8], size: int, shift: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """The (size, size, 3) patch out of a patch of twice the size, its content moved by `shift` (x, y) pixels."""
    left, top = size // 2 - shift[0], size // 2 - shift[1]
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
