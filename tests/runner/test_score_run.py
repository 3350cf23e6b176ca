"""What a run's own manifest says against believing its scores."""

from __future__ import annotations

import pytest

from samn_tracker.runner.score_run import training_notes

TRAINED = {"identity": {"training_data": ["objcut", "davis16/cows", "davis16/dog"]}}


@pytest.mark.parametrize(
    ("manifest", "scored", "named"),
    [
        (TRAINED, ["cows", "libby"], "cows"),
        (TRAINED, ["dog", "cows"], "cows, dog"),
        (TRAINED, ["cows_1", "cows_2"], "cows_1, cows_2"),  # DAVIS17 scores objects
        (TRAINED, ["libby", "objcut"], None),
        (TRAINED, ["dogs-jump_1"], None),
        ({"identity": {}}, ["cows"], None),
        ({}, ["cows"], None),
    ],
)
def test_a_scored_sequence_that_was_trained_on_is_named(
    manifest: dict[str, object], scored: list[str], named: str | None
) -> None:
    notes = training_notes(manifest, scored)
    if named is None:
        assert notes == []
    else:
        assert notes == [
            f"these weights were trained on {named}, as their own header says: not a result to compare with others"
        ]


def test_many_sequences_are_counted() -> None:
    manifest = {"identity": {"training_data": [f"davis16/s{number:02d}" for number in range(14)]}}
    (note,) = training_notes(manifest, [f"s{number:02d}" for number in range(14)])
    assert "s09 and 4 more, as" in note
