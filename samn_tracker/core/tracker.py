"""The tracker of one target: each frame is observed, decided upon and learnt (section 3.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig
from samn_tracker.core.correction import mask_of
from samn_tracker.core.decide import decide
from samn_tracker.core.learn import Learner
from samn_tracker.core.observe import Observation, Observer
from samn_tracker.core.state import TrackState
from samn_tracker.errors import TrackerStateError
from samn_tracker.images import as_rgb, next_frame, values_of
from samn_tracker.model.weights import WeightsInfo
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.engine import Engine, tells_full_memory
from samn_tracker.shapes.points import Points
from samn_tracker.shapes.regions import as_target


class Tracker:
    """SAMN on one target. `initialize` starts, `track` follows; see `Prediction` for what they answer.

    Attributes:
        state: all that changes between frames; None before `initialize`.
        keep_observation: whether `observation` is kept, for pictures and for finding out why a frame failed.
        observation: what was seen in the latest tracked frame, where it is kept.
    """

    def __init__(self, engine: Engine, config: TrackerConfig, info: WeightsInfo | None = None) -> None:
        self.engine = engine
        self.config = config
        self.info = info
        self.state: TrackState | None = None
        self.keep_observation = False
        self.observation: Observation | None = None
        self._image: NDArray[np.uint8] | None = None  # the frame that was given last
        self.observer = Observer(engine, config)
        self.learner = Learner(engine, config)

    @tells_full_memory
    def initialize(self, image: NDArray[Any], target: Any) -> Prediction:
        """Start on `target` in `image` and forget everything earlier.

        Args:
            image: (H, W, 3) uint8 RGB; greyscale, alpha and 16-bit are converted.
            target: box (4,) x, y, w, h, polygon (4, 2), mask (H, W), or `Points`, in 0-based image pixels.

        Raises:
            ImageError: not an image.
            RegionError: a region that is malformed, empty or outside the image; nothing stands out at the points.
        """
        self.state = self.observation = None
        values = values_of(image)
        self._image = image = as_rgb(image, values)
        if isinstance(target, Points):
            target = mask_of(self.engine, self.config, None, image, target)
        self.state = self.learner.start(image, as_target(target, image.shape[:2]))
        self.state.values = values
        return self.state.last

    @tells_full_memory
    def track(self, image: NDArray[Any]) -> Prediction:
        """Find the target in the next frame.

        Raises:
            TrackerStateError: `initialize` was not called.
            ImageError: not an image, or one of another size than the first.
        """
        state = self._started("track")
        image = next_frame(image, state.shape, state.frame_index + 1, state.values)
        observation = self.observer.observe(image, state, meanwhile=self.learner.finish)
        decision = decide(state, observation, self.config)
        self.learner.learn(state, observation, decision)
        self._image = image
        self.observation = observation if self.keep_observation else None
        return decision.answer

    @tells_full_memory
    def correct(self, target: Any, image: NDArray[Any] | None = None, *, permanent: bool = True) -> Prediction:
        """Show the target anew, in the present frame or in another one, and go on from there; nothing is forgotten.

        Args:
            target: as of `initialize`. Points are looked up in what is known of the target, before in the picture.
            image: another frame of the video, (H, W, 3) uint8 RGB; default the one that was given last.
            permanent: the frame is never dropped from the memory; else it is one like those that are tracked.

        Raises:
            TrackerStateError: `initialize` was not called.
            ImageError, RegionError: as `initialize`.
        """
        state = self._started("correct")
        present = self._image
        assert present is not None
        shown = present if image is None else next_frame(image, state.shape, state.frame_index + 1, state.values)
        mask = mask_of(self.engine, self.config, state, shown, target)
        self.learner.correct(state, shown, mask, is_new=image is not None, permanent=permanent)
        self._image = shown
        return state.last

    @tells_full_memory
    def remember(self, image: NDArray[Any], mask: NDArray[Any], least_overlap: float = 0.0) -> bool:
        """Give the appearance memory another frame of the video with its mask (H, W); the target stays where it is.

        Args:
            least_overlap: it is stored only where what is known of the target already is seen at the mask, with at
                least this intersection over union; 0 does not ask.

        Returns:
            Whether it was stored.

        Raises:
            TrackerStateError: `initialize` was not called.
            ImageError, RegionError: as `initialize`.
        """
        state = self._started("remember")
        image = next_frame(image, state.shape, state.frame_index + 1, state.values)
        return self.learner.remember(state, image, mask_of(self.engine, self.config, state, image, mask), least_overlap)

    @tells_full_memory
    def propose(self, image: NDArray[Any], target: Any) -> NDArray[np.uint8]:
        """The mask (H, W) of 0 and 1 that `initialize` or `correct` would understand a target as; changes nothing.

        Raises:
            ImageError, RegionError: as `initialize`.
        """
        return mask_of(self.engine, self.config, self.state, as_rgb(image), target)

    @tells_full_memory
    def finish_frame(self) -> None:
        """Let the appearance memory learn from the latest frame now, not only while `track` searches the next one."""
        if self.state is not None:
            self.learner.finish(self.state)

    def _started(self, called: str) -> TrackState:
        if self.state is None:
            raise TrackerStateError(f"{called}() was called before initialize(); call initialize(image, target) first")
        return self.state
