"""Objects that come and go in mid-video: `samn track --start 120:box:10,20,30,40 --stop 200:1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from samn_tracker.app.targets import Region, Targets, targets_from_text
from samn_tracker.errors import ConfigError, RegionError
from samn_tracker.runner.digits import ascii_number

_SHOWN = 60
_KINDS = ("box", "polygon", "mask", "point")


@dataclass
class Changes:
    """What becomes of the objects while a video is tracked, in the order of the frames.

    Attributes:
        added: frame, id and region of every object that comes later.
        removed: frame and id of every object that goes.
    """

    added: list[tuple[int, int, Region]] = field(default_factory=list)
    removed: list[tuple[int, int]] = field(default_factory=list)

    def due(self, index: int) -> tuple[dict[int, Region], list[int]]:
        """The objects that come in frame `index` and those that have gone, frames that were left out included."""
        added = {number: region for frame, number, region in self.added if frame <= index}
        removed = [number for frame, number in self.removed if frame <= index]
        self.added = [one for one in self.added if one[0] > index]
        self.removed = [one for one in self.removed if one[0] > index]
        return added, removed

    def missed(self) -> str | None:
        """What to say of objects that have not come when the frames end; None if there are none."""
        if not self.added:
            return None
        each = ", ".join(f"object {number} in frame {frame}" for frame, number, _ in self.added)
        return f"the frames end before an object comes that --start asks for ({each}); give an earlier frame"


def first_and_later(starts: Sequence[str]) -> tuple[int, list[str]]:
    """The first frame to track, and the objects that begin later, of all `--start N` and `--start N:KIND:VALUES`.

    Raises:
        ConfigError: one that is neither.
    """
    later = [text for text in starts if ":" in text]
    first = [text for text in starts if ":" not in text]
    numbers = [ascii_number(text) for text in first]
    if None in numbers:
        raise ConfigError(f"--start {' '.join(first)[:_SHOWN]} is no frame's number; give 120, or 120:box:10,20,30,40")
    return (numbers[-1] or 0) if numbers else 0, later


def changes(
    later: Sequence[str], stops: Sequence[str], targets: Targets, first: int, shape: tuple[int, int]
) -> Changes:
    """The changes that the texts of `--start` and `--stop` ask for; new objects have the next free ids, in this order.

    Raises:
        ConfigError: a text of another form, or an object that begins before the others.
        RegionError: a region that is malformed, empty or outside the frame.
    """
    made = Changes()
    ids = set(targets.regions)
    for text in later:
        words, _, rest = text.partition(":")
        frame = ascii_number(words)
        kind, _, values = rest.partition(":")
        if frame is None or kind not in _KINDS or not values:
            raise ConfigError(f"--start {text[:_SHOWN]} is not FRAME:KIND:VALUES with a kind of {', '.join(_KINDS)}")
        if frame <= first:
            raise ConfigError(
                f"--start {text[:_SHOWN]} is not after the first frame, {first}; give it as --{kind} {values}"
            )
        given = {one: [values] if one == kind else [] for one in _KINDS}
        given["point"] = values.split(";") if kind == "point" else []
        try:
            found = targets_from_text(given["box"], given["polygon"], given["mask"], shape, given["point"])
        except RegionError as error:
            raise RegionError(f"--start {text[:_SHOWN]}: {error}") from None
        for region in found.regions.values():
            number = max(ids, default=0) + 1
            ids.add(number)
            made.added.append((frame, number, region))
    for text in stops:
        words, _, last = text.partition(":")
        frame, one = ascii_number(words), ascii_number(last)
        if frame is None or one is None or one not in ids:
            raise ConfigError(
                f"--stop {text[:_SHOWN]} is not FRAME:ID with an object of {', '.join(map(str, sorted(ids)))}"
            )
        made.removed.append((frame, one))
    return made
