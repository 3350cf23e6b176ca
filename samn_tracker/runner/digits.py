"""Numbers in text that a person or a file name gives: ASCII digits only.

`str.isdigit` also says yes to `²` and to the digits of other scripts, of which `int` takes some and refuses others.
"""

from __future__ import annotations

import argparse

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
