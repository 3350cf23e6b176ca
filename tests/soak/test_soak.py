"""Long runs: memory, open files and threads stay as they were. Minutes; `pytest -m slow tests/soak -s` shows figures.

With the shipped weights in small patches, so that the target is really followed and every memory fills up.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from got10k_runner.__main__ import main as got10k
from samn_tracker import load_tracker
from samn_tracker.core.tracker import Tracker
from samn_tracker.synthetic import SyntheticSequence, make_sequence, write_sequence_images

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

FRAMES = 10_000
SETTINGS = {
    "box_start.patch_size": "128",
    "mask_start.patch_size": "128",
    "segmentation.minimum_pixels": "10",
    "runtime.precision": "float32",
    "runtime.threads": "1",
}
WARM_UP = 0.2
MOST_GROWTH_MB = 24.0


@dataclass(frozen=True)
class Usage:
    """Of a process: resident memory in MB, open file descriptors, threads."""

    memory: float
    handles: int
    threads: int

    @classmethod
    def of(cls, process: int | str = "self") -> Usage:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        place = Path(f"/proc/{process}")
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            len(list((place / "fd").iterdir())),
            len(list((place / "task").iterdir())),
        )


class Watch:
    """Usage at twenty moments of a long run; the first fifth is warm-up."""

    def __init__(self, what: str, steps: int, process: int | str = "self") -> None:
        self._what, self._every, self._process = what, max(1, steps // 20), process
        self._taken: list[Usage] = []

    def step(self, index: int) -> None:
        if index % self._every == 0:
            gc.collect()
            self._taken.append(Usage.of(self._process))

    def check(self, capsys: pytest.CaptureFixture[str], more: str = "") -> None:
        warm = self._taken[int(WARM_UP * len(self._taken)) :]
        first, last = warm[0], warm[-1]
        memory = f"{first.memory:.1f} -> {last.memory:.1f} MB (most {max(one.memory for one in warm):.1f})"
        with capsys.disabled():
            handles = f"handles {first.handles} -> {last.handles}, threads {first.threads} -> {last.threads}"
            print(f"\n{self._what}: {memory}, {handles}{more}")
        assert max(one.memory for one in warm) - first.memory < MOST_GROWTH_MB
        assert last.handles <= first.handles
        assert last.threads <= first.threads


@pytest.fixture
def tracker() -> Tracker:
    return load_tracker("samn-lite", "cpu", SETTINGS)


@pytest.fixture(scope="module")
def sequence() -> SyntheticSequence:
    return make_sequence("moving", 3, 100, (160, 120), "procedural")


def bouncing(sequence: SyntheticSequence, frames: int) -> Iterator[np.ndarray]:
    """The sequence forwards and backwards for ever, so that the target never jumps."""
    pictures = [sequence.frame(index) for index in range(sequence.length)]
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    for index in range(frames):
        yield there_and_back[index % len(there_and_back)]


def test_ten_thousand_frames_through_the_interface(
    tracker: Tracker, sequence: SyntheticSequence, capsys: pytest.CaptureFixture[str]
) -> None:
    watch, found = Watch(f"API, {FRAMES} frames", FRAMES), 0
    for index, image in enumerate(bouncing(sequence, FRAMES)):
        answer = tracker.initialize(image, sequence.mask(0)) if index == 0 else tracker.track(image)
        found += answer.found
        watch.step(index)
    assert found > 0.5 * FRAMES
    watch.check(capsys, f", found in {found}")


def test_ten_thousand_frames_through_trax(sequence: SyntheticSequence, capsys: pytest.CaptureFixture[str]) -> None:
    trax = pytest.importorskip("trax")
    from trax.client import Client

    settings = ",".join(f"{key}={value}" for key, value in SETTINGS.items())
    line = [sys.executable, "-m", "samn_tracker.trax.server", "--device", "cpu", "--set", settings]
    process = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    assert process.stdin is not None and process.stdout is not None
    client = Client((process.stdin.fileno(), process.stdout.fileno()), log=lambda _: None)
    watch, own = Watch(f"TraX server, {FRAMES} frames", FRAMES, process.pid), Watch("TraX client", FRAMES)
    region = trax.Mask.create(sequence.mask(0))
    for index, image in enumerate(bouncing(sequence, FRAMES)):
        picture = {"color": trax.MemoryImage.create(image)}
        answer: Any = client.initialize(picture, [(region, {})], {}) if index == 0 else client.frame(picture, {}, [])
        assert answer[0][0][0].type == "mask"
        watch.step(index)
        own.step(index)
    client.quit()
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 0
    watch.check(capsys)


@pytest.mark.parametrize("start", ["mask", "box"])
def test_a_hundred_initialisations(
    start: str, tracker: Tracker, sequence: SyntheticSequence, capsys: pytest.CaptureFixture[str]
) -> None:
    watch, answers = Watch(f"100 initialisations, {start} start", 100), []
    target = sequence.mask(0) if start == "mask" else sequence.box(0)
    for index in range(100):
        tracker.initialize(sequence.frame(0), target)
        answers.append(tracker.track(sequence.frame(1)))
        watch.step(index)
    assert all(np.array_equal(one.box, answers[0].box) for one in answers)
    watch.check(capsys)


def test_two_hundred_sequences_in_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"sequence_{index:03d}" for index in range(200)]
    for index, name in enumerate(names):
        short = make_sequence("moving", index, 4, (128, 96), "procedural")
        write_sequence_images(short, tmp_path / "data/test" / name)
        box = ",".join(f"{value:.4f}" for value in short.box(0))
        (tmp_path / "data/test" / name / "groundtruth.txt").write_text(box + "\n")
    (tmp_path / "data/test/list.txt").write_text("\n".join(names) + "\n")
    watch = Watch("GOT-10k runner, 200 sequences", 200)
    _after_each_initialisation(monkeypatch, watch.step)
    more = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    place = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "run")]
    assert got10k(["run", *place, "--device", "cpu", *more]) == 0
    assert len(list((tmp_path / "run/results").rglob("*_001.txt"))) == 200
    watch.check(capsys)


def _after_each_initialisation(monkeypatch: pytest.MonkeyPatch, call: Callable[[int], None]) -> None:
    """Count what the real tracker does; it is not changed."""
    real, count = Tracker.initialize, iter(range(10**9))

    def initialize(self: Tracker, *arguments: Any) -> Any:
        call(next(count))
        return real(self, *arguments)

    monkeypatch.setattr(Tracker, "initialize", initialize)
