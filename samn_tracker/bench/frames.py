"""Frames, starts and several objects: the product against the reference, every round in turn."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from samn_tracker.bench.reference import Reference
from samn_tracker.bench.scenario import FRAME_SIZE, ProductFrame, ReferenceFrame, Still, Variant
from samn_tracker.bench.stopwatch import interleaved, medians
from samn_tracker.core.multi_tracker import MultiTracker
from samn_tracker.core.tracker import Tracker
from samn_tracker.synthetic import make_multi_object

STORED_FRAMES = (1, 20, 60)
OBJECTS = 5


@dataclass(frozen=True)
class Comparison:
    """Median milliseconds of both sides, and of their parts."""

    reference: float
    product: float
    reference_parts: dict[str, float]
    product_parts: dict[str, float]

    @property
    def ratio(self) -> float:
        """How many times faster the product is."""
        return self.reference / self.product

    def as_json(self) -> dict[str, Any]:
        """Milliseconds and their ratio."""
        return {**vars(self), "ratio": self.ratio}


def compare_frames(variants: list[Variant], device: str, repeats: int) -> dict[str, dict[int, Comparison]]:
    """One frame with 1, 20 and 60 stored frames (`STORED_FRAMES`), all interleaved, for variants of one network.

    The reference follows the first variant's configuration, and every variant is compared to it.
    """
    still, first = Still(), variants[0]
    engine = first.engine(device)
    reference = Reference(first.network, first.config, str(engine.device))
    reference.start(still.image, still.mask)
    theirs = {stored: ReferenceFrame(reference, still, stored) for stored in STORED_FRAMES}
    ours = {
        (one.name, stored): ProductFrame(engine, one.config, still, stored)
        for stored in STORED_FRAMES
        for one in variants
    }
    actions = {f"reference {stored}": frame.run for stored, frame in theirs.items()}
    actions |= {f"{name} {stored}": frame.run for (name, stored), frame in ours.items()}
    times = {name: median(values) for name, values in interleaved(actions, repeats).items()}

    def compared(name: str, stored: int) -> Comparison:
        reference_ms, product_ms = times[f"reference {stored}"], times[f"{name} {stored}"]
        reference_parts = _parts(reference_ms, theirs[stored].samples[1:])
        return Comparison(reference_ms, product_ms, reference_parts, _parts(product_ms, ours[name, stored].samples[1:]))

    return {one.name: {stored: compared(one.name, stored) for stored in STORED_FRAMES} for one in variants}


def _parts(whole: float, samples: list[dict[str, float]]) -> dict[str, float]:
    """Medians of the parts, and what they leave of the whole."""
    parts = medians(samples)
    return {**parts, "rest": max(whole - sum(parts.values()), 0.0)}


def compare_starts(variant: Variant, device: str, repeats: int) -> Comparison:
    """First memory and filter from a given mask, interleaved."""
    still, engine = Still(), variant.engine(device)
    reference = Reference(variant.network, variant.config, str(engine.device))
    tracker = Tracker(engine, variant.config)
    times = interleaved(
        {
            "reference": lambda: reference.start(still.image, still.mask),
            "product": lambda: tracker.initialize(still.image, still.mask),
        },
        repeats,
    )
    return Comparison(median(times["reference"]), median(times["product"]), {}, {})


def compare_objects(variant: Variant, device: str, repeats: int) -> dict[str, float]:
    """Median milliseconds of a frame with one and with five objects in one pass, and with one in the single tracker."""
    engine = variant.engine(device)
    sequence = make_multi_object(seed=1, length=1, size=FRAME_SIZE, objects=OBJECTS)
    image, labels = sequence.frame(0), sequence.labels(0)
    trackers = {count: MultiTracker(engine, variant.config) for count in (1, OBJECTS)}
    single = Tracker(engine, variant.config)
    single.initialize(image, (labels == 1).astype("uint8"))
    for count, tracker in trackers.items():
        tracker.initialize_objects(image, labels * (labels <= count))
        for _ in range(2 * variant.config.appearance.interval):
            tracker.track_objects(image)
    times = interleaved(
        {
            "one object": lambda: trackers[1].track_objects(image),
            f"{OBJECTS} objects": lambda: trackers[OBJECTS].track_objects(image),
            "one object, single tracker": lambda: single.track(image),
        },
        repeats,
    )
    return {name: median(values) for name, values in times.items()}
