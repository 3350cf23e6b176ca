"""Numbers in text that a person or a file name gives: ASCII digits only.

`str.isdigit` also says yes to `²` and to the digits of other scripts, of which `int` takes some and refuses others.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

_LONGEST = 18
"""Digits; what is longer is no count of anything, and `int` refuses thousands of them with an error of its own."""


def ascii_number(text: str) -> int | None:
    """The whole number, 0 or more, that `text` is; None where it is anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None


def positive(text: str) -> int:
    """A number above 0 of a command line; anything else makes it a wrong one (exit code 2)."""
    number = ascii_number(text)
    if not number:
        raise argparse.ArgumentTypeError(f"'{text[:_LONGEST]}' is not a number above 0")
    return number


def within(lowest: int, highest: int, step: int = 1) -> Callable[[str], int]:
    """For a number of a command line from `lowest`, 0 or more, to `highest`, a multiple of `step`; else a wrong one."""
    steps = f", a multiple of {step}" if step > 1 else ""

    def number(text: str) -> int:
        found = ascii_number(text)
        if found is None or not lowest <= found <= highest or found % step:
            raise argparse.ArgumentTypeError(f"'{text[:_LONGEST]}' is not a number from {lowest} to {highest}{steps}")
        return found

    return number


def duration(text: str) -> float:
    """A time above 0 of a command line, with or without decimals; anything else makes it a wrong one."""
    try:
        found = float(text) if text.isascii() else math.nan
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"'{text[:_LONGEST]}' is not a time above 0")
    return found
