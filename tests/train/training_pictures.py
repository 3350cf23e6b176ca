"""Generated pictures: bright discs over textured backgrounds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (96, 128)

Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def picture(seed: int, x: int = 50, objects: int = 1) -> Picture:
    """An image (96, 128, 3) and its object ids (96, 128): discs side by side from column `x`."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 120, (12, 16, 3), dtype=np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    labels = np.zeros(SIZE, np.uint8)
    for label in range(1, objects + 1):
        cv2.circle(labels, (x + 32 * (label - 1), 48), 13, label, -1)
    image[labels > 0] = (230, 200, 40)
    return image, labels


def write(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image or a map of grey levels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])
