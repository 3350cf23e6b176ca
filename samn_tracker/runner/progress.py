"""What a person sees of a run, on stderr: lines, and a bar where there is a terminal."""

from __future__ import annotations

import sys

from tqdm import tqdm

from samn_tracker.runner.sequences import Sequence


class Progress:
    """A bar on stderr with the sequence, the tracker's frames per second and the time left; absent if no terminal."""

    def __init__(self, sequences: list[Sequence]) -> None:
        self._bar = tqdm(total=sum(map(len, sequences)), unit="frame", file=sys.stderr, disable=None, smoothing=0.05)
        self._frames, self._seconds = 0, 0.0

    def begin(self, name: str) -> None:
        """Show the name of the sequence that runs now."""
        self._bar.set_description(name)

    def frame(self, seconds: float, count: int = 1) -> None:
        """Advance by `count` frames that took the tracker `seconds` altogether."""
        self._frames, self._seconds = self._frames + count, self._seconds + seconds
        if self._seconds > 0:
            self._bar.set_postfix_str(f"tracker {self._frames / self._seconds:.1f} fps", refresh=False)
        self._bar.update(count)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def tell(message: str) -> None:
    """A line for people, on stderr."""
    tqdm.write(message, file=sys.stderr)
