"""Deterministic generated sequences with exact masks and polygons, for the demo and the tests.

Textured objects move over textured ground. Everything follows from (kind, seed, length, size, textures): the same
arguments give the same frames in every run.
"""

from samn_tracker.synthetic.sequences import (
    KINDS,
    TAGS,
    MultiObjectSequence,
    SyntheticSequence,
    make_multi_object,
    make_sequence,
    write_sequence_images,
)

__all__ = [
    "KINDS",
    "TAGS",
    "MultiObjectSequence",
    "SyntheticSequence",
    "make_multi_object",
    "make_sequence",
    "write_sequence_images",
]
