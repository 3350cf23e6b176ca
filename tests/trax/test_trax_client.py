"""Our TraX client: trackers in processes of their own, also those that hang, crash, chatter or answer nonsense."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from samn_tracker.errors import ConfigError, RegionError, ResultError, TrackerProcessError, TrackerStateError
from samn_tracker.runner.trackers import create_tracker, describe_tracker
from samn_tracker.trax import process
from samn_tracker.trax.client import TraxTracker, launch_of
from samn_tracker.trax.messages import MaskPart, format_message, format_region, parse_message, parse_region

TOYS = Path(__file__).with_name("trax_toys.py")
IMAGE = np.zeros((48, 64, 3), dtype=np.uint8)
BOX = np.array([10.0, 8, 20, 12])


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOYS.parents[2]), str(TOYS.parent)]))


def toy(vice: str, *words: object, **options: str) -> TraxTracker:
    command = " ".join(["trax:" + sys.executable, str(TOYS), vice, *map(str, words)])
    return TraxTracker(launch_of(command, {"timeout": "20", **options}))


def follow(tracker: TraxTracker, frames: int) -> np.ndarray:
    tracker.initialize(IMAGE, BOX)
    return np.array([tracker.track(IMAGE).box for _ in range(frames)])


def test_a_process_answers_as_a_tracker_does_and_serves_many_sequences(tmp_path: Path) -> None:
    tracker = toy("none", tmp_path / "notes")
    for _ in range(2):
        np.testing.assert_array_equal(follow(tracker, 9)[-1], BOX + np.array([4.5, 2.25, 0, 0]))
    tracker.close()
    assert (tmp_path / "notes").read_text().splitlines() == ["started", "10,8,20,12", "10,8,20,12"]


def test_a_tracker_that_does_not_end_when_told_to_is_ended_without_a_traceback() -> None:
    tracker = toy("deaf")
    follow(tracker, 1)
    process = tracker._process
    tracker.close()
    assert process is not None and not process.alive


def test_a_process_may_be_restarted_for_every_sequence(tmp_path: Path) -> None:
    tracker = toy("none", tmp_path / "notes", restart="yes")
    follow(tracker, 1), follow(tracker, 1)
    assert (tmp_path / "notes").read_text().count("started") == 2


@pytest.mark.parametrize(
    ("vice", "message"),
    [
        ("hang", "has not answered in 0.1 seconds"),
        ("crash", "ended with exit code 3; its last words:\n    Segmentation fault"),
        ("garbage", r"prints what is no TraX message; its last words:\n    \\x00. not TraX"),
        ("quit", "answered quit instead of state: out of memory"),
    ],
)
def test_a_process_that_fails_is_told_and_the_next_sequence_has_another_one(
    vice: str, message: str, tmp_path: Path
) -> None:
    tracker = toy(vice, tmp_path / "notes", timeout="60")
    assert len(follow(tracker, 5)) == 5
    if vice == "hang":  # only now: on a busy machine a process takes its time to start
        assert tracker._process is not None
        tracker._process._timeout = 0.1
    with pytest.raises(TrackerProcessError, match=message):
        tracker.track(IMAGE)
    with pytest.raises(TrackerProcessError, match="ended"):
        tracker.track(IMAGE)
    assert len(follow(tracker, 5)) == 5
    assert (tmp_path / "notes").read_text().count("started") == 2


@pytest.mark.parametrize(
    ("vice", "error", "message"),
    [("nan", ResultError, "which is not finite"), ("noregion", RegionError, "which is no TraX region")],
)
def test_an_answer_that_is_none_is_told(vice: str, error: type[Exception], message: str) -> None:
    tracker = toy(vice)
    follow(tracker, 5)
    with pytest.raises(error, match=message):
        tracker.track(IMAGE)


def test_text_before_a_message_on_one_line_stalls_nothing() -> None:
    assert len(follow(toy("chatter"), 9)) == 9


def test_a_tracker_that_says_that_there_is_no_target_has_lost_it() -> None:
    tracker = toy("lost")
    last = follow(tracker, 5)[-1]
    answer = tracker.track(IMAGE)
    assert not answer.found and answer.confidence == 0
    np.testing.assert_array_equal(answer.box, last)
    assert tracker.track(IMAGE).found


def test_confidence_is_passed_on() -> None:
    tracker = toy("confident")
    assert tracker.initialize(IMAGE, BOX).confidence == 0.5


def test_a_tracker_that_does_not_greet_is_not_waited_for() -> None:
    with pytest.raises(TrackerProcessError, match="has not answered in 1 seconds; it printed nothing"):
        toy("mute", timeout="1").initialize(IMAGE, BOX)


def test_earlier_versions_of_the_protocol_get_image_and_region_together(tmp_path: Path) -> None:
    tracker = toy("none", tmp_path / "notes", "3", quality="best")
    np.testing.assert_array_equal(follow(tracker, 2)[-1], BOX + np.array([1, 0.5, 0, 0]))
    assert "10,8,20,12 quality=best" in (tmp_path / "notes").read_text()


@pytest.mark.parametrize(
    ("vice", "target", "sent"),
    [
        ("none", np.array([[10.0, 10], [30, 10], [30, 20], [10, 20]]), "10,10,20,10"),
        ("polygon", BOX, "10,8,30,8,30,20,10,20"),
        ("none", np.pad(np.ones((6, 4), np.uint8), ((5, 37), (9, 51))), "9,5,4,6"),
        ("mask", BOX, "mask:0,0,64,48,522,20,"),
    ],
)
def test_a_target_is_sent_as_what_the_tracker_takes(vice: str, target: np.ndarray, sent: str, tmp_path: Path) -> None:
    toy(vice, tmp_path / "notes").initialize(IMAGE, target)
    assert (tmp_path / "notes").read_text().splitlines()[1].startswith(sent)


def test_masks_come_back() -> None:
    answer = toy("mask").initialize(IMAGE, BOX)
    assert answer.mask is not None and answer.mask.sum() == 240
    np.testing.assert_array_equal(answer.box, BOX)


def test_the_file_of_an_image_is_sent_where_it_is_known(tmp_path: Path) -> None:
    tracker = toy("none", tmp_path / "notes")
    (tmp_path / "a picture.jpg").touch()
    tracker.next_image_is(tmp_path / "a picture.jpg")
    tracker.initialize(IMAGE, BOX)
    (tmp_path / "a picture.jpg").unlink()
    tracker.track(IMAGE)  # a copy is written


def test_a_process_ends_with_its_tracker(tmp_path: Path) -> None:
    tracker = toy("none")
    tracker.initialize(IMAGE, BOX)
    pid = tracker._process._process.pid  # type: ignore[union-attr]
    del tracker
    assert not Path(f"/proc/{pid}").exists()


def test_track_before_initialize_is_refused() -> None:
    with pytest.raises(TrackerStateError, match="initialize"):
        toy("none").track(IMAGE)


def test_an_entry_of_a_trackers_ini(tmp_path: Path) -> None:
    (tmp_path / "trackers.ini").write_text(
        f'[toy]\nprotocol = trax\ncommand = "{sys.executable}" "{TOYS}" confident {tmp_path / "notes"}\n'
        "arg_quality = best\nenv_PERSON = me\ntimeout = 7\n"
        "[module]\nprotocol = traxpython\ncommand = trax_toys\npaths = here\n[matlab]\nprotocol = traxmatlab\n"
    )
    launch = launch_of(f"{tmp_path}/trackers.ini:toy", {})
    assert (launch.timeout, launch.environment, launch.properties) == (7, {"PERSON": "me"}, {"quality": "best"})
    assert TraxTracker(launch).initialize(IMAGE, BOX).confidence == 0.5
    module = launch_of(f"{tmp_path}/trackers.ini:module", {})
    assert module.command[1:] == ("-m", "trax_toys")
    assert module.environment["PYTHONPATH"].startswith(str(tmp_path / "here"))
    for name, message in (("matlab", "protocol traxmatlab"), ("none", "has no tracker 'none'; it has toy, module")):
        with pytest.raises(ConfigError, match=message):
            launch_of(f"{tmp_path}/trackers.ini:{name}", {})


def test_a_command_that_does_not_exist_ends_a_run_before_it_begins() -> None:
    with pytest.raises(ConfigError, match="there is no program 'no-such-program'"):
        create_tracker("trax:no-such-program --fast")


def test_the_identity_of_a_process_is_its_command_and_the_files_that_it_names(tmp_path: Path) -> None:
    script = tmp_path / "track.py"
    script.write_text("1")
    spec = f"trax:{sys.executable} {script}"
    before = describe_tracker(spec)["code_sha256"]
    assert describe_tracker(spec)["code_sha256"] == before
    assert describe_tracker(spec, overrides={"quality": "best"})["code_sha256"] != before
    script.write_text("2")
    assert describe_tracker(spec)["code_sha256"] != before


def test_messages_round_trip() -> None:
    line = format_message("state", ['a "quoted" \\ thing', "two\nlines"], {"key": "value = 1"}).decode()
    assert line.count("\n") == 1
    message = parse_message("printed before " + line)
    assert message is not None
    assert message.values == ('a "quoted" \\ thing', "two\nlines")
    assert message.properties == {"key": "value = 1"}
    assert parse_message("loading weights") is None


def test_regions_round_trip() -> None:
    mask = np.random.default_rng(0).integers(0, 2, (5, 7)).astype(np.uint8)
    part = parse_region(format_region(mask, "mask"))
    assert isinstance(part, MaskPart) and part.offset == (0, 0)
    np.testing.assert_array_equal(part.mask, mask)
    for text in ("mask:1,2,3,2,1,2", "m1,2,3,2,1,2,3"):
        short = parse_region(text)
        assert isinstance(short, MaskPart) and short.offset == (1, 2) and short.mask.tolist() == [[0, 1, 1], [0, 0, 0]]
    np.testing.assert_array_equal(parse_region("1,2,3,4,5,6"), [[1, 2], [3, 4], [5, 6]])
    assert parse_region("2") is None
    for text in ("m1,2,3", "1,2,3", "1,2,3,4,5", "x", "", "m0,0,999999999,999999999,1"):
        with pytest.raises(RegionError):
            parse_region(text)


def test_an_answer_without_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LONGEST", 1 << 18)
    with pytest.raises(TrackerProcessError, match="answers without end"):
        follow(toy("endless"), 9)


def test_a_version_that_is_no_number_is_the_first(tmp_path: Path) -> None:
    np.testing.assert_array_equal(follow(toy("none", os.devnull, "4x"), 1)[-1], BOX + np.array([0.5, 0.25, 0, 0]))
