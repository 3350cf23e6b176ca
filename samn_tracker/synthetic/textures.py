"""Textures of the generated sequences: photographs that scikit-image ships, or noise of our own without it.

The photographs are read from the installed package's folder; nothing is imported from it and nothing is downloaded.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import EnvironmentProblemError
from samn_tracker.images import read_image

Image = NDArray[np.uint8]
TextureSource = Literal["auto", "photographs", "procedural"]

# Photograph and x, y, w, h of a part of it that looks like a thing of its own.
_OBJECT_PATCHES = (
    ("astronaut.png", (120, 220, 150, 150)),
    ("astronaut.png", (120, 0, 210, 180)),
    ("chelsea.png", (75, 20, 340, 280)),
    ("coffee.png", (140, 0, 300, 290)),
    ("motorcycle_left.png", (300, 170, 150, 120)),
)
# Photographs without colour, and the colour given to them: muted, so that the objects above stand out.
_GROUNDS = (
    ("grass.png", (118, 140, 84)),
    ("gravel.png", (132, 134, 142)),
    ("brick.png", (140, 128, 116)),
    ("camera.png", (122, 134, 146)),
)
_PROCEDURAL_OBJECTS = (
    ((206, 74, 40), (250, 214, 120)),
    ((40, 84, 190), (236, 236, 244)),
    ((236, 180, 30), (120, 40, 60)),
)
_PROCEDURAL_GROUNDS = (((84, 104, 66), (150, 160, 118)), ((96, 98, 106), (164, 164, 160)))


def resolve(source: TextureSource) -> Literal["photographs", "procedural"]:
    """Which textures "auto" means here: photographs where scikit-image is installed.

    Raises:
        EnvironmentProblemError: photographs are asked for and scikit-image is not installed.
    """
    if source == "auto":
        return "procedural" if _photograph_folder() is None else "photographs"
    if source == "photographs" and _photograph_folder() is None:
        raise EnvironmentProblemError(
            "the photographs come with scikit-image; install it, or use textures='procedural'"
        )
    return source


def object_texture(source: TextureSource, index: int, size: tuple[int, int]) -> Image:
    """Texture number `index` (any whole number, wraps) for objects, (h, w, 3) uint8 RGB of size (w, h)."""
    if resolve(source) == "procedural":
        return _noise(size, *_PROCEDURAL_OBJECTS[index % len(_PROCEDURAL_OBJECTS)], seed=index)
    name, (x, y, width, height) = _OBJECT_PATCHES[index % len(_OBJECT_PATCHES)]
    patch = _photograph(name)[y : y + height, x : x + width]
    return _resized(patch, size)


def ground_texture(source: TextureSource, index: int, size: tuple[int, int]) -> Image:
    """Texture number `index` (wraps) for the background and for occluders, (h, w, 3) uint8 RGB of size (w, h)."""
    if resolve(source) == "procedural":
        return _noise(size, *_PROCEDURAL_GROUNDS[index % len(_PROCEDURAL_GROUNDS)], seed=1000 + index)
    name, colour = _GROUNDS[index % len(_GROUNDS)]
    grey = _photograph(name)[..., :1].astype(np.float32)
    tinted = np.clip(grey * (np.array(colour, dtype=np.float32) / 128) + 0.5, 0, 255).astype(np.uint8)
    factor = max(size[0] / tinted.shape[1], size[1] / tinted.shape[0])
    width, height = round(size[0] / factor), round(size[1] / factor)
    return _resized(tinted[:height, :width], size)


def _resized(image: Image, size: tuple[int, int]) -> Image:
    shrinks = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)  # type: ignore[return-value]


@cache
def _photograph_folder() -> Path | None:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "data"
    needed = {name for name, _ in (*_OBJECT_PATCHES, *_GROUNDS)}
    return folder if all((folder / name).is_file() for name in needed) else None


@cache
def _photograph(name: str) -> Image:
    folder = _photograph_folder()
    assert folder is not None
    return read_image(folder / name)


def _noise(size: tuple[int, int], dark: tuple[int, int, int], light: tuple[int, int, int], seed: int) -> Image:
    """Smooth noise of five octaves between two colours."""
    generator = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0]), dtype=np.float32)
    for octave in range(5):
        cells = 3 * 2**octave
        grid = generator.integers(0, 256, (cells, cells)).astype(np.float32) / 255
        total += cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC) / 2 ** (0.7 * octave)
    low, high = total.min(), total.max()
    blend = ((total - low) / (high - low))[..., None]
    colours = np.array(dark, dtype=np.float32) * (1 - blend) + np.array(light, dtype=np.float32) * blend
    return np.clip(colours + 0.5, 0, 255).astype(np.uint8)
