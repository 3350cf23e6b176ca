"""Draws the pictures of README and documentation: a camera moves over a photograph, and the studio tracks a click.

    python docs/pictures.py

The photograph is scikit-image's `rocket` (Falcon 9, by SpaceX, CC0). Needs the extras demo, studio and dev, and
Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright
from skimage import data

IMAGES = Path(__file__).with_name("images")
SIZE = (640, 360)
FRAMES = 40
CLICK = (322, 215)
QUALITY = 82


def frame(index: int) -> NDArray[np.uint8]:
    """The photograph (H, W, 3) RGB as a hand-held camera sees it at a time: it pans, turns, and comes nearer."""
    time = index / FRAMES
    turn = cv2.getRotationMatrix2D((322, 250), 7 * np.sin(5 * time), 0.9 + 0.25 * time)
    turn[:, 2] += (40 * np.sin(4 * time), 20 * np.sin(7 * time) - 35)
    seen = cv2.warpAffine(data.rocket(), turn, SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, dtype=np.uint8)


def write_clip(folder: Path) -> None:
    """The clip as images in `folder`."""
    folder.mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(folder / f"{index:03d}.jpg"), frame(index)[..., ::-1])


def until(page: Page, condition: str) -> None:
    """Wait for a condition of the page's program."""
    while not page.evaluate(f"Boolean({condition})"):
        page.wait_for_timeout(50)


def use_studio(page: Page) -> None:
    """Click, track, and take a picture of each."""
    until(page, "shown !== null && editor")
    where = page.locator("#view").bounding_box()
    assert where is not None
    scale = where["width"] / SIZE[0]
    page.locator("#view").click(position={"x": CLICK[0] * scale, "y": CLICK[1] * scale})
    until(page, "counts.proposed > 0")
    page.fill("[data-object='1'] input", "rocket")
    page.locator("[data-object='1'] input").press("Enter")
    until(page, "project.objects[0].name === 'rocket'")
    page.screenshot(path=IMAGES / "studio-click.jpg", type="jpeg", quality=QUALITY)
    page.keyboard.press("t")
    until(page, f"!running && project.objects[0].confidences[{FRAMES - 1}] !== null")
    until(page, f"shown.index === {FRAMES - 1}")
    page.screenshot(path=IMAGES / "studio-tracked.jpg", type="jpeg", quality=QUALITY)


def strip(overlay: Path) -> None:
    """Three frames of the overlay side by side, as the README shows them."""
    capture = cv2.VideoCapture(str(overlay))
    frames = [picture for _ in range(FRAMES) if (picture := capture.read()[1]) is not None]
    shown = [cv2.resize(frames[place], (400, 225), interpolation=cv2.INTER_AREA) for place in (0, FRAMES // 2, -1)]
    cv2.imwrite(str(IMAGES / "track.jpg"), np.hstack(shown), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def main() -> None:
    """Make the clip, click on it in the studio, and track it with `samn track`."""
    place = Path(tempfile.mkdtemp())
    write_clip(place / "rocket")
    words = [sys.executable, "-m", "samn_tracker"]
    command = [*words, "studio", "rocket", "--no-browser"]
    server = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1060, "height": 640})
        page.goto(address)
        use_studio(page)
        browser.close()
    server.terminate()
    server.wait()
    point = ",".join(map(str, CLICK))
    track = [*words, "track", "rocket", "--point", point, "--save", "overlay"]
    subprocess.run(track, cwd=place, check=True)
    strip(place / "rocket_samn" / "overlay.mp4")
    shutil.rmtree(place)


if __name__ == "__main__":
    main()
