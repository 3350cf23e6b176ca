"""What is measured: two variants with one set of weights each, and one frame that is shown again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from samn_tracker.bench.reference import Reference
from samn_tracker.bench.stopwatch import Stopwatch
from samn_tracker.bench.timed_parts import timed_parts
from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.core.places import segmentation_window
from samn_tracker.core.state import TrackState
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import WeightsError
from samn_tracker.loading import find_weights
from samn_tracker.model.decoder import Decoder
from samn_tracker.model.network import Network
from samn_tracker.model.weights import Ranges, load_weights
from samn_tracker.runtime.calibration import activation_ranges
from samn_tracker.runtime.engine import Engine
from samn_tracker.synthetic import make_sequence

FRAME_SIZE = (854, 480)
"""Width and height of every picture: DAVIS at 480p."""


@dataclass(frozen=True)
class Variant:
    """One network for both sides, and the product's configuration; `weights` says where the network is from."""

    name: str
    network: Network
    config: TrackerConfig
    weights: str

    def engine(self, device: str) -> Engine:
        """The network on a device, as the configuration says, with the ranges that int8 needs."""
        return Engine(self.network, device, self.config.runtime, self._ranges)

    @cached_property
    def _ranges(self) -> Ranges:
        return activation_ranges(self.network)


def make_variants() -> list[Variant]:
    """r50 with random weights, as none are shipped, by default and with the published passes; lite as shipped."""
    heavy = random_network(SAMN_R50)
    own_pass = replace(SAMN_R50, spatial=replace(SAMN_R50.spatial, localisation_pass="own"))
    return [
        Variant("r50", heavy, SAMN_R50, "random"),
        Variant("r50, own pass", heavy, own_pass, "random"),
        make_light_variant(),
    ]


def make_light_variant() -> Variant:
    """lite with the shipped weights; where there are none, random ones. On the patches of a start from a box."""
    config = SAMN_LITE.with_patch_size(SAMN_LITE.box_start.patch_size)
    try:
        network, info = load_weights(find_weights("samn-lite"))
    except WeightsError:
        return Variant("lite", random_network(config), config, "random")
    return Variant("lite", network.eval(), replace(config, model=info.model), f"sha256 {info.sha256[:12]}")


def random_network(config: TrackerConfig) -> Network:
    """Seeded random encoders, and a decoder that answers a disc of the target's size around the located centre.

    Time does not depend on the values of weights, but the masks of random ones would: they touch every border.
    """
    torch.manual_seed(0)
    network = Network(config.model).eval()
    _answer_discs(network.decoder, radius=0.5 / config.segmentation.search_factor)
    return network


@torch.no_grad()
def _answer_discs(decoder: Decoder, radius: float) -> None:
    """Let the location map through to the logits: target where the distance, in patch widths, is below `radius`."""
    for module in decoder.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.zero_()
            if module.bias is not None:
                module.bias.zero_()
    middle = decoder.predict.weight[1, :, 1, 1]
    middle.fill_(-100 / len(middle))
    assert decoder.predict.bias is not None
    decoder.predict.bias[1] = 100 * radius


class Still:
    """One picture with its target: every frame takes every step, and costs the same."""

    def __init__(self) -> None:
        sequence = make_sequence("moving", seed=3, length=1, size=FRAME_SIZE)
        self.image: NDArray[np.uint8] = sequence.frame(0)
        self.mask: NDArray[np.uint8] = sequence.mask(0)


class ProductFrame:
    """The tracker with `stored` frames offered to its memory; every `run` tracks the same frame.

    The newest frame is read back, as the reference does it: otherwise some frames would spare the memory encoder.

    `samples` has the milliseconds of its parts, by `clock` (`Stopwatch`).
    """

    def __init__(
        self,
        engine: Engine,
        config: TrackerConfig,
        still: Still,
        stored: int,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.tracker = Tracker(engine, config.with_overrides({"appearance.last_frame": True}))
        self.tracker.keep_observation = True
        self.samples: list[dict[str, float]] = []
        self._still = still
        self._watch = Stopwatch(engine.device, clock)
        self.tracker.initialize(still.image, still.mask)
        self._fill(stored)
        self._kept = (self._state.centre.copy(), self._state.size.copy(), list(self._state.areas))

    def run(self) -> None:
        """Track one frame.

        Raises:
            RuntimeError: the frame did not take every step, so its time would say nothing.
        """
        state = self._state
        state.centre, state.size = self._kept[0].copy(), self._kept[1].copy()
        state.areas = deque(self._kept[2], maxlen=state.areas.maxlen)
        with timed_parts(self.tracker, self._watch):
            answer = self.tracker.track(self._still.image)
        self.samples.append(self._watch.take())
        seen = self.tracker.observation
        if not answer.found or seen is None or not seen.trusted:
            raise RuntimeError(f"the frame was not followed (found: {answer.found}); its time would say nothing")

    @property
    def _state(self) -> TrackState:
        assert self.tracker.state is not None
        return self.tracker.state

    def _fill(self, stored: int) -> None:
        """Offer the first frame's memory again and again, as if it came every `interval` frames."""
        state, config = self._state, self.tracker.config
        window = segmentation_window(state.centre, state.size, state.start.patch_size, config)
        encoded = self.tracker.engine.encode(window.crop(self._still.image)[None])
        memory = self.tracker.engine.memorise(encoded, window.crop_mask(self._still.mask)[None])
        for _ in range(1, stored):
            state.frame_index += config.appearance.interval
            state.bank.memorise(*memory, state.frame_index)


class ReferenceFrame:
    """The reference with `stored` frames in its memory; every `run` tracks the same frame."""

    def __init__(self, reference: Reference, still: Still, stored: int) -> None:
        self.samples: list[dict[str, float]] = []
        self._reference = reference
        self._still = still
        self._memory = (reference.keys[:1] * stored, reference.values[:1] * stored)
        self._kept = (reference.centre, reference.size)

    def run(self) -> None:
        """Track one frame, with the memory as it was."""
        reference = self._reference
        reference.centre, reference.size = self._kept
        reference.keys, reference.values = list(self._memory[0]), list(self._memory[1])
        reference.track(self._still.image)
        self.samples.append(reference.parts.take())
