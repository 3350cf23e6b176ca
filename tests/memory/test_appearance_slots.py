"""The appearance memory bank: its slots from start to start, pinned frames, and cells that are read by weight."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bank_cases import COSINE, KEY, SIDE, UNWEIGHTED, VALUE, frame, make_bank, noise, run, started
from numpy.typing import NDArray
from torch import Tensor

from samn_tracker.memory.appearance import AppearanceBank, read_memory
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig


def test_a_second_start_leaves_nothing_of_the_first() -> None:
    used, fresh = started(capacity=5, interval=2, dynamic=COSINE), make_bank(5, 2, dynamic=COSINE)
    run(used, range(1, 20))
    used.add_objects(*frame(30), 20)
    answers = []
    for bank in (used, fresh):
        bank.start(*frame(40))
        reads = []
        for index in range(1, 25):
            reads.append(bank.read(frame(50 + index)[0]))
            bank.memorise(*frame(50 + index), index)
        answers.append((torch.stack(reads), bank.frame_indices, bank.weights, bank.nbytes))
    assert torch.equal(answers[0][0], answers[1][0])
    assert answers[0][1] == answers[1][1]
    assert torch.equal(answers[0][2], answers[1][2])
    assert answers[0][3] == answers[1][3]


def test_a_second_start_may_have_another_shape_and_dtype() -> None:
    bank = started()
    run(bank, range(1, 8))
    bank.start(noise(2, 16, 4, 4).bfloat16(), torch.full((2, 3, 4, 4), 7.0).bfloat16())
    read = bank.read(noise(1, 16, 4, 4, seed=1).bfloat16())
    assert read.dtype == torch.bfloat16
    assert torch.equal(read, torch.full((2, 3, 4, 4), 7.0).bfloat16())


def test_memory_is_allocated_at_the_start_and_never_after() -> None:
    def buffers(bank: AppearanceBank) -> dict[str, tuple[int, int]]:
        """Address and bytes of whatever the bank holds, the few numbers per slot excepted."""
        held = {**vars(bank), **vars(bank._buffers)}
        tensors = {name: tensor for name, tensor in held.items() if isinstance(tensor, Tensor)}
        return {name: (t.data_ptr(), t.untyped_storage().nbytes()) for name, t in tensors.items() if t.numel() > 10}

    bank = started(capacity=5, interval=1, dynamic=COSINE)
    at_start = buffers(bank)
    positions, cells = SIDE**2, COSINE.grid**2
    assert sum(size for _, size in at_start.values()) == 5 * 4 * (positions * (KEY + VALUE) + cells * KEY)
    run(bank, range(1, 60))
    assert buffers(bank) == at_start


def test_without_stored_frames_only_two_slots_are_allocated() -> None:
    assert started(capacity=16, interval=0).nbytes < started(capacity=16, interval=5).nbytes / 7


def test_modes_of_autograd_may_change_between_calls() -> None:
    bank = make_bank(interval=1)
    with torch.inference_mode():
        bank.start(*frame(0))
        bank.memorise(*frame(1), 1)
    bank.memorise(frame(2)[0].requires_grad_(), frame(2)[1].requires_grad_(), 2)
    with torch.inference_mode():
        bank.memorise(*frame(3), 3)
        bank.add_objects(*frame(9), 3)
    bank.memorise(*frame(4, objects=2), 4)
    assert not bank.read(frame(5)[0]).requires_grad


def some_cells(seed: int) -> NDArray[np.float32]:
    """Logarithms of the weights of a frame's cells, of which about half are read."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(SIDE**2) < 0.5, rng.normal(size=SIDE**2), -np.inf).astype(np.float32)


@pytest.mark.parametrize("objects", [1, 2])
@pytest.mark.parametrize("dynamic", [UNWEIGHTED, COSINE])
def test_cells_with_weights_are_read_by_them_and_others_are_not_read(objects: int, dynamic: DynamicConfig) -> None:
    bank = make_bank(capacity=5, interval=2, dynamic=dynamic)
    bank.start(*frame(0, objects), some_cells(0))
    for index in range(1, 30):
        bank.read(frame(index, objects)[0])
        bank.memorise(*frame(index, objects), index, some_cells(index) if index % 3 else None)
    query, held = noise(1, KEY, SIDE, SIDE, seed=99), bank.frame_indices
    weights = np.stack([some_cells(one) if one % 3 or not one else np.zeros(SIDE**2, np.float32) for one in held])
    np.testing.assert_array_equal(bank.cell_weights, weights)
    keys, values = (
        torch.stack([t.flatten(2).transpose(1, 2) for t in column], dim=1)
        for column in zip(*(frame(one, objects) for one in held), strict=True)
    )
    bias = bank.weigh(query)[:, :, None] + torch.from_numpy(weights)
    torch.testing.assert_close(bank.read(query), read_memory(query, keys, values, bias))


def test_a_pinned_frame_is_read_by_the_cells_that_it_came_with() -> None:
    bank = started(interval=1)
    bank.memorise(*frame(1), 1, some_cells(1))
    bank.memorise(*frame(2), 2, some_cells(2))
    bank.pin(*frame(3), 3, some_cells(3))
    assert bank.frame_indices == [0, 2, 3, 1]
    expected = [np.zeros(SIDE**2, np.float32), *map(some_cells, (2, 3, 1))]
    np.testing.assert_array_equal(bank.cell_weights, np.stack(expected))


def test_the_first_frame_of_an_added_object_is_read_whole() -> None:
    bank = make_bank()
    bank.start(*frame(0), some_cells(0))
    bank.add_objects(*frame(2), 0)
    assert not bank.cell_weights.any()


def test_a_second_start_forgets_what_was_pinned() -> None:
    bank, fresh = (started(capacity=3, interval=1, last_frame=False) for _ in range(2))
    for index in range(1, 4):
        bank.pin(*frame(index), index)
    bank.start(*frame(0))
    assert bank.nbytes == fresh.nbytes
    for one in (bank, fresh):
        run(one, range(1, 6))
    assert bank.frame_indices == fresh.frame_indices


def test_objects_with_one_key_read_as_they_do_one_by_one() -> None:
    """Shared keys are attended once for all objects; the same keys, copied, are attended for each."""
    generator = torch.Generator().manual_seed(11)
    shared, copied = (AppearanceBank(AppearanceConfig(), DynamicConfig(), "l2") for _ in range(2))
    for index in range(4):
        key = torch.randn(1, 8, 6, 6, generator=generator).expand(3, -1, -1, -1)
        value = torch.randn(3, 5, 6, 6, generator=generator)
        for bank, given in ((shared, key), (copied, key.clone())):
            if index == 0:
                bank.start(given, value)
            else:
                bank.memorise(given, value, 5 * index)
    query = torch.randn(1, 8, 6, 6, generator=generator)
    torch.testing.assert_close(shared.read(query), copied.read(query))
    torch.testing.assert_close(shared.weights, copied.weights)
    assert shared.weights.shape == (3, 4)
    later = torch.randn(1, 8, 6, 6, generator=generator), torch.randn(1, 5, 6, 6, generator=generator)
    for bank in (shared, copied):
        bank.add_objects(*later, frame_index=15)
    torch.testing.assert_close(shared.read(query), copied.read(query))


@pytest.mark.parametrize(("capacity", "interval"), [(6, 5), (3, 1), (2, 0)])
@pytest.mark.parametrize("last_frame", [True, False])
def test_a_pinned_frame_is_never_dropped_and_takes_no_room_of_the_others(
    capacity: int, interval: int, last_frame: bool
) -> None:
    bank = started(capacity=capacity, interval=interval, last_frame=last_frame)
    run(bank, range(1, 8))
    before = len(bank)
    bank.pin(*frame(8), 8)
    run(bank, range(9, 60))
    assert 8 in bank.frame_indices
    assert len(bank) >= before + 1
    assert len(set(bank.frame_indices)) == len(bank), "no frame is held twice"
    bank.pin(*frame(60), 60)
    run(bank, range(61, 120))
    assert {0, 8, 60} <= set(bank.frame_indices)


def test_a_pinned_frame_is_read_and_its_slot_holds_its_values() -> None:
    bank = started(interval=0)
    bank.pin(*frame(7), 7)
    assert bank.frame_indices == [0, 7, 7], "there was no newest frame: it is that, too"
    read = bank.read(torch.zeros(1, KEY, SIDE, SIDE))
    assert torch.allclose(read, torch.full_like(read, 14 / 3)), "all positions of 0, 7 and 7 count alike"


def test_pinning_the_newest_frame_replaces_what_it_was_taken_for() -> None:
    bank = started(interval=1)
    run(bank, range(1, 4))
    bank.pin(frame(30)[0], frame(30)[1], 3)
    assert bank.frame_indices == [0, 3, 3, 1, 2]
    assert torch.equal(bank.keys[:, 1], bank.keys[:, 2])
    run(bank, range(4, 6))
    assert bank.frame_indices.count(3) == 1, "the pinned one; it is not stored once more"
