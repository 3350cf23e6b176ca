"""Appearance memory bank: keys and values of past frames, and the policy of what is kept (sections 3.2 and 4.3)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.errors import ConfigError, TrackerStateError
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig
from samn_tracker.memory.dynamic import check_dynamic_config, frame_bias, frame_similarities, pool_key
from samn_tracker.memory.frame_buffers import FrameBuffers
from samn_tracker.memory.reader import read_memory
from samn_tracker.model.transfer import to_device

__all__ = ["AppearanceBank", "read_memory"]

RELEVANCE_DECAY = 0.9
"""Share of the old value in the running relevance of a stored frame; half is forgotten after about 7 queries."""
_FIRST_CAPACITY = 16
"""Frames that a bank without limit has room for at first."""


CellWeights = NDArray[np.float32] | None
"""Logarithms (P,) of the weights of a frame's cells; None where all count alike."""


class _Thinned(NamedTuple):
    """The cells that are read: which frame they are of (K,), their weights' logarithms (K,), keys and values."""

    frames: Tensor
    weights: Tensor
    keys: Tensor  # (O, 1, K, Ck)
    values: Tensor  # (O, 1, K, Cv)


class AppearanceBank:
    """Keys and values of a fixed number of frames, in buffers allocated once per start.

    Slot 0 holds each object's first frame and is never dropped (without `keep_first` it is not read any more once there
    is another). With `last_frame`, slot 1 holds the newest frame; when
    the next one overwrites it, it is first copied to a stored slot if it was due for storing, so that no frame is held
    twice. Pinned frames follow, and are never dropped either. A frame is due when at least `interval` frames have
    passed since the last due one (some may be missing, where the spatial memory did not trust them); interval 0 stores
    none. When all slots are taken, the stored frame of least relevance goes, the oldest of equals: relevance is the
    exponential mean, over the reads since the frame came, of its weight relative to a uniform one, averaged over
    objects.

    Frames that come with weights of their cells (`thinning.read_weights`) are read by those cells alone.
    """

    _buffers: FrameBuffers
    _present: Tensor  # (O, N) bool: the frame holds something for the object
    _ages: Tensor  # (O, N) in frames before the newest

    def __init__(self, appearance: AppearanceConfig, dynamic: DynamicConfig, similarity: Literal["dot", "l2"]) -> None:
        """An empty bank; `start` fills it.

        Raises:
            ConfigError: lists every value that does not make sense.
        """
        _check_appearance_config(appearance)
        check_dynamic_config(dynamic)
        self._config = appearance
        self._dynamic = dynamic
        self._similarity: Literal["dot", "l2"] = similarity
        self._grows = appearance.capacity is None and appearance.interval > 0
        self._first_capacity = appearance.capacity or _FIRST_CAPACITY
        if appearance.interval == 0:
            self._first_capacity = self._unstored
        self._slot_frames: list[int] = []
        self._slot_weights: list[CellWeights] = []
        self._thinned: _Thinned | None = None
        self._first_frames: list[int] = []
        self._bias: Tensor | None = None

    @torch.no_grad()
    def start(self, key: Tensor, value: Tensor, weights: CellWeights = None) -> None:
        """Forget everything and hold frame 0: key (O, Ck, h, w) and value (O, Cv, h, w), from the given masks."""
        self._buffers = FrameBuffers.allocate(key, value, self._first_capacity, self._dynamic.grid)
        self._first_stored = self._unstored
        self._slot_frames, self._slot_weights = [0], [weights]
        self._first_frames = [0] * len(key)
        self._last_due = 0
        self._last_is_due = False
        self._bias = None
        self._buffers.write(0, key, value)
        self._refresh()

    @torch.no_grad()
    def memorise(
        self, key: Tensor, value: Tensor, frame_index: int, weights: CellWeights = None, *, shown: bool = False
    ) -> None:
        """Offer a later frame, key (O, Ck, h, w) and value (O, Cv, h, w); the class says what becomes of it.

        One whose mask was `shown`, and not predicted, is due whenever it comes, if any is ever stored.

        Raises:
            TrackerStateError: before `start`, out of order, or with other shapes than at the start.
        """
        self._check_frame(key, value, len(self._first_frames))
        self._check_order(frame_index, max(max(self._slot_frames) + 1, *self._first_frames))
        due = self._is_due(frame_index) or (shown and self._config.interval > 0)
        if due:
            self._last_due = frame_index
        if self._config.last_frame:
            if self._last_is_due:
                self._promote_last()
            self._place(1, key, value, frame_index, weights)
            self._last_is_due = due
        elif due:
            self._place(self._free_slot(), key, value, frame_index, weights)
        self._refresh()

    def takes(self, frame_index: int) -> bool:
        """Whether `memorise` would hold a frame; one that it would not hold need not be encoded."""
        return self._config.last_frame or self._is_due(frame_index)

    @torch.no_grad()
    def pin(self, key: Tensor, value: Tensor, frame_index: int, weights: CellWeights = None) -> None:
        """Hold a frame for good, key (O, Ck, h, w) and value (O, Cv, h, w): one that a person has corrected.

        It has a slot of its own beside the capacity, so the buffers grow by one frame. Where the newest frame is the
        same one, or there is none yet, this one takes its place too.

        Raises:
            TrackerStateError: before `start`, or with other shapes than at the start.
        """
        self._check_frame(key, value, len(self._first_frames))
        newest = self._config.last_frame and (len(self) == 1 or self._slot_frames[1] == frame_index)
        if newest:
            self._place(1, key, value, frame_index, weights)
            self._last_is_due = False
        slot = self._first_stored
        self._buffers.insert(slot)
        self._first_stored += 1
        self._slot_frames.insert(slot, frame_index)
        self._slot_weights.insert(slot, weights)
        self._buffers.write(slot, key, value)
        self._refresh()

    @torch.no_grad()
    def add_objects(self, key: Tensor, value: Tensor, frame_index: int) -> None:
        """Add objects whose first frame is `frame_index`: key (A, Ck, h, w) and value (A, Cv, h, w).

        Their first frame goes to slot 0. Frames up to it are empty for them: they hold nothing and are never read. The
        new objects follow the present ones, and the buffers grow by their share.

        Raises:
            TrackerStateError: before `start`, before the newest frame held, or with other shapes than at the start.
        """
        self._check_frame(key, value, len(key))
        self._check_order(frame_index, max(self._slot_frames))
        present = len(self._first_frames)
        self._buffers.add_objects(len(key))
        self._first_frames += [frame_index] * len(key)
        self._slot_weights[0] = None
        self._buffers.write(0, key, value, slice(present, None))
        self._refresh()

    @torch.no_grad()
    def remove_object(self, place: int) -> None:
        """Forget the object at `place`; those after it move up by one, and the buffers shrink by its share."""
        self._check_started()
        self._buffers.remove_object(place)
        del self._first_frames[place]
        self._bias = None
        self._refresh()

    def read(self, query_key: Tensor) -> Tensor:
        """Retrieve (O, Cv, h, w) for a query key (O, Ck, h, w), or (1, Ck, h, w) shared by all objects.

        This is `weigh`, `note_read`, and `attend` for all positions.
        """
        bias = self.weigh(query_key)
        self.note_read(bias)
        return self.attend(query_key, bias)

    @torch.no_grad()
    def weigh(self, query_key: Tensor) -> Tensor:
        """Weigh the frames for a query key, of shape as in `read`: the bias (O, N) of each; changes nothing.

        Raises:
            TrackerStateError: before `start`.
        """
        self._check_started()
        used, rows = len(self), self._rows(query_key)
        pooled = pool_key(query_key, self._dynamic.grid)
        similarities = frame_similarities(pooled, self._buffers.pooled[:rows, :used], self._dynamic, self._ages[:rows])
        bias = frame_bias(similarities, self._dynamic.temperature, self._present[:rows])
        return bias.expand(len(self._first_frames), -1)

    @torch.no_grad()
    def attend(self, query_key: Tensor, bias: Tensor) -> Tensor:
        """Retrieve (O, Cv, h, w) for a query key, or for any part of it, with the `bias` that `weigh` gave it."""
        used, rows = len(self), self._rows(query_key)
        if all(weights is None for weights in self._slot_weights):
            keys, values = self._buffers.keys[:rows, :used], self._buffers.values[:, :used]
            return read_memory(query_key, keys, values, bias[:rows], self._similarity)
        if self._thinned is None:
            self._thinned = self._thin()
        frames, weights, keys, values = self._thinned
        cells = bias[:rows, None, frames] + weights
        return read_memory(query_key, keys[:rows], values, cells, self._similarity)

    @torch.no_grad()
    def note_read(self, bias: Tensor) -> None:
        """Count a read with the `bias` (O, N) that `weigh` gave: the last one, and a part of the frames' relevance."""
        self._bias = bias
        self._update_relevance(bias.exp())

    def _thin(self) -> _Thinned:
        """The cells that are read, gathered from the buffers."""
        weights, buffers = np.concatenate(self._all_cell_weights()), self._buffers
        device, cells = buffers.keys.device, buffers.keys.shape[2]
        read = np.flatnonzero(weights > -np.inf)
        index = to_device(read, device)
        keys, values = (b.flatten(1, 2).index_select(1, index).unsqueeze(1) for b in (buffers.keys, buffers.values))
        return _Thinned(to_device(read // cells, device), to_device(weights[read], device), keys, values)

    def _all_cell_weights(self) -> list[NDArray[np.float32]]:
        whole = np.zeros(self._buffers.keys.shape[2], dtype=np.float32)
        return [whole if weights is None else weights for weights in self._slot_weights]

    @property
    def _unstored(self) -> int:
        """Slots of the first and the newest frame, before those of what is stored."""
        return 2 if self._config.last_frame else 1

    def _is_due(self, frame_index: int) -> bool:
        return 0 < self._config.interval <= frame_index - self._last_due

    def _rows(self, query_key: Tensor) -> int:
        """1 where all objects read alike, else how many there are."""
        return 1 if self._buffers.shares_keys and len(query_key) == 1 else len(self._first_frames)

    def _weighed(self) -> Tensor:
        if self._bias is None:
            raise TrackerStateError("no frame has been weighted yet; call read first")
        return self._bias

    def __len__(self) -> int:
        """Frames held now."""
        return len(self._slot_frames)

    @property
    def frame_indices(self) -> list[int]:
        """Frame index of each used slot; slot 0 is frame 0 (objects added later have their own first frame there)."""
        return list(self._slot_frames)

    @property
    def keys(self) -> Tensor:
        """(O, N, P, Ck) keys of the frames held, as they are stored; a view, to look at only."""
        self._check_started()
        return self._buffers.keys[:, : len(self)]

    @property
    def cell_weights(self) -> Tensor:
        """(N, P) float32 logarithms of the weights of the cells of the frames held; -inf is not read."""
        return to_device(np.stack(self._all_cell_weights()), self._buffers.keys.device)

    @property
    def weights(self) -> Tensor:
        """(O, N) weight of each frame at the last read, each row of sum 1; empty frames have 0.

        Raises:
            TrackerStateError: nothing was read since `start`.
        """
        return torch.softmax(self._weighed(), dim=-1)

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers; the same from `start` on unless objects are added."""
        self._check_started()
        return self._buffers.nbytes

    def _place(self, slot: int, key: Tensor, value: Tensor, frame_index: int, weights: CellWeights) -> None:
        self._buffers.write(slot, key, value)
        self._slot_frames[slot : slot + 1] = [frame_index]
        self._slot_weights[slot : slot + 1] = [weights]

    def _promote_last(self) -> None:
        """Copy the last frame, with the relevance it has gained, into a stored slot."""
        slot = self._free_slot()
        self._buffers.copy(1, slot)
        self._slot_frames[slot : slot + 1] = [self._slot_frames[1]]
        self._slot_weights[slot : slot + 1] = [self._slot_weights[1]]

    def _free_slot(self) -> int:
        """The next unused slot, or else that of the stored frame of least relevance; one never read counts as 1."""
        if len(self) == self._buffers.capacity and self._grows:
            self._buffers.double()
        if len(self) < self._buffers.capacity:
            return len(self)
        relevance = self._buffers.relevance.nan_to_num(nan=1.0).tolist()
        return min(range(self._first_stored, len(self)), key=lambda slot: (relevance[slot], self._slot_frames[slot]))

    def _update_relevance(self, relative_weights: Tensor) -> None:
        """Fold in the weights (O, N) of one read, relative to uniform ones."""
        used = self._buffers.relevance[: len(self)]
        current = relative_weights.sum(0) / self._present.sum(0)
        used.copy_(torch.where(used.isnan(), current, current.lerp(used, RELEVANCE_DECAY)))

    def _refresh(self) -> None:
        """Derive which slots are present for which object, and the ages of their frames, both (O, N)."""
        self._thinned = None
        frames = np.array(self._slot_frames)
        first = np.array(self._first_frames)[:, None]
        present = frames > first
        present[:, 0] = True if self._config.keep_first else ~present[:, 1:].any(axis=1)
        indices = np.maximum(frames, first)
        device = self._buffers.keys.device
        self._present = to_device(present, device)
        self._ages = to_device(indices.max() - indices, device)

    def _check_started(self) -> None:
        if not self._slot_frames:
            raise TrackerStateError("the memory is empty; call start with the first frame")

    def _check_order(self, frame_index: int, earliest: int) -> None:
        if frame_index < earliest:
            raise TrackerStateError(
                f"frame {frame_index} comes too late, the next can be {earliest}; give each frame once, in rising order"
            )

    def _check_frame(self, key: Tensor, value: Tensor, objects: int) -> None:
        self._check_started()
        _, _, positions, key_channels = self._buffers.keys.shape
        faults = [
            f"{name} is {tuple(tensor.flatten(2).shape)}, expected {(objects, channels, positions)}"
            for name, tensor, channels in (("key", key, key_channels), ("value", value, self._buffers.values.shape[-1]))
            if tensor.flatten(2).shape != (objects, channels, positions)
        ]
        if faults:
            raise TrackerStateError(
                f"(objects, channels, positions) of {' and of '.join(faults)}; call start for another target or size"
            )


def _check_appearance_config(config: AppearanceConfig) -> None:
    """Raise ConfigError that lists every impossible value."""
    faults = []
    if config.interval < 0:
        faults.append(f"appearance.interval is {config.interval}; give 0 (first frame only) or more")
    needed = 1 + config.last_frame + (config.interval > 0)
    if config.capacity is not None and config.capacity < needed:
        faults.append(f"appearance.capacity is {config.capacity}; these settings need at least {needed}")
    if faults:
        raise ConfigError("; ".join(faults))
