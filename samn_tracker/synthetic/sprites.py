"""A textured object on its way: where it is in each frame, its exact outline, and the pixels it covers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.shapes.polygons import polygon_area

_OUTLINE_POINTS = 720
_TEXTURE_REACH = 1.3  # the texture spans -1.3..1.3 of the object's half sizes, so that bulges have texture too


@dataclass(frozen=True)
class Wave:
    """mean + amplitude * sin(frequency * frame + phase) + drift * frame."""

    mean: float = 0.0
    amplitude: float = 0.0
    frequency: float = 0.0
    phase: float = 0.0
    drift: float = 0.0

    def at(self, frame: int) -> float:
        """Value in a frame."""
        return self.mean + self.amplitude * math.sin(self.frequency * frame + self.phase) + self.drift * frame


@dataclass(frozen=True)
class Motion:
    """The pose over time: centre in scene pixels, angle in radians, size as a power of two, stretch of width / height.

    `swell` scales the outline's bulges: a constant 1 keeps the shape, a wave deforms it.
    """

    x: Wave
    y: Wave
    angle: Wave = Wave()
    log2_scale: Wave = Wave()
    log2_stretch: Wave = Wave()
    swell: Wave = Wave(mean=1.0)


@dataclass(frozen=True, eq=False)
class Coverage:
    """A rectangle of a frame's rows and columns around a sprite, and in it arrays (h, w) over the pixel centres.

    Attributes:
        units: (h, w, 2) float64 position in half sizes of the object.
        ratio: float64, 0 in the object's centre, 1 on its outline.
        distance: float64 pixels from the object's centre.
    """

    rows: slice
    columns: slice
    units: NDArray[np.float64]
    ratio: NDArray[np.float64]
    distance: NDArray[np.float64]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(h, w) whether the pixel's centre is inside the outline; the exact mask."""
        return np.asarray(self.ratio < 1)

    @property
    def alpha(self) -> NDArray[np.float32]:
        """(h, w) opacity 0..1, which falls over one pixel at the outline."""
        depth = self.distance / np.maximum(self.ratio, 0.1) - self.distance  # to the outline, along the ray
        return np.where(self.ratio < 0.5, 1.0, np.clip(depth + 0.5, 0, 1)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Sprite:
    """An object whose outline, around its centre, is a superellipse with sinusoidal bulges.

    In units u, v of the half sizes the outline is |u|^p + |v|^p = R(angle of u, v)^p with R = 1 + bulges.

    Attributes:
        half_size: half width and half height in pixels at scale 1.
        exponent: p; 2 is an ellipse, more is closer to a rectangle.
        bulges: (number of waves around the outline, amplitude, phase) each.
        texture: (h, w, 3) uint8 RGB.
        motion: pose over time.
    """

    half_size: tuple[float, float]
    exponent: float
    bulges: tuple[tuple[int, float, float], ...]
    texture: NDArray[np.uint8]
    motion: Motion

    def outline(self, frame: int) -> NDArray[np.float64]:
        """(720, 2) points of the outline in scene pixels, hidden parts included."""
        return self._to_scene(self._outline_units(frame), frame)

    def rectangle(self, frame: int) -> NDArray[np.float64]:
        """(4, 2) corners, clockwise from its top left, of the rectangle around the outline that turns with it."""
        units = self._outline_units(frame)
        (left, top), (right, bottom) = units.min(axis=0), units.max(axis=0)
        return self._to_scene(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), frame)

    def area(self, frame: int) -> float:
        """Area inside the outline in square pixels, hidden parts included."""
        return polygon_area(self.outline(frame))

    def cover(self, frame: int, offset: tuple[int, int], size: tuple[int, int]) -> Coverage | None:
        """Pixels covered in an image of size (W, H) whose top-left corner is at `offset` of the scene; None if none."""
        outline = self.outline(frame) - offset
        left, top = np.clip(np.floor(outline.min(axis=0)).astype(int) - 1, 0, size)
        right, bottom = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 1, 0, size)
        if left >= right or top >= bottom:
            return None
        grid = np.stack(np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5), axis=-1)
        units = self._to_units(grid + offset, frame)
        distance = np.linalg.norm(grid + offset - self._centre(frame), axis=-1)
        return Coverage(slice(top, bottom), slice(left, right), units, self._ratio(units, frame), distance)

    def colour(self, coverage: Coverage) -> NDArray[np.float32]:
        """(h, w, 3) RGB of the texture, darker towards the outline."""
        size = np.array(self.texture.shape[1::-1])
        pixels = ((coverage.units / _TEXTURE_REACH + 1) / 2 * size - 0.5).astype(np.float32)
        sampled = cv2.remap(self.texture, pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        shade = 1.1 - 0.35 * np.clip(coverage.ratio, 0, 1) ** 3
        return sampled * shade.astype(np.float32)[..., None]  # type: ignore[no-any-return]

    def _centre(self, frame: int) -> NDArray[np.float64]:
        return np.array([self.motion.x.at(frame), self.motion.y.at(frame)])

    def _axes(self, frame: int) -> NDArray[np.float64]:
        """(2, 2) whose columns are the object's half axes in scene pixels."""
        motion, angle = self.motion, self.motion.angle.at(frame)
        stretch = 2 ** (motion.log2_stretch.at(frame) / 2)
        scale = 2 ** motion.log2_scale.at(frame)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        return turn * np.array([self.half_size[0] * scale * stretch, self.half_size[1] * scale / stretch])

    def _to_scene(self, units: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
        return units @ self._axes(frame).T + self._centre(frame)

    def _to_units(self, points: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
        inverse = np.linalg.inv(self._axes(frame))
        return (points - self._centre(frame)) @ inverse.T

    def _outline_units(self, frame: int) -> NDArray[np.float64]:
        angles = np.linspace(0, 2 * math.pi, _OUTLINE_POINTS, endpoint=False)
        rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        return rays / self._ratio(rays, frame)[:, None]

    def _ratio(self, units: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
        """How far out (..., 2) points are: 0 in the centre, 1 on the outline."""
        radius = self._radius(np.arctan2(units[..., 1], units[..., 0]), frame) if self.bulges else 1.0
        powers = np.abs(units) ** self.exponent
        return powers.sum(axis=-1) ** (1 / self.exponent) / radius

    def _radius(self, angles: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
        radius = np.ones_like(angles)
        for count, amplitude, phase in self.bulges:
            radius += self.motion.swell.at(frame) * amplitude * np.cos(count * angles + phase)
        return radius
