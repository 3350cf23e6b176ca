"""Changes of light, colour and sharpness; geometry stays as it is. Images are (H, W, 3) uint8 RGB."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """One colour change, applied alike to all frames of a sample (or to one object in all frames)."""

    gain: NDArray[np.float64]
    contrast: float
    brightness: float
    gamma: float
    saturation: float

    def __call__(self, image: Image) -> Image:
        """The changed image."""
        levels = (np.arange(256) / 255.0) ** self.gamma
        levels = (levels - 0.5) * self.contrast + 0.5 + self.brightness
        table = np.clip(levels[:, None] * self.gain * 255, 0, 255).astype(np.uint8)
        changed = cv2.LUT(image, table[None])
        if self.saturation != 1:
            grey = cv2.cvtColor(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            changed = cv2.addWeighted(changed, self.saturation, grey, 1 - self.saturation, 0)
        return changed  # type: ignore[return-value]


def draw_look(rng: np.random.Generator, strength: float) -> Look:
    """A random look; strength 1 is a strong change of the whole picture, 0.2 the flicker between frames."""
    grey = strength >= 1 and rng.random() < 0.05
    return Look(
        gain=np.exp(rng.normal(0, 0.08 * strength, 3)),
        contrast=float(np.exp(rng.normal(0, 0.15 * strength))),
        brightness=float(rng.normal(0, 0.07 * strength)),
        gamma=float(np.exp(rng.normal(0, 0.2 * strength))),
        saturation=0.0 if grey else float(np.clip(np.exp(rng.normal(0, 0.3 * strength)), 0, 1.8)),
    )


def degrade(image: Image, rng: np.random.Generator) -> Image:
    """Defects of cameras and codecs, each sometimes: blur, low resolution, noise, JPEG."""
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.0)))  # type: ignore[assignment]
    if rng.random() < 0.1:
        height, width = image.shape[:2]
        factor = rng.uniform(0.35, 0.8)
        small = cv2.resize(image, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    if rng.random() < 0.1:
        noise = rng.normal(0, rng.uniform(2, 10), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        quality = int(rng.integers(25, 80))
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)  # type: ignore[assignment]
    return image


def smear(layer: Image, shift: NDArray[np.float64]) -> Image:
    """Motion blur along `shift` (x, y) pixels, at most 15 of them; works on any number of channels."""
    length = float(np.hypot(*shift))
    if length < 2:
        return layer
    shift = shift * min(1.0, 15 / length)
    radius = int(np.ceil(np.abs(shift).max() / 2))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.uint8)
    ends = [tuple(round(v) for v in radius + sign * shift / 2) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1)
    return cv2.filter2D(layer, -1, kernel / kernel.sum(dtype=np.float64))  # type: ignore[return-value]
