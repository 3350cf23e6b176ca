"""Keys and values of frames in slots: buffers allocated once per start, and how they grow and shrink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from samn_tracker.memory.dynamic import pool_key


@dataclass
class FrameBuffers:
    """Slots for frames of O objects with P cells; what a free slot holds means nothing.

    Attributes:
        keys: (O, capacity, P, Ck), at least float32, as they are read.
        values: (O, capacity, P, Cv).
        pooled: (O, capacity, G, Ck) float32, the keys pooled to a grid.
        relevance: (capacity,) float32, of each frame; NaN where nothing is known of it yet.
        shares_keys: every frame came with one key for all objects (expanded), so they all read alike.
    """

    keys: Tensor
    values: Tensor
    pooled: Tensor
    relevance: Tensor
    grid: int
    shares_keys: bool = True

    @classmethod
    def allocate(cls, key: Tensor, value: Tensor, capacity: int, grid: int) -> FrameBuffers:
        """Free slots for frames like this one, key (O, Ck, h, w) and value (O, Cv, h, w), pooled to grid x grid."""
        objects, key_channels, height, width = key.shape
        shape = (objects, capacity, height * width)
        with torch.inference_mode(False):
            return cls(
                keys=key.new_zeros(*shape, key_channels, dtype=torch.promote_types(key.dtype, torch.float32)),
                values=value.new_zeros(*shape, value.shape[1]),
                pooled=key.new_zeros(objects, capacity, grid**2, key_channels, dtype=torch.float32),
                relevance=key.new_zeros(capacity, dtype=torch.float32),
                grid=grid,
            )

    @property
    def capacity(self) -> int:
        """How many slots there are."""
        return len(self.relevance)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return sum(b.numel() * b.element_size() for b in (self.keys, self.values, self.pooled, self.relevance))

    def write(self, slot: int, key: Tensor, value: Tensor, objects: slice = slice(None)) -> None:
        """Copy a frame into a slot, of all objects or of some; nothing is known of its relevance yet."""
        self.shares_keys = self.shares_keys and (len(key) == 1 or key.stride(0) == 0)
        self.keys[objects, slot] = key.flatten(2).transpose(1, 2)
        self.values[objects, slot] = value.flatten(2).transpose(1, 2)
        self.pooled[objects, slot] = pool_key(key, self.grid)
        self.relevance[slot] = torch.nan

    def copy(self, source: int, slot: int) -> None:
        """Copy the frame of one slot, with its relevance, into another."""
        for buffer in (self.keys, self.values, self.pooled):
            buffer[:, slot] = buffer[:, source]
        self.relevance[slot] = self.relevance[source]

    def insert(self, slot: int) -> None:
        """A free slot before this one, so that it and those after it move up."""
        self._each(lambda buffer: torch.cat([buffer[:, :slot], buffer[:, :1], buffer[:, slot:]], dim=1))
        with torch.inference_mode(False):
            self.relevance = torch.cat([self.relevance[:slot], self.relevance[:1], self.relevance[slot:]])

    def double(self) -> None:
        """As many free slots more as there are slots."""
        self._each(lambda buffer: torch.cat([buffer, torch.zeros_like(buffer)], dim=1))
        with torch.inference_mode(False):
            self.relevance = torch.cat([self.relevance, torch.zeros_like(self.relevance)])

    def add_objects(self, count: int) -> None:
        """Room for so many objects more, behind the present ones; their keys are their own."""
        self.shares_keys = False
        self._each(lambda buffer: torch.cat([buffer, buffer.new_zeros(count, *buffer.shape[1:])]))

    def remove_object(self, place: int) -> None:
        """Without the object at `place`; those after it move up."""
        rest = [row for row in range(len(self.keys)) if row != place]
        self._each(lambda buffer: buffer[rest].clone())

    def _each(self, change: Callable[[Tensor], Tensor]) -> None:
        with torch.inference_mode(False):
            self.keys, self.values, self.pooled = (change(one) for one in (self.keys, self.values, self.pooled))
