"""J and F against a plain reference, hand-computed cases, and the published statistics of OSVOS."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.runner.metrics.davis import boundary, boundary_tolerance, region_and_contour, summarise


def plain_boundary(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    edge = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            right = mask[y, x + 1] if x + 1 < width else mask[y, x]
            below = mask[y + 1, x] if y + 1 < height else mask[y, x]
            inside = x + 1 < width and y + 1 < height
            diagonal = mask[y + 1, x + 1] if inside else mask[y, x]
            edge[y, x] = (mask[y, x] != right) or (mask[y, x] != below) or (mask[y, x] != diagonal)
    return edge


def plain_scores(truth: np.ndarray, result: np.ndarray, tolerance: int) -> tuple[float, float]:
    """J and F written pixel by pixel, from the definition."""
    union = int(((truth + result) > 0).sum())
    region = int(((truth + result) == 2).sum()) / union if union else 1.0
    edges = [np.argwhere(plain_boundary(mask)) for mask in (truth, result)]
    if not len(edges[0]) or not len(edges[1]):
        return region, float(len(edges[0]) == len(edges[1]))
    squared = ((edges[0][:, None] - edges[1][None]) ** 2).sum(axis=2)
    recall = int((squared.min(axis=1) <= tolerance**2).sum()) / len(edges[0])
    precision = int((squared.min(axis=0) <= tolerance**2).sum()) / len(edges[1])
    return region, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def blob(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.random((height, width)).astype(np.float32), (0, 0), 3)
    mask = (noise > np.quantile(noise, rng.uniform(0.3, 0.99))).astype(np.uint8)
    mask[: rng.integers(0, height // 2)] = 0
    mask[:, : rng.integers(0, width // 2)] = 0
    return mask


@pytest.mark.parametrize("seed", range(12))
def test_equal_to_the_plain_reference_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, result = blob(rng, 60, 80), blob(rng, 60, 80)
    if seed % 3 == 0:
        result = np.roll(truth, rng.integers(-3, 4, 2), axis=(0, 1))
    for tolerance in (1, 3, 8):
        assert region_and_contour(truth, result, tolerance) == plain_scores(truth, result, tolerance)


def full_frame_scores(truth: np.ndarray, result: np.ndarray, tolerance: int) -> tuple[float, float]:
    """J and F in whole arrays of the whole frame, as most programs compute them."""
    offsets = np.arange(-tolerance, tolerance + 1)
    disk = (offsets[:, None] ** 2 + offsets**2 <= tolerance**2).astype(np.uint8)
    edges = [boundary(mask) for mask in (truth, result)]
    near = [cv2.dilate(edge, disk) for edge in edges]
    precision, recall = (edges[1] & near[0]).sum() / edges[1].sum(), (edges[0] & near[1]).sum() / edges[0].sum()
    return (truth & result).sum() / (truth | result).sum(), 2 * precision * recall / (precision + recall)


def test_equal_to_both_references_on_a_full_size_frame() -> None:
    truth, result = np.zeros((480, 854), np.uint8), np.zeros((480, 854), np.uint8)
    cv2.ellipse(truth, (400, 230), (110, 70), 20, 0, 360, 1, -1)
    cv2.ellipse(result, (408, 226), (105, 76), 25, 0, 360, 1, -1)
    found = region_and_contour(truth, result)
    assert boundary_tolerance(480, 854) == 8
    assert found == plain_scores(truth, result, 8) == full_frame_scores(truth, result, 8)


def test_masks_at_the_border_and_empty_ones() -> None:
    empty, full, corner = np.zeros((20, 30), np.uint8), np.ones((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    corner[17:, 26:] = 1
    assert region_and_contour(empty, empty) == (1.0, 1.0)
    assert region_and_contour(full, full) == (1.0, 1.0)
    assert region_and_contour(corner, empty) == (0.0, 0.0)
    for pair in [(corner, full), (full, corner), (corner, corner), (empty, full)]:
        assert region_and_contour(*pair, 2) == plain_scores(*pair, 2)


def test_tolerance_is_eight_pixels_at_480p() -> None:
    assert boundary_tolerance(480, 854) == 8
    assert boundary_tolerance(48, 64) == 1


def test_statistics_by_hand() -> None:
    statistics = summarise([1.0, 1.0, 0.6, 0.6, 0.5, 0.4, 0.2, 0.2])
    assert statistics.mean == pytest.approx(0.5625)
    assert statistics.recall == pytest.approx(0.5)
    # Eight frames have bin edges 0, 2, 4, 5, 7, both ends included: the quarters overlap by one frame.
    assert statistics.decay == pytest.approx((1 + 1 + 0.6) / 3 - (0.4 + 0.2 + 0.2) / 3)


def test_statistics_of_more_than_255_frames() -> None:
    values = np.linspace(1, 0, 601)
    assert summarise(values).decay == pytest.approx(values[:151].mean() - values[450:].mean())


def test_no_scored_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="three are needed"):
        summarise([])


@pytest.mark.data
def test_statistics_of_osvos_on_davis16(shared_data: Path) -> None:
    published = json.loads((shared_data / "oracles/davis/osvos_davis16_val_statistics.json").read_text())
    expected = {"J": (0.798, 0.936, 0.149), "F": (0.806, 0.926, 0.150)}
    for measure, table in published.items():
        rows = []
        for number, frames in enumerate(table["per_frame"]):
            one = summarise([value for value in frames if value is not None])
            rows.append((one.mean, one.recall, one.decay))
            official = [table[key][number] for key in ("mean", "recall", "decay")]
            assert rows[-1] == pytest.approx(official, abs=1e-6)
        assert np.mean(rows, axis=0) == pytest.approx(expected[measure], abs=5e-4)
