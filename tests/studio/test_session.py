"""The session without a page: marking, tracking both ways, correcting, undo, saving, and going on after a stop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from samn_tracker.errors import RegionError, ResultError, TrackerStateError
from samn_tracker.runner.label_png import read_labels
from samn_tracker.shapes.regions import mask_iou
from samn_tracker.studio.project import Project
from samn_tracker.studio.session import Session

from .conftest import FRAMES, SIZE, open_session, truth


def overlap(session: Session, index: int, one: int = 1) -> float:
    answer = session.project.things[one].answers[index]
    return mask_iou(answer.mask(SIZE), truth(index))


def test_a_click_proposes_the_disk_and_tracking_follows_it_both_ways(session: Session) -> None:
    session.point(1, 5, (60.0, 60.0), True)
    assert overlap(session, 5) > 0.9
    session.track(5, forwards=True)
    session.wait()
    session.track(5, forwards=False)
    session.wait()
    assert sorted(session.project.things[1].answers) == list(range(FRAMES))
    assert min(overlap(session, index) for index in range(FRAMES)) > 0.7


def test_a_stopped_run_keeps_its_frames_and_goes_on_where_it_was(clip: list[Path], tmp_path: Path) -> None:
    told: list[int] = []

    def tell(event: dict[str, object]) -> None:
        if event["type"] == "answers" and event["frame"] == 3:
            session.halt()
        if event["type"] == "answers":
            told.append(int(str(event["frame"])))

    session = open_session(clip, tmp_path, tell)
    session.add_object("disk")
    session.point(1, 0, (40.0, 60.0), True)
    session.track(0, forwards=True)
    session.wait()
    assert told == [0, 1, 2, 3]
    session.track(3, forwards=True)
    session.wait()
    assert told == [0, 1, 2, 3, *range(4, FRAMES)]
    session.close()


def test_a_correction_is_kept_when_tracking_passes_it(session: Session) -> None:
    session.point(1, 0, (40.0, 60.0), True)
    session.track(0, forwards=True)
    session.wait()
    session.stroke(1, 6, [(56.0, 50.0), (56.0, 70.0)], 6.0, False)
    given = session.project.things[1].answers[6]
    session.track(0, forwards=True)
    session.wait()
    assert session.project.things[1].answers[6] is given
    assert not session.project.things[1].answers[7].given


def test_erasing_everything_is_an_error_and_changes_nothing(session: Session) -> None:
    session.box(1, 0, [20.0, 40.0, 40.0, 40.0])
    before = session.project.things[1].answers[0]
    with pytest.raises(RegionError, match="nothing of the mask would be left"):
        session.stroke(1, 0, [(40.0, 60.0)], 100.0, False)
    assert session.project.things[1].answers[0] is before
    session.undo()
    assert 0 not in session.project.things[1].answers, "the failed stroke left no step to undo"


def test_a_negative_click_takes_its_part_away(session: Session) -> None:
    session.stroke(1, 0, [(40.0, 60.0), (110.0, 60.0)], 12.0, True)
    session.point(1, 0, (105.0, 60.0), False)
    mask = session.project.things[1].answers[0].mask(SIZE)
    assert mask[60, 40] and not mask[60, 105]
    with pytest.raises(RegionError, match="click on the object first"):
        session.point(1, 1, (5.0, 5.0), False)


def test_undo_takes_back_a_run_an_edit_and_a_removed_object(session: Session) -> None:
    session.point(1, 0, (40.0, 60.0), True)
    session.track(0, forwards=True)
    session.wait()
    session.remove(1)
    session.undo()
    assert len(session.project.things[1].answers) == FRAMES
    session.undo()
    assert list(session.project.things[1].answers) == [0]
    session.undo()
    assert not session.project.things[1].answers
    session.undo()
    assert not session.project.things and not session.project.can_undo


def test_saving_writes_the_files_of_samn_track(session: Session) -> None:
    session.point(1, 2, (48.0, 60.0), True)
    session.track(2, forwards=True)
    session.wait()
    session.save("masks,txt,json")
    folder = session.project.folder / "results"
    for index in range(2, FRAMES):
        expected = session.project.things[1].answers[index].mask(SIZE)
        assert np.array_equal(read_labels(folder / "masks" / f"{index:08d}.png"), expected)
    assert not read_labels(folder / "masks" / "00000000.png").any(), "not marked and not tracked"
    rows = (folder / "boxes.txt").read_text().splitlines()
    assert rows[:2] == ["nan,nan,nan,nan"] * 2, "one line a frame, as the frames are numbered"
    assert len(rows) == FRAMES


def test_nothing_to_save_or_to_track_is_an_error(session: Session) -> None:
    with pytest.raises(ResultError, match="nothing to save yet"):
        session.save("txt")
    with pytest.raises(TrackerStateError, match="no object is marked in this frame"):
        session.track(0, forwards=True)
    with pytest.raises(TrackerStateError, match="there is no object 7"):
        session.point(7, 0, (1.0, 1.0), True)


def test_a_project_goes_on_after_the_program_was_killed(clip: list[Path], tmp_path: Path) -> None:
    """Not closed, and the last line cut off, as a kill in the middle of writing leaves it."""
    first = open_session(clip, tmp_path)
    first.add_object("disk")
    first.point(1, 0, (40.0, 60.0), True)
    first.point(1, 0, (5.0, 5.0), False)
    first.track(0, forwards=True)
    first.wait()
    kept = dict(first.project.things[1].answers)
    first.project._stream.write('{"object":1,"frame":3,"bo')
    first.project._stream.flush()
    again = open_session(clip, tmp_path)
    thing = again.project.things[1]
    assert (thing.name, thing.prompts) == ("disk", first.project.things[1].prompts)
    assert {index: one.as_json() for index, one in thing.answers.items()} == {
        index: one.as_json() for index, one in kept.items()
    }
    again.track(4, forwards=True)
    again.wait()
    assert min(overlap(again, index) for index in range(FRAMES)) > 0.7
    again.close()


def test_the_answers_of_a_removed_object_do_not_come_back(clip: list[Path], tmp_path: Path) -> None:
    session = open_session(clip, tmp_path)
    session.add_object("first")
    session.box(1, 0, [20.0, 40.0, 40.0, 40.0])
    session.remove(1)
    session.add_object("second")
    again = open_session(clip, tmp_path)
    assert (again.project.things[1].name, again.project.things[1].answers) == ("second", {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not a project that can be read"),
        (json.dumps({"version": 1, "frames": 12, "height": 120, "width": 160}), "not a project that can be read"),
        (json.dumps({"version": 9, "frames": 12, "height": 120, "width": 160, "objects": {}}), "of version 9"),
        (json.dumps({"version": 1, "frames": 13, "height": 120, "width": 160, "objects": {}}), "of another video"),
    ],
)
def test_a_project_that_does_not_fit_is_an_error(clip: list[Path], tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "project.json").write_text(content)
    with pytest.raises(ResultError, match=words):
        open_session(clip, tmp_path)
    assert (tmp_path / "project.json").read_text() == content


def test_two_objects_have_a_tracker_each(session: Session) -> None:
    session.add_object("")
    session.point(1, 0, (40.0, 60.0), True)
    session.box(2, 0, [100.0, 10.0, 30.0, 30.0])
    session.track(0, forwards=True)
    session.wait()
    assert [thing.name for thing in session.project.things.values()] == ["disk", "object 2"]
    assert len(session.project.things[1].answers) == len(session.project.things[2].answers) == FRAMES
    assert isinstance(session.project, Project)
