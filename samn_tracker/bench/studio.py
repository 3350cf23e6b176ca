"""The studio as a person meets it: from a click to the proposed mask, and frames shown while it tracks.

    samn bench studio
    samn bench studio --data DATA --only dog --only libby

`samn studio` runs as a program of its own, and a headless Chromium opens its page (Playwright and Chromium have to be
installed). Each round clicks on the target as on a new object, tracks it with the page watching, and then tracks the
same frames from the same mask by `samn track`, which writes its video, and in this process as fast as it goes, from
files to answers, writing nothing. A click is timed by the page, from the event to the drawn mask; processor time is the
studio program's own. On a shared machine the ratios and the processor times count.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.bench.machine import describe_machine
from samn_tracker.bench.videos import Video, frames_per_second, generated_video, real_videos
from samn_tracker.errors import DatasetError, EnvironmentProblemError, SamnError
from samn_tracker.files import write_atomic
from samn_tracker.images import read_image
from samn_tracker.loading import load_tracker
from samn_tracker.runner.digits import positive
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runtime.devices import resolve_device
from samn_tracker.shapes.points import Points
from samn_tracker.shapes.regions import region_to_mask

_POLL, _SELDOM = 0.02, 0.25
"""Seconds between two looks at the page; seldom while it tracks, for looking takes the processor's time as well."""
_LONGEST = 600.0

_CLICK = """point => new Promise((done, fail) => {
  const before = counts.proposed, start = performance.now();
  mark("point", {point, positive: true});
  const look = () => {
    if (counts.proposed > before) return done(performance.now() - start);
    if ($("message").className === "bad") return fail(new Error($("message").textContent));
    setTimeout(look, 2);
  };
  look();
})"""


@dataclass(frozen=True)
class Round:
    """One video, once.

    Attributes:
        click_ms, click_cpu_ms: from the click to the drawn mask; of that, processor time of the studio.
        shown: frames a second that the page showed while tracking; share: of all that were tracked.
        tracked: frames a second that the studio tracked; command: that `samn track` does, without its start and end;
        alone: that the tracker does alone.
    """

    video: str
    click_ms: float
    click_cpu_ms: float
    shown: float
    share: float
    tracked: float
    command: float
    alone: float

    @property
    def of_command(self) -> float:
        """Frames shown against frames tracked by `samn track`."""
        return self.shown / self.command

    @property
    def of_alone(self) -> float:
        """The same against the tracker alone."""
        return self.shown / self.alone


def measure(video: Video, arguments: argparse.Namespace, browser: Any) -> Iterator[Round]:
    """The rounds of one video, each with a page and a project of its own."""
    x, y = _middle(video)
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder, _studio(video, Path(folder), arguments) as (process, address):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            _wait(page, "shown !== null && editor")
            used = _processor_ms(process.pid)
            click = float(page.evaluate(_CLICK, [x, y]))
            click_cpu = _processor_ms(process.pid) - used
            page.evaluate("track(true)")
            _wait(page, "running && counts.shown > 0")  # the start is not counted on either side
            start, first = time.perf_counter(), int(page.evaluate("counts.shown"))
            _wait(page, f"!running && project.objects[0].confidences[{len(video.paths) - 1}] !== null", _SELDOM)
            seconds = time.perf_counter() - start
            shown = int(page.evaluate("counts.shown"))
            page.close()
        tracker = load_tracker(arguments.tracker, arguments.device)
        mask = tracker.propose(read_image(video.paths[0]), Points(np.array([[x, y]])))
        alone = frames_per_second(tracker, Video(video.name, video.paths, mask))
        count = len(video.paths) - 1
        rates = (shown - first) / seconds, shown / count, (count - first) / seconds
        yield Round(video.name, click, click_cpu, *rates, _command_rate(video, mask, arguments), alone)


COLUMNS = {
    "click ms": ("click_ms", 0),
    "of it CPU": ("click_cpu_ms", 0),
    "shown/s": ("shown", 1),
    "tracked/s": ("tracked", 1),
    "track/s": ("command", 1),
    "alone/s": ("alone", 1),
    "shown/alone": ("of_alone", 2),
    "shown/track": ("of_command", 2),
}


def table(rounds: Sequence[Round]) -> str:
    """A line a round, and the medians."""
    rows = [(one.video, [getattr(one, name) for name, _ in COLUMNS.values()]) for one in rounds]
    rows.append(("median", [median(values) for values in zip(*(values for _, values in rows), strict=True)]))
    digits = [places for _, places in COLUMNS.values()]
    lines = [f"{'video':<20}" + "".join(f"{title:>13}" for title in COLUMNS)]
    for name, values in rows:
        cells = (f"{value:>13.{places}f}" for value, places in zip(values, digits, strict=True))
        lines.append(f"{name:<20}" + "".join(cells))
    return "\n".join(lines)


def _command_rate(video: Video, mask: NDArray[np.uint8], arguments: argparse.Namespace) -> float:
    """Frames a second of `samn track` on the video from a mask (H, W), by the time of all frames and of a few.

    Raises:
        EnvironmentProblemError: it failed, with its last words.
    """
    few = max(2, len(video.paths) // 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mask.png").write_bytes(encode_labels(mask))

        def seconds(count: int) -> float:
            frames = _copied(video.paths[:count], folder / f"frames{count}")
            output = ["--output", str(folder / f"out{count}")]
            command = [*_command("track", str(frames), arguments), "--mask", str(folder / "mask.png"), *output]
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise EnvironmentProblemError(f"samn track failed: {done.stderr.strip()}")
            return time.perf_counter() - start

        return (len(video.paths) - few) / (seconds(len(video.paths)) - seconds(few))


def _command(name: str, frames: str, arguments: argparse.Namespace) -> list[str]:
    """A command of `samn` on a folder of frames, with the tracker and device that were asked for."""
    words = [name, frames, "--tracker", arguments.tracker, "--device", arguments.device]
    return [sys.executable, "-m", "samn_tracker", *words]


def _copied(paths: Sequence[Path], folder: Path) -> Path:
    """A new folder with these frames alone."""
    folder.mkdir()
    for path in paths:
        shutil.copy(path, folder / path.name)
    return folder


@contextmanager
def _studio(video: Video, folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`samn studio` on the video's frames, and its address; ended at the end."""
    frames = _copied(video.paths, folder / "frames")
    command = [*_command("studio", str(frames), arguments), "--no-browser", "--project", str(folder / "project")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            address = process.stdout.readline().strip()
            if not address:
                raise EnvironmentProblemError(f"samn studio did not start: {process.stderr.read().strip()}")
            yield process, address
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def _browser() -> Iterator[Any]:
    """Headless Chromium.

    Raises:
        EnvironmentProblemError: Playwright or Chromium is not installed.
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise EnvironmentProblemError("no Chromium here; install it, for instance Debian's package chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise EnvironmentProblemError("Playwright is not installed; run `pip install playwright`") from None
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield opened
        finally:
            opened.close()


def _wait(page: Any, condition: str, seconds: float = _POLL) -> None:
    end = time.monotonic() + _LONGEST
    while not page.evaluate(f"Boolean({condition})"):
        if time.monotonic() > end:
            raise EnvironmentProblemError(f"the page does not get on; it says {page.inner_text('#message')!r}")
        page.wait_for_timeout(1000 * seconds)


def _videos(arguments: argparse.Namespace, folder: Path) -> list[Video]:
    if arguments.data is None:
        return [generated_video(folder, arguments.frames)]
    videos = real_videos(arguments.data, arguments.frames)
    unknown = set(arguments.only) - {one.name for one in videos}
    if unknown:
        raise DatasetError(f"no sequence {', '.join(sorted(unknown))} below {arguments.data}")
    return [one for one in videos if not arguments.only or one.name in arguments.only]


def _middle(video: Video) -> tuple[float, float]:
    """A pixel x, y well inside the target of the first frame."""
    filled = region_to_mask(video.target, read_image(video.paths[0]).shape[:2])
    inside = cv2.distanceTransform(filled, cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return float(column) + 0.5, float(row) + 0.5


def _processor_ms(process: int) -> float:
    """Processor time that a process has used; nan where the system does not tell it."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="samn bench studio", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="development sequences; default: a generated video")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="of these sequences; repeat")
    parser.add_argument("--tracker", default="samn-lite")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=positive, default=60, help="of each video")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    rounds: list[Round] = []
    try:
        with tempfile.TemporaryDirectory() as folder, _browser() as browser:
            for video in _videos(arguments, Path(folder)):
                for one in measure(video, arguments, browser):
                    rounds.append(one)
                    print(one, file=sys.stderr)
    except SamnError as error:
        print(f"samn bench studio: {error}", file=sys.stderr)
        return 1
    print(describe_machine(resolve_device(arguments.device)))
    print(table(rounds))
    if arguments.json:
        write_atomic(arguments.json, json.dumps([asdict(one) for one in rounds], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
