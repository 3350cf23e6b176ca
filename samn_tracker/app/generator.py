"""`samn_tracker.track_video`: frame after frame with its answer, from anything that pictures come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from samn_tracker.app.followers import create_follower
from samn_tracker.app.frames import Frame
from samn_tracker.app.sources import open_source
from samn_tracker.app.targets import Targets
from samn_tracker.errors import ImageError
from samn_tracker.images import next_frame
from samn_tracker.prediction import Prediction

Answered = tuple[Frame, Any]
"""A frame and its `Prediction`; by id, where several targets were given."""


def track_video(
    source: str | Path,
    target: Any,
    stream: bool = False,
    *,
    start: int = 0,
    end: int | None = None,
    stride: int = 1,
    tracker: str = "samn-lite",
    device: str = "auto",
    settings: Mapping[str, str] | None = None,
) -> Iterable[Answered]:
    """Follow a target through a video; the first answer is that of the first frame.

    Args:
        source: a video file, a folder of images, a glob, a camera's number, or an http, https or rtsp address.
        target: box (4,) x, y, w, h, polygon (4, 2), mask (H, W) or `Points` in the first frame; or a dictionary of
            them by id, for several objects.
        stream: True gives each answer as soon as there is one, and holds none; False gives the list of all.
        start, end, stride: frames start..end-1 of the source, every `stride`th of them.
        tracker, device, settings: as of `samn track`; settings such as {"appearance.interval": "10"}.

    Returns:
        `(frame, prediction)` pairs: `frame.index` and `frame.image` (H, W, 3) uint8 RGB, and a `Prediction`, or a
        dictionary of them by id where the target is one.

    Raises:
        SamnError: the source, the target or the tracker is not usable; the first three at once, not at the first pair.
    """
    frames = open_source(str(source), start, end, stride)
    several = isinstance(target, Mapping)
    targets = Targets(dict(target) if several else {1: target})
    follower = create_follower(tracker, device, settings or {}, targets)

    def answered() -> Iterator[Answered]:
        shape: tuple[int, int] | None = None
        for frame in frames:
            if shape is None:
                shape = (frame.image.shape[0], frame.image.shape[1])
                answers: Mapping[int, Prediction] = follower.start(frame.image)
            else:
                answers = follower.follow(next_frame(frame.image, shape, frame.index))
            yield frame, dict(answers) if several else answers[1]
        if shape is None:
            raise ImageError(f"{frames.name} ends before frame {start}; give a smaller start")

    return answered() if stream else list(answered())
