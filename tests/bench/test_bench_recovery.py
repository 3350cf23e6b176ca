"""samn_tracker.bench.recovery counts rightly for trackers that know the truth, are late with it, or see ghosts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from samn_tracker.bench.recovery import SCENARIOS, Outcome, frame_indices, run, sequences, table
from samn_tracker.prediction import Prediction
from samn_tracker.synthetic import SyntheticSequence


class Knowing:
    """Answers the truth, from `late` frames after the target's return; absent targets too, if it sees ghosts."""

    def __init__(self, sequence: SyntheticSequence, scenario: str, late: int = 0, ghosts: bool = False) -> None:
        self._masks = [sequence.mask(index) for index in frame_indices(sequence, scenario)[0]]
        self._late, self._ghosts = late, ghosts

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        self._place = 0
        return self._answer(self._masks[0])

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        self._place += 1
        recent = self._masks[max(0, self._place - self._late) : self._place + 1]
        seen = all(mask.any() for mask in recent)
        answer = self._answer(self._masks[self._place])
        return answer if seen else replace(answer, found=self._ghosts, mask=np.zeros_like(recent[-1]))

    def _answer(self, mask: NDArray[np.uint8]) -> Prediction:
        return Prediction(np.array([0.0, 0, 1, 1]), None, mask)


@pytest.fixture(scope="module", params=SCENARIOS)
def shown(request: pytest.FixtureRequest) -> tuple[str, int, SyntheticSequence]:
    ((seed, sequence),) = sequences(request.param, 1)
    for drawn in ("frame", "mask", "visibility"):  # every picture once for all tests
        object.__setattr__(sequence, drawn, cache(getattr(sequence, drawn)))
    return request.param, seed, sequence


def test_frames_begin_in_full_view_and_end_ten_frames_after_the_return(
    shown: tuple[str, int, SyntheticSequence],
) -> None:
    scenario, _, sequence = shown
    indices, back = frame_indices(sequence, scenario)
    visible = [sequence.visibility(index) for index in indices]
    assert visible[0] > 0.9 and 0 in visible[:back] and visible[back] >= 0.2
    assert len(indices) == back + 10


@pytest.mark.parametrize("late", [0, 3])
def test_truth_is_found_at_once_and_late_truth_later(late: int, shown: tuple[str, int, SyntheticSequence]) -> None:
    scenario, seed, sequence = shown
    outcome = run(Knowing(sequence, scenario, late), scenario, seed, sequence)
    assert outcome.absent > 0 and outcome.false_alarms == 0
    assert outcome.found_after is not None and max(0, late - 3) <= outcome.found_after <= late
    assert outcome.mean_overlap == 1 if late == 0 else outcome.mean_overlap < 1


def test_answers_while_nothing_is_to_be_seen_are_false_alarms(shown: tuple[str, int, SyntheticSequence]) -> None:
    scenario, seed, sequence = shown
    outcome = run(Knowing(sequence, scenario, ghosts=True), scenario, seed, sequence)
    assert outcome.false_alarms == outcome.absent > 0


def test_table_is_of_sequences_found_again_and_of_frames_of_absence() -> None:
    some = [Outcome("out of view", 0, 10, 1, 4, 0.5), Outcome("out of view", 1, 30, 3, None, 0.25)]
    (line,) = table(some).splitlines()[1:]
    assert line.split() == ["out", "of", "view", "2", "50%", "4", "10.0%", "0.375"]
