"""Square windows: cut a patch out of an image, map points both ways, paste a map back.

Coordinates are continuous: the pixel in column c and row r covers [c, c+1) x [r, r+1), so its centre is (c+0.5, r+0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """A square of `side` image pixels around `centre` (x, y), seen as a patch of `size` x `size` pixels."""

    centre: tuple[float, float]
    side: float
    size: int

    @property
    def scale(self) -> float:
        """Image pixels per patch pixel."""
        return self.side / self.size

    @property
    def origin(self) -> NDArray[np.float64]:
        """(2,) x, y of the top-left corner, in image pixels."""
        return np.asarray(self.centre, dtype=np.float64) - self.side / 2

    def to_crop(self, points_image: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map (..., 2) points from image to patch pixels."""
        return (np.asarray(points_image, dtype=np.float64) - self.origin) / self.scale

    def to_image(self, points_crop: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map (..., 2) points from patch to image pixels."""
        return np.asarray(points_crop, dtype=np.float64) * self.scale + self.origin

    def crop(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The patch (size, size[, C]), linearly interpolated; outside the image the border pixels are repeated.

        Shrinking averages whole blocks of pixels first, so that large images do not alias and cost stays bounded.
        """
        factor = max(1, int(self.scale))
        (left, top), region = self._visible_region(image, margin=2 * factor)
        step_x = step_y = 1.0
        if factor > 1:
            height, width = region.shape[:2]
            small = (max(1, round(width / factor)), max(1, round(height / factor)))
            region = cv2.resize(region, small, interpolation=cv2.INTER_AREA)
            step_x, step_y = width / small[0], height / small[1]
        matrix = _pixel_matrix(
            self.scale / step_x,
            self.scale / step_y,
            (self.origin[0] - left) / step_x,
            (self.origin[1] - top) / step_y,
        )
        return cv2.warpAffine(  # type: ignore[return-value]
            region,
            matrix,
            (self.size, self.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def crop_mask(self, mask: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The patch (size, size) of a 0/1 mask (H, W), as coverage in 0..1: edge pixels are fractions."""
        return np.divide(self.crop(mask * np.uint8(255)), 255, dtype=np.float32)

    def paste(self, map_crop: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
        """The (size, size) float map laid back into a (H, W) image, linearly interpolated; 0 outside the window.

        A pixel belongs to the window when its centre does.
        """
        result = np.zeros(shape, dtype=np.float32)
        part, (left, top) = self._pasted(map_crop, self._visible_bounds(shape, margin=0))
        result[top : top + part.shape[0], left : left + part.shape[1]] = part
        return result

    def paste_above(
        self, map_crop: NDArray[np.float32], shape: tuple[int, int], threshold: float
    ) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """The part (h, w) of what `paste` makes that holds all values above `threshold`, and its left and top.

        It has no pixels where the map has no such value inside the image. Much of an image is not the target.
        """
        x, y, width, height = cv2.boundingRect((map_crop > threshold).view(np.uint8))
        if width == 0:
            return np.zeros((0, 0), dtype=np.float32), (0, 0)
        # Between two pixels' centres lies what is interpolated of both; a pixel more is for rounding.
        low = np.floor(self.to_image(np.array([x - 0.5, y - 0.5]))).astype(int) - 1
        high = np.ceil(self.to_image(np.array([x + width + 0.5, y + height + 0.5]))).astype(int) + 1
        left, top, right, bottom = self._visible_bounds(shape, margin=0)
        bounds = (max(left, int(low[0])), max(top, int(low[1])), min(right, int(high[0])), min(bottom, int(high[1])))
        return self._pasted(map_crop, bounds)

    def _pasted(
        self, map_crop: NDArray[np.float32], bounds: tuple[int, int, int, int]
    ) -> tuple[NDArray[np.float32], tuple[int, int]]:
        """The map over the image pixels left, top, right, bottom, which lie in both, and the left and top of that."""
        left, top, right, bottom = bounds
        if right <= left or bottom <= top:
            return np.zeros((0, 0), dtype=np.float32), (0, 0)
        matrix = _pixel_matrix(
            1 / self.scale, 1 / self.scale, (left - self.origin[0]) / self.scale, (top - self.origin[1]) / self.scale
        )
        part = cv2.warpAffine(
            np.ascontiguousarray(map_crop, dtype=np.float32),
            matrix,
            (right - left, bottom - top),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return part, (left, top)  # type: ignore[return-value]

    def take_over(self, map_crop: NDArray[np.float32], earlier: Window) -> NDArray[np.float32]:
        """A map (size, size) of the patch of another window, seen in this one's; 0 where that one did not reach."""
        ratio = self.scale / earlier.scale
        offset = (self.origin - earlier.origin) / earlier.scale
        return cv2.warpAffine(  # type: ignore[return-value]
            map_crop,
            _pixel_matrix(ratio, ratio, offset[0], offset[1]),
            (self.size, self.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )

    def _visible_bounds(self, shape: tuple[int, ...], margin: int) -> tuple[int, int, int, int]:
        """left, top, right, bottom of the image pixels whose centre is in the window, widened by `margin` pixels."""
        low = np.ceil(self.origin - 0.5).astype(int) - margin
        high = np.ceil(self.origin + self.side - 0.5).astype(int) + margin
        left, top = np.clip(low, 0, (shape[1], shape[0]))
        right, bottom = np.clip(high, 0, (shape[1], shape[0]))
        return int(left), int(top), int(right), int(bottom)

    def _visible_region(self, image: NDArray[np.uint8], margin: int) -> tuple[tuple[int, int], NDArray[np.uint8]]:
        """Offset and view of the image part that the patch needs; at least one pixel even if the window is outside."""
        left, top, right, bottom = self._visible_bounds(image.shape, margin)
        left, top = min(left, image.shape[1] - 1), min(top, image.shape[0] - 1)
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        return (left, top), image[top:bottom, left:right]


def _pixel_matrix(scale_x: float, scale_y: float, offset_x: float, offset_y: float) -> NDArray[np.float64]:
    """2x3 matrix between pixel indices for x' = scale * x + offset in continuous coordinates."""
    return np.array(
        [
            [scale_x, 0.0, 0.5 * scale_x + offset_x - 0.5],
            [0.0, scale_y, 0.5 * scale_y + offset_y - 0.5],
        ]
    )
