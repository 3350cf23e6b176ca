"""Where a frame's time goes: stopwatches around the steps of `Tracker.track`, taken off again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from samn_tracker.bench.stopwatch import Stopwatch
from samn_tracker.core import decide
from samn_tracker.core.tracker import Tracker
from samn_tracker.shapes.geometry import Window


@contextmanager
def timed_parts(tracker: Tracker, watch: Stopwatch) -> Iterator[None]:
    """While inside, every step of `tracker` adds its time to `watch`."""
    assert tracker.state is not None
    engine, state = tracker.engine, tracker.state
    steps: list[tuple[Any, str, str]] = [
        (engine, "features", "localisation encoder"),
        (engine, "encode", "query encoder"),
        (engine, "memorise", "memory encoder"),
        (engine, "segment", "decoder"),
        (state.bank, "weigh", "read"),
        (state.bank, "attend", "read"),
        (state.bank, "note_read", "read"),
        (state.bank, "memorise", "memory bank"),
        (Window, "crop", "crop and paste"),
        (Window, "paste", "crop and paste"),
        (decide, "parts_around", "mask and box"),
        (decide, "fit_rotated_box", "mask and box"),
        (decide, "mask_to_box", "mask and box"),
    ]
    if state.spatial is not None:
        steps += [(state.spatial, "localise", "spatial memory"), (state.spatial, "memorise", "spatial memory")]
    with ExitStack() as stack:
        for owner, method, name in steps:
            stack.enter_context(patch.object(owner, method, _timed(getattr(owner, method), watch, name)))
        yield


def _timed(function: Callable[..., Any], watch: Stopwatch, name: str) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        with watch(name):
            return function(*arguments, **named)

    return run
