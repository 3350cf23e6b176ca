"""A project's answers as the files that `samn track` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from samn_tracker.app.outputs import open_outputs, parse_kinds, patterns_of
from samn_tracker.app.tracking import close_all
from samn_tracker.errors import ResultError
from samn_tracker.output_folder import OutputFolder
from samn_tracker.studio.answers import Thing
from samn_tracker.studio.frames import FrameStore

DEFAULT_KINDS = "overlay,masks,txt"


def save_results(
    folder: Path, kinds: str, store: FrameStore, things: Mapping[int, Thing], tell: Callable[[int], None]
) -> dict[str, Path]:
    """Write `kinds`, as of `samn track --save`, below `folder`; every frame of the video, answered or not.

    Args:
        tell: is given every frame's number after it was written.

    Raises:
        ConfigError: an unknown kind.
        ResultError: nothing was answered, or a file cannot be written.
        ImageError: a frame cannot be decoded.
    """
    if not any(thing.answers for thing in things.values()):
        raise ResultError("there is nothing to save yet; mark an object and track it first")
    parsed = parse_kinds(kinds)
    with OutputFolder(folder, patterns_of(parsed), store.files) as inside:
        outputs = open_outputs(inside, parsed, store.frames_per_second)
        try:
            for index in range(store.count):
                shown = {one: thing.answers[index] for one, thing in things.items() if index in thing.answers}
                predictions = {one: answer.prediction(store.shape) for one, answer in shown.items()}
                frame = store.frame(index)
                for output in outputs.values():
                    output.write(frame, predictions)
                tell(index)
        finally:
            files, faults = close_all(outputs)
    if faults:
        raise ResultError("; ".join(faults))
    return files
