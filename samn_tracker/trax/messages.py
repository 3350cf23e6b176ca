"""TraX messages and regions as text, for our client; the server side is the library's.

A message is a line: `@@TRAX:state "12,7,30,20" "confidence=0.93"`. A region is `x,y,w,h`, `x1,y1,x2,y2,...`, a mask
`mask:X,Y,W,H,run,run,...` (runs of zeros and ones in turn, zeros first; the last one of zeros may be left out; some
trackers write `m` for `mask:`), or one number that says there is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError
from samn_tracker.shapes.regions import TargetKind, rle_decode, rle_encode

MARK = "@@TRAX:"
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SPECIAL = re.compile(r'[\\"\n]')
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


@dataclass(frozen=True)
class Message:
    """`kind` is hello, state, quit ...; `values` the arguments without a name, `properties` those with one."""

    kind: str
    values: tuple[str, ...]
    properties: Mapping[str, str]


@dataclass(frozen=True)
class MaskPart:
    """A mask (h, w) of 0 and 1 whose first pixel is at column, row `offset`."""

    offset: tuple[int, int]
    mask: NDArray[np.uint8]


def format_message(kind: str, values: Sequence[str] = (), properties: Mapping[str, str] | None = None) -> bytes:
    """The line of a message."""
    arguments = [*values, *(f"{key}={value}" for key, value in (properties or {}).items())]
    escaped = [_SPECIAL.sub(lambda found: _ESCAPED[found[0]], one) for one in arguments]
    quoted = "".join(f'"{one}" ' for one in escaped)
    return f"{MARK}{kind} {quoted}\n".encode()


def parse_message(line: str) -> Message | None:
    """The message in a line, whatever was printed before it; None where there is none."""
    place = line.find(MARK)
    if place < 0:
        return None
    kind, _, rest = line[place + len(MARK) :].strip().partition(" ")
    arguments = [re.sub(r"\\(.)", _unescaped, one) for one in _ARGUMENT.findall(rest)]
    named = {key: value for key, equals, value in (one.partition("=") for one in arguments) if equals}
    return Message(kind, tuple(one for one in arguments if "=" not in one), named)


def format_region(target: NDArray[np.generic], kind: TargetKind) -> str:
    """The text of a box (4,), polygon (n, 2) or mask (H, W); numbers with all digits of 32-bit floats."""
    if kind == "mask":
        height, width = target.shape
        return "mask:" + ",".join(map(str, [0, 0, width, height, *rle_encode(np.asarray(target)).tolist()]))
    return ",".join(f"{float(value):.9g}" for value in np.ravel(target))


def parse_region(text: str) -> NDArray[np.float64] | MaskPart | None:
    """A box (4,), a polygon (n, 2), a mask, or None where the tracker says that there is no region.

    Raises:
        RegionError: not a region.
    """
    try:
        if text.startswith("m"):
            left, top, width, height, *runs = (int(item) for item in re.sub(r"^m(ask:)?", "", text).split(","))
            rest = width * height - sum(runs)
            return MaskPart((left, top), rle_decode([*runs, *([0] * (len(runs) % 2)), max(rest, 0)], (height, width)))
        numbers = np.array([float(item) for item in text.split(",")])
    except (ValueError, RegionError) as error:
        raise RegionError(f"the tracker answered {text[:60]!r}, which is no TraX region ({error})") from None
    if len(numbers) == 1:
        return None
    if len(numbers) < 4 or len(numbers) % 2:
        raise RegionError(f"the tracker answered {text[:60]!r}, which is no TraX region ({len(numbers)} numbers)")
    return numbers if len(numbers) == 4 else numbers.reshape(-1, 2)


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
