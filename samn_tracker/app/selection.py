"""Windows: draw the first boxes with the mouse, watch the tracker; without a screen, say what to do instead."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import EnvironmentProblemError, RegionError

# OpenCV's Qt warns three times a window that its own folder of fonts is missing; it finds the system's without it.
os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")

_TITLE = "drag a box around each object, ENTER after each, ESC when done"
_SHOW_TITLE = "samn: q stops"
_ESCAPE = 27
_LONGEST_SIDE = 1280
_PROBE = "import cv2; cv2.namedWindow('samn'); cv2.waitKey(1)"
_PROBE_SECONDS = 20


def display_problem() -> str | None:
    """Why no window can be opened here, or None where one can.

    Tried in a process of its own: without a usable screen, OpenCV's window toolkit ends the whole process.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display (DISPLAY is not set)"
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "the display does not answer"
    return None if probe.returncode == 0 else "OpenCV cannot open a window on this display"


def draw_boxes(image: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Boxes (4,) x, y, w, h that the person draws on the image (H, W, 3) RGB, which is shown scaled to fit a screen.

    Raises:
        EnvironmentProblemError: there is no usable display.
        RegionError: nothing was drawn.
    """
    if problem := display_problem():
        raise EnvironmentProblemError(
            f"the object cannot be drawn with the mouse: {problem}; give it as --box x,y,w,h, "
            "--polygon or --mask FILE; --ruler PNG draws the first frame with coordinates to read them from"
        )
    scale = max(1.0, max(image.shape[:2]) / _LONGEST_SIDE)
    shown = cv2.resize(image, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
    drawn = cv2.selectROIs(_TITLE, cv2.cvtColor(shown, cv2.COLOR_RGB2BGR), showCrosshair=False, printNotice=False)
    cv2.destroyWindow(_TITLE)
    boxes = [np.asarray(box, dtype=np.float64) * scale for box in drawn if box[2] > 0 and box[3] > 0]
    if not boxes:
        raise RegionError("no box was drawn; drag one around the object and press ENTER, then ESC")
    return boxes


class Viewer:
    """A window that shows the pictures as they come.

    Raises:
        EnvironmentProblemError: there is no usable display.
    """

    def __init__(self) -> None:
        if problem := display_problem():
            raise EnvironmentProblemError(
                f"--show cannot open a window: {problem}; leave it out and look at overlay.mp4"
            )

    def show(self, image: NDArray[np.uint8]) -> bool:
        """Show the image (H, W, 3) RGB; False when the person pressed q or ESC to stop."""
        cv2.imshow(_SHOW_TITLE, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return cv2.waitKey(1) & 0xFF not in (ord("q"), _ESCAPE)
