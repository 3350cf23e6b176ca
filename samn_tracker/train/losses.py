"""Losses of section 4.1: bootstrapped cross-entropy and mask IoU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from samn_tracker.train.config import LossConfig


def segmentation_loss(logits: Tensor, truth: Tensor, config: LossConfig) -> Tensor:
    """Mean loss () of logits (B, 2, S, S) against truth masks (B, S, S) of 0 and 1.

    The IoU term is left out for samples whose target is absent: their intersection carries no gradient.
    """
    logits = logits.float()
    cross_entropy = bootstrapped_cross_entropy(logits, truth, config.hardest)
    present = (truth.flatten(1).sum(1) > 0).float()
    iou_loss = (1 - soft_iou(torch.softmax(logits, dim=1)[:, 1], truth)) * present
    return (cross_entropy + config.iou_weight * iou_loss).mean()


def bootstrapped_cross_entropy(logits: Tensor, truth: Tensor, hardest: float) -> Tensor:
    """Mean cross-entropy (B,) over the share `hardest` of each sample's pixels with the largest loss."""
    losses = functional.cross_entropy(logits, truth.long(), reduction="none").flatten(1)
    count = max(1, round(hardest * losses.shape[1]))
    return losses.topk(count, dim=1, sorted=False).values.mean(1)


def soft_iou(probability: Tensor, truth: Tensor) -> Tensor:
    """Intersection over union (B,) of probabilities and truth masks, both (B, S, S); 0 where both are empty."""
    probability, truth = probability.flatten(1), truth.flatten(1).to(probability.dtype)
    intersection = (probability * truth).sum(1)
    union = (probability + truth).sum(1) - intersection
    return intersection / union.clamp_min(1e-6)
