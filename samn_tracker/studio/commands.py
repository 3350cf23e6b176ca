"""Messages of the page, checked: what it may ask for, and with which values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from samn_tracker.errors import ConfigError

MAXIMUM_MESSAGE = 64 << 10
"""Bytes of one message; a long stroke of the brush has a tenth of it."""
_LONGEST_NAME = 80
_LARGEST = 1e6


def parse(text: str | bytes) -> tuple[str, dict[str, Any]]:
    """The command's name and its checked values.

    Raises:
        ConfigError: too long, not JSON, an unknown command, or a value that is missing or of another kind.
    """
    if len(text) > MAXIMUM_MESSAGE:
        raise ConfigError(f"a message of {len(text)} bytes is too long; the most is {MAXIMUM_MESSAGE}")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError("a message is not JSON") from None
    name = message.get("type") if isinstance(message, dict) else None
    if not isinstance(name, str) or name not in COMMANDS:
        raise ConfigError(f"unknown command {str(name)[:40]!r}; known: {', '.join(COMMANDS)}")
    values, faults = {}, []
    for key, (argument, check) in COMMANDS[name].items():
        try:
            values[argument] = check(message[key])
        except (KeyError, TypeError, ValueError, OverflowError):
            faults.append(key)
    if faults:
        raise ConfigError(f"{name}: {', '.join(faults)} missing or impossible")
    return name, values


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > _LARGEST:
        raise ValueError
    return float(value)


def _truth(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME or not value.isprintable():
        raise ValueError
    return value.strip()


def _pair(value: Any) -> tuple[float, float]:
    x, y = value
    return _number(x), _number(y)


def _stroke(value: Any) -> list[tuple[float, float]]:
    pairs = [_pair(one) for one in value]
    if not pairs:
        raise ValueError
    return pairs


def _box(value: Any) -> list[float]:
    x, y, width, height = value
    return [_number(one) for one in (x, y, width, height)]


Checks = dict[str, tuple[str, Callable[[Any], Any]]]
_OBJECT: Checks = {"object": ("one", _whole)}
_PLACE: Checks = {**_OBJECT, "frame": ("index", _whole)}

COMMANDS: dict[str, Checks] = {
    "add_object": {"name": ("name", _text)},
    "rename": {**_OBJECT, "name": ("name", _text)},
    "remove": _OBJECT,
    "point": {**_PLACE, "point": ("point", _pair), "positive": ("positive", _truth)},
    "box": {**_PLACE, "box": ("box", _box)},
    "stroke": {**_PLACE, "stroke": ("stroke", _stroke), "radius": ("radius", _number), "add": ("add", _truth)},
    "clear": _PLACE,
    "track": {"frame": ("index", _whole), "forwards": ("forwards", _truth)},
    "stop": {},
    "undo": {},
    "save": {"kinds": ("kinds", _text)},
}
"""Command -> key of the message -> argument of the `Session` method of the command's name, and what checks it."""
