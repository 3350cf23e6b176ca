"""Validation with the real tracker on whole sequences: mean J and mean box IoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import DatasetError
from samn_tracker.model.network import Network
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.regions import box_iou, mask_iou, mask_to_box
from samn_tracker.train.config import SetConfig, ValidationConfig
from samn_tracker.train.layouts import open_set
from samn_tracker.train.sources import Source


@dataclass(frozen=True)
class Score:
    """Means over sequences, each of them a mean over its frames after the first."""

    region: float
    box: float


def open_validation(config: ValidationConfig, root: Path) -> Source:
    """The sequences to validate on.

    Raises:
        DatasetError: they are missing, or are no sequences.
    """
    source = open_set(SetConfig("validation", config.reader, config.path, binary=config.binary), root)
    if not source.clips:
        raise DatasetError(f"validation needs sequences, but {root / config.path} ({config.reader}) holds stills")
    return source


def validate(network: Network, tracking: TrackerConfig, source: Source, config: ValidationConfig) -> Score:
    """Track the first frame's smallest label through every sequence, started from its mask or its box."""
    tracker = Tracker(Engine(network), tracking)
    scores = [_score_clip(tracker, source, clip[: config.longest or None], config.start) for clip in source.clips]
    region, box = np.mean(scores, axis=0)
    return Score(float(region), float(box))


def _score_clip(tracker: Tracker, source: Source, clip: Sequence[int], start: str) -> tuple[float, float]:
    """Mean J over the frames after the first, and mean box IoU over those that show the target."""
    first = source.read(clip[0])
    label = first.labels[first.labels > 0].min(initial=np.iinfo(np.uint16).max)
    target = (first.labels == label).astype(np.uint8)
    if not target.any():
        raise DatasetError(f"the first frame of a validation sequence (image {clip[0]}) shows no object")
    tracker.initialize(first.image, target if start == "mask" else mask_to_box(target))
    regions, boxes = [], []
    for index in clip[1:]:
        item = source.read(index)
        truth = (item.labels == label).astype(np.uint8)
        answer = tracker.track(item.image)
        shown = answer.mask if answer.is_seen and answer.mask is not None else np.zeros_like(truth)
        regions.append(mask_iou(truth, shown))
        if truth.any():
            boxes.append(float(box_iou(mask_to_box(truth), answer.box)) if answer.is_seen else 0.0)
    return float(np.mean(regions)), float(np.mean(boxes)) if boxes else 1.0
