"""Drawing with the mouse: a real window on a virtual screen, or a clear sentence without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from samn_tracker.app.selection import Viewer, display_problem, draw_boxes
from samn_tracker.errors import EnvironmentProblemError

DRAW = """
import numpy as np
from samn_tracker.app.selection import draw_boxes
print([box.tolist() for box in draw_boxes(np.full((240, 320, 3), 90, dtype=np.uint8))])
"""


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_without_a_display_the_message_says_what_to_do(no_display: None) -> None:
    with pytest.raises(EnvironmentProblemError, match=r"there is no display .* give it as --box"):
        draw_boxes(np.zeros((20, 30, 3), dtype=np.uint8))
    with pytest.raises(EnvironmentProblemError, match="--show cannot open a window"):
        Viewer()


def test_a_display_that_does_not_answer_does_not_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert display_problem() == "OpenCV cannot open a window on this display"


@pytest.fixture
def screen() -> Iterator[dict[str, str]]:
    """The environment of a virtual screen."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed; Debian's package is xvfb")
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    number = server.stdout.readline().decode().strip()
    yield {**os.environ, "DISPLAY": f":{number}"}
    server.terminate()
    server.wait(timeout=20)


@pytest.mark.slow
def test_a_box_is_drawn_with_the_mouse(screen: dict[str, str]) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed; Debian's package is xdotool")

    def do(*command: str) -> str:
        time.sleep(0.3)
        return subprocess.run(["xdotool", *command], env=screen, capture_output=True, text=True, check=True).stdout

    drawing = subprocess.Popen(
        [sys.executable, "-c", DRAW], env=screen, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    window = do("search", "--sync", "--name", "drag a box").split()[0]
    time.sleep(1)
    do("mousemove", "--window", window, "100", "80", "mousedown", "1")
    for x, y in ((140, 110), (180, 130)):
        do("mousemove", "--window", window, str(x), str(y))
    do("mouseup", "1")
    do("key", "Return")
    do("key", "Escape")
    printed, _ = drawing.communicate(timeout=60)
    ((_, _, width, height),) = json.loads(printed)
    assert (width, height) == pytest.approx((80, 50), abs=8), "the window may be shown a little scaled"


def test_a_window_says_nothing_of_missing_fonts(screen: dict[str, str]) -> None:
    show = "from samn_tracker.app.selection import Viewer, np; Viewer().show(np.zeros((90, 120, 3), np.uint8))"
    shown = subprocess.run([sys.executable, "-c", show], env=screen, capture_output=True, text=True, timeout=120)
    assert (shown.returncode, shown.stderr) == (0, "")
