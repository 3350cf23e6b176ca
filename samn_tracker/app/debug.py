"""`--debug-dir`: what the tracker saw in every frame, as a picture and as a line of JSON, to understand a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.attention import attention_of, copy_bank
from samn_tracker.app.debug_picture import Memory, compose
from samn_tracker.app.followers import Follower, SeparateFollower
from samn_tracker.app.frames import Frame
from samn_tracker.core.observe import Observation
from samn_tracker.core.places import segmentation_window
from samn_tracker.core.state import TrackState
from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import ConfigError
from samn_tracker.files import open_text, write_new
from samn_tracker.images import encode_image
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import STRIDE
from samn_tracker.output_folder import OutputFolder
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.geometry import Window

_THUMBNAIL = 176


class DebugOutput:
    """Writes `00000000.png`, ... and `frames.jsonl` (one object a line) into a folder.

    Args:
        folder: open, with `outputs.DEBUG_PATTERNS`.
        follower: of one object, with a tracker of this project.
        pixel: x, y in the image of the position whose attention is drawn; default the middle of each answer.

    Raises:
        ConfigError: another tracker, or several objects.
    """

    def __init__(self, folder: OutputFolder, follower: Follower, pixel: tuple[float, float] | None = None) -> None:
        trackers = list(follower.trackers.values()) if isinstance(follower, SeparateFollower) else []
        if len(trackers) != 1 or not isinstance(trackers[0], Tracker):
            raise ConfigError("--debug-dir looks into one object of a samn tracker; give one target, --tracker samn-…")
        self._tracker = trackers[0]
        self._tracker.keep_observation = True
        self._pixel = pixel
        self._folder = folder
        self._thumbnails: dict[int, NDArray[np.uint8]] = {}
        self._bank: AppearanceBank | None = None
        self._lines: TextIO | None = None

    def before(self) -> None:
        """Keep the memory as it is before the next frame is read and memorised."""
        self._bank = copy_bank(self._state.bank)

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """Add the frame that the tracker has just answered."""
        (answer,) = answers.values()
        seen = self._tracker.observation
        window = seen.window if seen else self._first_window()
        point = np.asarray(self._pixel if self._pixel else answer.box[:2] + answer.box[2:] / 2, dtype=np.float64)
        memories = self._memories(seen, window, frame.image, point) if seen else []
        picture = compose(frame.image, answer, seen, window, memories, point)
        self._lines = self._lines or open_text(self._folder.new("frames.jsonl"), "x")
        write_new(self._folder.new(f"{frame.index:08d}.png"), encode_image(picture, ".png"))
        self._lines.write(json.dumps(describe(frame.index, answer, seen, window)) + "\n")
        self._keep_thumbnails(frame.image, window)

    def close(self) -> Path | None:
        """Finish; the folder."""
        if self._lines is None:
            return None
        self._lines.close()
        return self._folder.root

    @property
    def _state(self) -> TrackState:
        assert self._tracker.state is not None
        return self._tracker.state

    def _first_window(self) -> Window:
        state = self._state
        return segmentation_window(state.centre, state.size, state.start.patch_size, self._tracker.config)

    def _memories(
        self, seen: Observation, window: Window, image: NDArray[np.uint8], point: NDArray[np.float64]
    ) -> list[Memory]:
        """Each frame that was read, in order of time, with the attention of the point, if it lies in the patch."""
        maps: list[NDArray[np.float32] | None] = [None] * len(seen.read_frames)
        column, row = (window.to_crop(point) // STRIDE).astype(int)
        cells = window.size // STRIDE
        if self._bank is not None and 0 <= column < cells and 0 <= row < cells:
            key = self._tracker.engine.encode(window.crop(image)[None]).query.key
            maps = list(attention_of(self._bank, key, (row, column), self._tracker.config.model.similarity))
        read = zip(seen.read_frames, seen.read_weights(), maps, strict=True)
        memories = [Memory(index, weight, self._thumbnails[index], one) for index, weight, one in read]
        return sorted(memories, key=lambda memory: memory.index)

    def _keep_thumbnails(self, image: NDArray[np.uint8], window: Window) -> None:
        """Small patches of the frames in the memory, and of no other."""
        self._tracker.finish_frame()
        self._thumbnails[self._state.frame_index] = Window(window.centre, window.side, _THUMBNAIL).crop(image)
        held = set(self._state.bank.frame_indices)
        self._thumbnails = {index: one for index, one in self._thumbnails.items() if index in held}


def describe(index: int, answer: Prediction, seen: Observation | None, window: Window) -> dict[str, Any]:
    """One frame as a JSON-able dictionary; `search` is None in the first frame and without spatial memory.

    `window` is the segmented patch, `uncertainty` is null where no score is positive, `memory` holds [frame, weight] in
    order of time.
    """
    search = seen.search if seen else None
    return {
        "frame": index,
        "box": np.round(answer.box, 3).tolist(),
        "polygon": None if answer.polygon is None else np.round(answer.polygon, 3).tolist(),
        "mask_pixels": None if answer.mask is None else int(answer.mask.sum()),
        "confidence": round(float(answer.confidence), 5),
        "found": bool(answer.found),
        "window": {"centre": [round(value, 3) for value in window.centre], "side": round(window.side, 3)},
        "search": None
        if search is None
        else {
            "window": {"centre": [round(v, 3) for v in search.window.centre], "side": round(search.window.side, 3)},
            "centre": np.round(search.peak, 3).tolist(),
            "peak": round(search.localisation.peak, 5),
            "uncertainty": _finite(search.localisation.uncertainty),
            "hard_negative": bool(search.localisation.hard_negative),
            "trusted": bool(search.trusted),
            "elsewhere": bool(search.elsewhere),
        },
        "memory": [
            [index, round(weight, 5)]
            for index, weight in sorted(zip(seen.read_frames, seen.read_weights(), strict=True))
        ]
        if seen
        else [],
    }


def _finite(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None
