"""Losses against hand-computed answers."""

from __future__ import annotations

import math

import pytest
import torch

from samn_tracker.train.config import LossConfig
from samn_tracker.train.losses import bootstrapped_cross_entropy, segmentation_loss, soft_iou


def logits_of(probability: list[list[float]]) -> torch.Tensor:
    """Logits (1, 2, H, W) whose softmax gives the target these probabilities."""
    p = torch.tensor(probability)
    return torch.stack([torch.zeros_like(p), torch.logit(p)])[None]


def test_soft_iou_counts_probability_mass() -> None:
    probability = torch.tensor([[[0.5, 1.0], [0.0, 0.5]]])
    truth = torch.tensor([[[1, 1], [0, 0]]])
    assert soft_iou(probability, truth).item() == pytest.approx(1.5 / 2.5)


def test_soft_iou_of_two_empty_masks_is_zero_and_finite() -> None:
    assert soft_iou(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2)).item() == 0


def test_bootstrapping_averages_the_hardest_pixels_only() -> None:
    logits = logits_of([[0.9, 0.8], [0.5, 0.2]])
    truth = torch.ones(1, 2, 2)
    assert bootstrapped_cross_entropy(logits, truth, 0.5).item() == pytest.approx(
        -(math.log(0.5) + math.log(0.2)) / 2, abs=1e-5
    )


def test_all_pixels_are_plain_cross_entropy() -> None:
    logits, truth = torch.randn(2, 2, 8, 8), torch.randint(0, 2, (2, 8, 8))
    expected = torch.nn.functional.cross_entropy(logits, truth)
    assert bootstrapped_cross_entropy(logits, truth, 1.0).mean().item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_loss_is_cross_entropy_plus_one_minus_iou() -> None:
    logits = logits_of([[0.9, 0.8], [0.5, 0.2]])
    truth = torch.tensor([[[1, 1], [0, 0]]])
    entropy = -(math.log(0.5) + math.log(0.8)) / 2
    iou = 1.7 / (2.4 + 2 - 1.7)
    assert segmentation_loss(logits, truth, LossConfig(hardest=0.5)).item() == pytest.approx(
        entropy + 1 - iou, abs=1e-5
    )


def test_an_absent_target_has_no_iou_term() -> None:
    logits, truth = logits_of([[0.9, 0.2]]), torch.zeros(1, 1, 2)
    expected = -(math.log(0.1) + math.log(0.8)) / 2
    assert segmentation_loss(logits, truth, LossConfig(hardest=1.0)).item() == pytest.approx(expected, abs=1e-5)
