"""Wrong memory writes are wrong in the way that was asked for, and drawn from the seed alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from samn_tracker.train.corruption import corrupt

SIZE = 96


def picture() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """A bright disc with a thin tail, a second disc, on two grounds of one colour each."""
    image = np.full((SIZE, SIZE, 3), 40, np.uint8)
    image[:, SIZE // 2 :] = 110
    mask, others = np.zeros((SIZE, SIZE), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(mask, (30, 48), 14, 1, -1)
    mask[47:49, 44:60] = 1
    cv2.circle(others, (76, 20), 10, 1, -1)
    image[mask > 0], image[others > 0] = 220, 200
    return image, mask, others


def iou(wrong: NDArray[np.float32], mask: NDArray[np.uint8]) -> float:
    hard = wrong > 0.3
    return float((hard & (mask > 0)).sum() / max(1, (hard | (mask > 0)).sum()))


@pytest.mark.parametrize("seed", range(40))
def test_a_corrupted_write_is_a_soft_mask_that_is_wrong(seed: int) -> None:
    image, mask, others = picture()
    wrong = corrupt(image, mask, others, 40.0, np.random.default_rng(seed))
    assert wrong.shape == mask.shape and wrong.dtype == np.float32
    assert wrong.min() >= 0 and wrong.max() <= 1
    assert iou(wrong, mask) < 0.97


@pytest.mark.parametrize("seed", range(10))
def test_an_absent_target_is_written_as_present(seed: int) -> None:
    image, mask, others = picture()
    wrong = corrupt(image, np.zeros_like(mask), others, 40.0, np.random.default_rng(seed))
    assert (wrong > 0.3).sum() > 50
    assert (wrong[others > 0] > 0.3).mean() > 0.9  # the other object, as there is one


def test_the_kinds_of_mistake_all_occur() -> None:
    image, mask, others = picture()
    tail = np.zeros_like(mask)
    tail[47:49, 50:60] = 1
    seen = set()
    for seed in range(120):
        wrong = corrupt(image, mask, others, 40.0, np.random.default_rng(seed)) > 0.3
        if wrong[others > 0].mean() > 0.9:
            seen.add("other object")
        elif wrong[(mask | others) == 0].sum() > 60:
            seen.add("leak")
        elif not wrong[tail > 0].any() and wrong[mask > 0].mean() > 0.8:
            seen.add("thin part lost")
        elif 0.2 < wrong[mask > 0].mean() < 0.8:
            seen.add("half lost")
    assert seen == {"other object", "leak", "thin part lost", "half lost"}


def test_the_same_seed_makes_the_same_mistake() -> None:
    image, mask, others = picture()
    first, second = (corrupt(image, mask, others, 40.0, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
