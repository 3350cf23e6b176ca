"""Damaged input from valid input: bytes flipped, cut, repeated, spliced, and numbers and words made extreme."""

from __future__ import annotations

import random
import re

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TOKENS = [
    *(b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"-0.0", b"1e-320", b"4294967295", b"65536", b"32768"),
    *(b"99999999999999999999", b"1_000", b"0x10", b"\xd9\xa3", b"", b" ", b",", b",,", b"\t", b"\n", b"\r\n", b"\x00"),
    *(b"m", b"[", b"]", b"{", b"}", b'"', b"'", b"null", b"true", b"None", b"=", b".", b":", b"../", b"/", b"\\"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"%s", b"\x80" * 8, b"a" * 300, b"[" * 5000),
]


def mutated(seeds: list[bytes], lot: random.Random) -> bytes:
    """One of the seeds after one to six random changes; one in fifty is noise of its own."""
    if lot.random() < 0.02:
        return lot.randbytes(lot.randrange(200))
    data = lot.choice(seeds)
    for _ in range(lot.choice((1, 1, 1, 2, 3, 6))):
        data = lot.choice(_CHANGES)(data, seeds, lot)
    return data


def _flip(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(lot.choice((1, 1, 2, 8)) if changed else 0):
        changed[lot.randrange(len(changed))] = lot.choice((0, 1, 127, 128, 255, lot.randrange(256)))
    return bytes(changed)


def _cut(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    start, stop = _slice(data, lot)
    return data[:start] + data[stop:]


def _truncate(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    return data[: lot.randrange(len(data) + 1)]


def _repeat(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    start, stop = _slice(data, lot)
    return data[:stop] + data[start:stop] * lot.choice((1, 1, 2, 20)) + data[stop:]


def _insert(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    place = lot.randrange(len(data) + 1)
    return data[:place] + lot.choice(_TOKENS) + data[place:]


def _splice(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    start, stop = _slice(lot.choice(seeds), lot)
    place = lot.randrange(len(data) + 1)
    return data[:place] + lot.choice(seeds)[start:stop] + data[place:]


def _renumber(data: bytes, seeds: list[bytes], lot: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return _flip(data, seeds, lot)
    start, stop = lot.choice(found).span()
    return data[:start] + lot.choice(_TOKENS) + data[stop:]


def _slice(data: bytes, lot: random.Random) -> tuple[int, int]:
    start = lot.randrange(len(data) + 1)
    return start, min(len(data), start + lot.choice((1, 2, 4, 16, 64)))


_CHANGES = (_flip, _cut, _truncate, _repeat, _insert, _splice, _renumber, _renumber)
