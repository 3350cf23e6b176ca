"""The appearance memory bank: what it holds, what it drops, and what is read from it."""

from __future__ import annotations

import pytest
import torch
from bank_cases import COSINE, KEY, SIDE, UNWEIGHTED, VALUE, frame, make_bank, noise, run, started

from samn_tracker.errors import ConfigError, TrackerStateError
from samn_tracker.memory.appearance import AppearanceBank, read_memory
from samn_tracker.memory.config import AppearanceConfig, DynamicConfig
from samn_tracker.memory.dynamic import frame_similarities, pool_key


@pytest.mark.parametrize(
    ("interval", "last_frame", "memorised", "expected"),
    [
        (5, True, range(1, 5), [0, 4]),
        (5, True, range(1, 6), [0, 5]),
        (5, True, range(1, 7), [0, 6, 5]),
        (5, True, range(1, 13), [0, 12, 5, 10]),
        (5, True, range(3, 14, 3), [0, 12, 6]),
        (5, False, range(1, 13), [0, 5, 10]),
        (5, False, range(1, 5), [0]),
        (1, True, range(1, 5), [0, 4, 1, 2, 3]),
        (1, False, range(1, 4), [0, 1, 2, 3]),
        (0, True, range(1, 20), [0, 19]),
        (0, False, range(1, 20), [0]),
    ],
)
def test_what_is_held_after_some_frames(interval: int, last_frame: bool, memorised: range, expected: list[int]) -> None:
    bank = started(interval=interval, last_frame=last_frame)
    run(bank, memorised)
    assert bank.frame_indices == expected
    assert len(bank) == len(expected)


@pytest.mark.parametrize(("interval", "last_frame"), [(3, True), (3, False), (1, False), (0, True), (0, False)])
def test_what_is_taken_is_held_and_what_is_not_taken_need_not_come(interval: int, last_frame: bool) -> None:
    given, spared = (started(interval=interval, last_frame=last_frame) for _ in range(2))
    for index in range(1, 9):
        held = last_frame or (interval > 0 and index % interval == 0)
        assert given.takes(index) is held
        if held:
            run(spared, range(index, index + 1))
        run(given, range(index, index + 1))
        assert (index in given.frame_indices) is held
    assert given.frame_indices == spared.frame_indices


@pytest.mark.parametrize("dynamic", [UNWEIGHTED, COSINE, DynamicConfig(grid=2), DynamicConfig(weighting="linear")])
@pytest.mark.parametrize("last_frame", [True, False])
@pytest.mark.parametrize("interval", [1, 2])
def test_capacity_is_never_exceeded_the_first_stays_and_no_frame_is_held_twice(
    dynamic: DynamicConfig, last_frame: bool, interval: int
) -> None:
    bank = started(capacity=5, interval=interval, last_frame=last_frame, dynamic=dynamic)
    size = bank.nbytes
    for index in range(1, 40):
        run(bank, range(index, index + 1))
        held = bank.frame_indices
        assert len(held) <= 5
        assert held[0] == 0
        assert len(set(held)) == len(held)
        assert not last_frame or held[1] == index
        assert bank.nbytes == size
    assert len(bank) == 5


@pytest.mark.parametrize("last_frame", [True, False])
def test_read_is_the_reader_over_the_frames_held(last_frame: bool) -> None:
    bank = started(capacity=5, interval=2, last_frame=last_frame)
    run(bank, range(1, 30))
    query = noise(1, KEY, SIDE, SIDE, seed=99)
    keys, values = (
        torch.stack([t.flatten(2).transpose(1, 2) for t in column], dim=1)
        for column in zip(*(frame(i) for i in bank.frame_indices), strict=True)
    )
    torch.testing.assert_close(bank.read(query), read_memory(query, keys, values))


def test_weights_are_those_of_the_dynamic_memory_machine() -> None:
    dynamic = DynamicConfig(grid=3, temperature=0.3)
    bank = started(dynamic=dynamic)
    run(bank, range(1, 12))
    query = noise(1, KEY, SIDE, SIDE, seed=99)
    pooled = torch.stack([pool_key(frame(i)[0], 3) for i in bank.frame_indices], dim=1)
    expected = torch.softmax(frame_similarities(pool_key(query, 3), pooled, dynamic, torch.zeros(4)) / 0.3, -1)
    read = bank.read(query)
    torch.testing.assert_close(bank.weights, expected)
    keys = torch.stack([frame(i)[0].flatten(2).transpose(1, 2) for i in bank.frame_indices], dim=1)
    values = torch.stack([frame(i)[1].flatten(2).transpose(1, 2) for i in bank.frame_indices], dim=1)
    torch.testing.assert_close(read, read_memory(query, keys, values, expected.log()))


def test_linear_weighting_uses_the_ages_of_the_frames_held() -> None:
    bank = started(dynamic=DynamicConfig(weighting="linear", grid=2))
    run(bank, range(1, 11))
    assert bank.frame_indices == [0, 10, 5]
    bank.read(frame(11)[0])
    oldest, newest, middle = bank.weights[0].tolist()
    assert newest > middle > oldest
    assert newest - middle == pytest.approx(middle - oldest, rel=1e-4)


def test_the_least_relevant_stored_frame_goes() -> None:
    bank = started(capacity=5, interval=1, dynamic=COSINE)
    run(bank, range(1, 5))
    assert bank.frame_indices == [0, 4, 1, 2, 3]
    query = -pool_key(frame(2)[0], SIDE).transpose(1, 2).view(1, KEY, SIDE, SIDE)
    for _ in range(20):
        bank.read(query)
    bank.memorise(*frame(5), 5)
    assert bank.frame_indices == [0, 5, 1, 4, 3]


def test_relevance_is_that_of_recent_queries() -> None:
    bank = started(capacity=5, interval=1, dynamic=COSINE)
    run(bank, range(1, 5))
    for unlike, reads in ((2, 20), (3, 40)):
        for _ in range(reads):
            bank.read(-frame(unlike)[0])
    bank.memorise(*frame(5), 5)
    assert bank.frame_indices == [0, 5, 1, 2, 4]


def test_one_query_does_not_outweigh_many() -> None:
    bank = started(capacity=5, interval=1, dynamic=COSINE)
    run(bank, range(1, 5))
    for unlike in [2] * 20 + [3]:
        bank.read(-frame(unlike)[0])
    bank.memorise(*frame(5), 5)
    assert bank.frame_indices == [0, 5, 1, 4, 3]


def test_a_new_frame_does_not_inherit_the_relevance_of_the_one_it_replaces() -> None:
    bank = started(capacity=3, interval=1, last_frame=False, dynamic=COSINE)
    run(bank, range(1, 3))
    for _ in range(20):
        bank.read(-frame(1)[0])
    bank.memorise(*frame(3), 3)
    assert bank.frame_indices == [0, 3, 2]
    bank.read(frame(3)[0])
    bank.memorise(*frame(4), 4)
    assert bank.frame_indices == [0, 3, 4]


def test_a_frame_never_read_counts_as_of_mean_relevance() -> None:
    bank = started(capacity=3, interval=1, last_frame=False, dynamic=COSINE)
    bank.memorise(*frame(1), 1)
    bank.read(-frame(1)[0])
    bank.memorise(*frame(2), 2)
    bank.memorise(*frame(3), 3)
    assert bank.frame_indices == [0, 3, 2]


def test_relevance_counts_only_objects_for_which_the_frame_is_present() -> None:
    bank = started(capacity=3, interval=1, last_frame=False, dynamic=COSINE)
    bank.memorise(*frame(1), 1)
    bank.add_objects(*frame(60, objects=3), 1)
    bank.memorise(*frame(2, objects=4), 2)
    query = torch.cat([frame(1)[0], -frame(2, objects=4)[0][1:]])
    bank.read(query)
    bank.memorise(*frame(3, objects=4), 3)
    assert bank.frame_indices == [0, 1, 3]


def test_equal_relevance_drops_the_oldest_stored_frame() -> None:
    bank = started(capacity=4, interval=1, dynamic=UNWEIGHTED)
    run(bank, range(1, 12))
    assert sorted(bank.frame_indices) == [0, 9, 10, 11]


def test_the_bank_works_without_any_read_between_frames() -> None:
    bank = started(capacity=4, interval=1, dynamic=COSINE)
    for index in range(1, 9):
        bank.memorise(*frame(index), index)
    assert sorted(bank.frame_indices) == [0, 6, 7, 8]


def test_objects_that_appear_later_see_only_their_own_frames() -> None:
    bank = started(capacity=6, interval=2)
    run(bank, range(1, 5))
    key, value = frame(104, objects=2)
    bank.add_objects(key, value, 4)
    read = bank.read(frame(50)[0])
    assert read.shape == (3, VALUE, SIDE, SIDE)
    torch.testing.assert_close(read[1:], value)
    assert bank.weights[1:, 0].tolist() == [1.0, 1.0]
    torch.testing.assert_close(bank.weights[0], torch.full((3,), 1 / 3))
    run(bank, range(5, 9), objects=3)
    assert bank.frame_indices == [0, 8, 2, 4, 6]
    bank.read(frame(50)[0])
    third = 1 / 3
    torch.testing.assert_close(bank.weights[1], torch.tensor([third, third, 0, 0, third]))


@pytest.mark.parametrize(
    "dynamic", [COSINE, DynamicConfig(weighting="linear", temperature=0.05), DynamicConfig(grid=2)]
)
def test_an_object_added_later_reads_as_if_it_had_started_alone(dynamic: DynamicConfig) -> None:
    together, alone = started(interval=2, dynamic=dynamic), make_bank(interval=2, dynamic=dynamic)
    run(together, range(1, 5))
    together.add_objects(*frame(103), 4)
    alone.start(*frame(103))
    for index in range(5, 8):
        together.memorise(*frame(index, objects=2), index)
        alone.memorise(frame(index, objects=2)[0][1:], frame(index)[1], index - 4)
    query = noise(1, KEY, SIDE, SIDE, seed=99)
    torch.testing.assert_close(together.read(query)[1:], alone.read(query))


def test_the_frame_at_which_an_object_is_added_is_not_held_twice_for_it() -> None:
    bank = started(interval=2)
    bank.add_objects(*frame(107), 3)
    bank.memorise(*frame(3, objects=2), 3)
    bank.read(frame(50)[0])
    torch.testing.assert_close(bank.weights, torch.tensor([[0.5, 0.5], [1.0, 0.0]]))


def test_calls_out_of_order_say_what_to_do() -> None:
    bank = make_bank()
    for call in (
        lambda: bank.read(frame(0)[0]),
        lambda: bank.memorise(*frame(1), 1),
        lambda: bank.add_objects(*frame(1), 1),
        lambda: bank.nbytes,
    ):
        with pytest.raises(TrackerStateError, match="call start"):
            call()
    bank.start(*frame(0))
    with pytest.raises(TrackerStateError, match="call read first"):
        _ = bank.weights
    bank.memorise(*frame(1), 1)
    with pytest.raises(TrackerStateError, match="frame 1 comes too late, the next can be 2"):
        bank.memorise(*frame(1), 1)
    with pytest.raises(TrackerStateError, match="frame 0 comes too late, the next can be 1"):
        bank.add_objects(*frame(2), 0)
    bank.add_objects(*frame(2), 4)
    with pytest.raises(TrackerStateError, match="frame 3 comes too late, the next can be 4"):
        bank.memorise(*frame(3, objects=2), 3)


def test_shapes_that_do_not_fit_are_all_named() -> None:
    bank = started()
    with pytest.raises(TrackerStateError, match=r"key is \(2, 8, 36\), expected \(1, 8, 36\).*value is \(2, 4, 36\)"):
        bank.memorise(*frame(1, objects=2), 1)
    with pytest.raises(TrackerStateError, match=r"of value is \(1, 5, 36\), expected \(1, 4, 36\)"):
        bank.add_objects(*frame(1, channels=(KEY, 5)), 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (AppearanceConfig(capacity=2, last_frame=True), "capacity is 2; these settings need at least 3"),
        (AppearanceConfig(capacity=1), "capacity is 1; these settings need at least 2"),
        (AppearanceConfig(capacity=0, interval=-1), r"interval is -1.*capacity is 0"),
    ],
)
def test_impossible_settings_are_errors(settings: AppearanceConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AppearanceBank(settings, DynamicConfig(), "dot")


def test_the_smallest_banks_work() -> None:
    bank = make_bank(capacity=1, interval=0, last_frame=False)
    bank.start(*frame(3))
    run(bank, range(1, 5))
    torch.testing.assert_close(bank.read(frame(9)[0]), frame(3)[1])
