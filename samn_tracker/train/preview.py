"""A picture of training samples: what the network is shown, and what it should answer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.files import write_atomic
from samn_tracker.images import encode_image
from samn_tracker.train.sample import Sample
from samn_tracker.train.samples import SampleMaker


def preview(maker: SampleMaker, path: Path, count: int, size: int) -> None:
    """Write a PNG with `count` samples in two columns: the frames with the truth outlined, then the given mask."""
    rows = [_row(maker.make(number, size)) for number in range(2 * -(-count // 2))]
    columns = [np.vstack(rows[start::2]) for start in (0, 1)]
    write_atomic(path, encode_image(np.hstack(columns), ".png"))


def _row(sample: Sample) -> NDArray[np.uint8]:
    outlined = []
    for frame, mask in zip(sample.frames, sample.masks, strict=True):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outlined.append(cv2.drawContours(frame.copy(), contours, -1, (255, 0, 0), 1))
    given = np.repeat(sample.first[..., None] * 255, 3, axis=2)
    return np.hstack([*outlined, given]).astype(np.uint8)
