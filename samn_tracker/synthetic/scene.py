"""Sprites over a background, seen by a slowly moving camera under changing light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samn_tracker.synthetic.sprites import Sprite, Wave

_NOISE = 3  # sensor noise: the sum of two whole numbers in 0..3, minus its mean
_FULL = Wave(mean=1.0)
_NONE = Wave()


@dataclass(frozen=True)
class Light:
    """Brightness over time: a factor for the whole frame, and the share by which it falls from left to right."""

    gain: Wave = _FULL
    slope: Wave = _NONE


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything in view.

    Attributes:
        size: (W, H) of the frames.
        ground: (h, w, 3) uint8 RGB background, larger than a frame by `margin` pixels on each side.
        sprites: from back to front.
        camera: x and y of the frame's corner in scene pixels, within `margin` of 0.
        light: brightness over time.
        seed: of the sensor noise.
    """

    size: tuple[int, int]
    ground: NDArray[np.uint8]
    margin: int
    sprites: tuple[Sprite, ...]
    camera: tuple[Wave, Wave]
    light: Light
    seed: int

    def offset(self, frame: int) -> tuple[int, int]:
        """Whole scene pixels (x, y) of the frame's top-left corner."""
        return round(self.camera[0].at(frame)), round(self.camera[1].at(frame))

    def labels(self, frame: int) -> NDArray[np.uint8]:
        """(H, W) index of the sprite seen at each pixel, counted from 1; 0 is background."""
        result = np.zeros(self.size[::-1], dtype=np.uint8)
        for number, sprite in enumerate(self.sprites, start=1):
            cover = sprite.cover(frame, self.offset(frame), self.size)
            if cover is not None:
                result[cover.rows, cover.columns][cover.inside] = number
        return result

    def render(self, frame: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB picture."""
        width, height = self.size
        x, y = (value + self.margin for value in self.offset(frame))
        image = self.ground[y : y + height, x : x + width].astype(np.float32)
        for sprite in self.sprites:
            cover = sprite.cover(frame, self.offset(frame), self.size)
            if cover is not None:
                part = image[cover.rows, cover.columns]
                part += cover.alpha[..., None] * (sprite.colour(cover) - part)
        generator = np.random.default_rng([self.seed, frame])
        noise = generator.integers(0, _NOISE + 1, (2, height, width, 1), dtype=np.uint8).sum(axis=0, dtype=np.int16)
        lit = image * self._brightness(frame)[:, None] + (noise - _NOISE)
        return np.clip(np.floor(lit + 0.5), 0, 255).astype(np.uint8)

    def _brightness(self, frame: int) -> NDArray[np.float32]:
        """(W,) factor of each column."""
        across = np.linspace(0.5, -0.5, self.size[0], dtype=np.float32)
        return (self.light.gain.at(frame) * (1 + self.light.slope.at(frame) * across)).astype(np.float32)
