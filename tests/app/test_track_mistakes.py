"""What a person reads who makes a mistake with `samn track`: one sentence, and nothing is left behind."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from samn_tracker.cli import main
from samn_tracker.errors import ResultError
from samn_tracker.output_folder import check_folder

from .test_video import write_video

FIRST = ["--box", "20,30,24,20"]

MISTAKES = {
    "wrong path": (["holiday.mp4", *FIRST], "no file or folder holiday.mp4"),
    "a name with a slip": (["frame", *FIRST], "no file or folder frame, but there is frames"),
    "a file as output": (["frames", *FIRST, "--output", "note.mp4"], "note.mp4 is a file; choose another --output"),
    "a ruler that is no picture": (["frames", "--ruler", "ruler.doc"], "a name that ends in .png"),
    "box outside": (["frames", "--box", "500,10,20,20"], "--box 500,10,20,20: the target .* lies outside the image"),
    "box without size": (["frames", "--box", "5,5,0,9"], "has no area"),
    "not a box": (["frames", "--box", "5,5,9"], "--box 5,5,9 is not x,y,w,h"),
    "not a polygon": (["frames", "--polygon", "5,5,9,a"], "at least three corners"),
    "no mask file": (["frames", "--mask", "gone.png"], "no file --mask gone.png; give an indexed PNG"),
    "a mask that is no image": (["frames", "--mask", "note.mp4"], "note.mp4 is not an image; give a PNG"),
    "debug pictures into a file": (["frames", *FIRST, "--debug-dir", "note.mp4"], "choose another --debug-dir"),
    "a start after the end": (["film.mp4", *FIRST, "--start", "9"], "film.mp4 ends before frame 9; give a smaller"),
    "unknown weights": (["frames", *FIRST, "--tracker", "samn-huge"], "no weights for 'samn-huge'"),
    "unknown tracker": (["frames", *FIRST, "--tracker", "nanotrack"], "no tracker is called 'nanotrack'"),
    "unknown setting": (["frames", *FIRST, "--set", "colour=red"], "'colour' is not a setting"),
    "unknown output": (["frames", *FIRST, "--save", "gif"], "gif cannot be saved"),
    "no display": (["frames"], "there is no display .*--box x,y,w,h.*--ruler PNG"),
    "no display to watch": (["frames", *FIRST, "--show"], "--show cannot open a window"),
    "a letter as video": (["note.mp4", *FIRST], "not a video that can be read"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_clear_sentence(
    workplace: Path, weights: str, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    arguments, sentence = MISTAKES[mistake]
    Path("note.mp4").write_text("this is a letter, and no video")
    write_video(workplace / "film.mp4", 3)
    tracker = [] if "--tracker" in arguments else ["--tracker", weights]
    assert main(["track", *arguments, *tracker]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("samn track: ")
    assert re.search(sentence, printed.err)
    assert not Path("frames_samn").exists(), "nothing is left behind"


def test_a_pixel_without_a_folder_for_the_pictures_is_a_wrong_command_line(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["track", "frames", *FIRST, "--debug-pixel", "3,4"])
    assert "give --debug-dir DIR too" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can try it as somebody else")
def test_a_folder_of_somebody_else_is_refused_before_anything_takes_time(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    if (child := os.fork()) == 0:
        os.setuid(65534)
        said = refusal(tmp_path / "a" / "b")
        os._exit(0 if re.search(r" is not yours to write; choose another --output", said) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert refusal(tmp_path / "a" / "b") == ""


def refusal(folder: Path) -> str:
    """What `check_folder` says, or nothing."""
    try:
        check_folder(folder)
    except ResultError as error:
        return str(error)
    return ""


def test_both_wrong_regions_are_named(workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", "frames", "--box", "500,0,9,9", "--mask", "gone.png", "--tracker", whites]) == 1
    printed = capsys.readouterr().err
    assert "--box 500,0,9,9" in printed
    assert "--mask gone.png" in printed
