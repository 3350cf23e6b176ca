"""The TraX server, driven by the real TraX client in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

trax = pytest.importorskip("trax", reason="the TraX bindings are not installed (pip install samn-tracker[vot])")
from trax.client import Client  # noqa: E402

from samn_tracker.errors import ConfigError  # noqa: E402
from samn_tracker.shapes.regions import place_mask  # noqa: E402
from samn_tracker.trax.convert import limit_runs  # noqa: E402
from samn_tracker.trax.options import Options, parse_settings  # noqa: E402

FAULTS = Path(__file__).parents[1] / "vot"
HEIGHT, WIDTH = 120, 160
SQUARE = [(30.5, 40.25), (60.5, 44.0), (57.0, 70.0), (28.0, 66.5)]


def frame(step: int) -> np.ndarray:
    """A textured square that moves 3 pixels right and 2 down a step over a textured background."""
    random = np.random.default_rng(5)
    image = cv2.GaussianBlur(random.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), (0, 0), 2)
    square = random.integers(0, 255, (30, 30, 3), dtype=np.uint8)
    x, y = 30 + 3 * step, 40 + 2 * step
    image[y : y + 30, x : x + 30] = square
    return image


@contextmanager
def served(tracker: str, *arguments: str, log: list[str] | None = None, **environment: str) -> Iterator[Client]:
    """A client of `samn-trax --tracker TRACKER`, started as the VOT toolkit does: standard error in the same pipe."""
    search_path = os.pathsep.join([str(FAULTS), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-m", "samn_tracker.trax.server", "--tracker", tracker, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        env={**os.environ, "PYTHONPATH": search_path, "OMP_NUM_THREADS": "1", **environment},
    )
    assert process.stdin is not None and process.stdout is not None
    lines = log if log is not None else []
    client = Client((process.stdin.fileno(), process.stdout.fileno()), log=lines.append)
    try:
        yield client
    finally:
        client.quit()
        process.stdin.close()
        process.stdout.close()
        process.wait(20)


def start(client: Client, region: Any, image: np.ndarray | None = None, **properties: str) -> Any:
    memory = trax.MemoryImage.create(frame(0) if image is None else image)
    ((answer, _),), _ = client.initialize({"color": memory}, [(region, {})], properties)
    return answer


def follow(client: Client, step: int) -> Any:
    ((answer, properties),), _ = client.frame({"color": trax.MemoryImage.create(frame(step))}, {}, [])
    assert 0 <= float(properties["confidence"]) <= 1
    return answer


def test_the_server_declares_three_regions_and_three_kinds_of_image() -> None:
    with served("fault_trackers:matching") as client:
        assert client.region_formats == ["rectangle", "polygon", "mask"]
        assert client.image_formats == ["path", "memory", "buffer"]
        assert client.channels == ["color"]


def test_each_kind_of_region_is_answered_in_kind_and_follows_the_target() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[42:68, 32:58] = 1
    with served("fault_trackers:matching") as client:
        assert start(client, trax.Rectangle.create(30, 40, 30, 30)).bounds() == (30, 40, 30, 30)
        assert follow(client, 1).bounds() == (33, 42, 30, 30)

        assert list(start(client, trax.Polygon.create(SQUARE))) == SQUARE
        assert list(follow(client, 2)) == [(x + 6, y + 4) for x, y in SQUARE]

        answer = start(client, trax.Mask.create(np.ascontiguousarray(mask[40:70, 30:60]), x=30, y=40))
        assert np.array_equal(answer.array(), mask)
        assert np.array_equal(follow(client, 1).array(), np.roll(mask, (2, 3), (0, 1)))


def test_path_memory_and_buffer_images_are_the_same_image(tmp_path: Path) -> None:
    encoded = []
    for step in range(2):
        path = tmp_path / f"{step}.png"
        cv2.imwrite(str(path), cv2.cvtColor(frame(step), cv2.COLOR_RGB2BGR))
        encoded.append(path)
    kinds = {
        "path": lambda step: trax.FileImage.create(str(encoded[step])),
        "memory": lambda step: trax.MemoryImage.create(frame(step)),
        "buffer": lambda step: trax.BufferImage.create(encoded[step].read_bytes()),
    }
    answers = {}
    with served("fault_trackers:matching") as client:
        for kind, create in kinds.items():
            client.initialize({"color": create(0)}, [(trax.Rectangle.create(30, 40, 30, 30), {})], {})
            ((answer, _),), _ = client.frame({"color": create(1)}, {}, [])
            answers[kind] = answer.bounds()
    assert answers == dict.fromkeys(kinds, (33, 42, 30, 30))


def test_ten_initialisations_in_one_process_answer_the_same() -> None:
    runs = []
    with served("fault_trackers:matching") as client:
        for _ in range(10):
            start(client, trax.Polygon.create(SQUARE))
            runs.append([list(follow(client, step)) for step in (1, 2, 3)])
    assert runs == [runs[0]] * 10


def test_our_tracker_with_any_weights_answers_the_same_after_every_start(weights: str) -> None:
    runs = []
    quick = "box_start.patch_size=192,mask_start.patch_size=192"
    with served(weights, "--device", "cpu", "--set", quick) as client:
        for _ in range(3):
            start(client, trax.Polygon.create(SQUARE))
            runs.append(list(follow(client, 1)))
    assert runs == [runs[0]] * 3


def test_text_on_standard_output_and_error_neither_stalls_nor_corrupts_the_protocol() -> None:
    log: list[str] = []
    with served("fault_trackers:noisy", log=log) as client:
        start(client, trax.Rectangle.create(30, 40, 30, 30))
        assert [follow(client, step).bounds()[:2] for step in (1, 2, 3)] == [(33, 42), (36, 44), (39, 46)]
    for text in ("python text", "python error text", "text from below", "error text from below"):
        assert "".join(log).count(text) >= 3


@pytest.mark.parametrize(
    ("tracker", "reason"),
    [
        ("raising", 'the tracker broke, with a "quoted" second line'),
        ("not_a_number", r"fault_trackers:not_a_number, 7 frames on, answered a box \[nan, .* not finite"),
    ],
)
def test_a_failing_tracker_quits_with_the_reason(tracker: str, reason: str) -> None:
    with served(f"fault_trackers:{tracker}") as client:
        start(client, trax.Rectangle.create(30, 40, 30, 30))
        with pytest.raises(trax.TraxException, match=reason):
            for step in range(1, 8):
                follow(client, step)


@pytest.mark.parametrize(
    ("tracker", "region", "reason"),
    [
        ("fault_trackers:unloadable", trax.Rectangle.create(30, 40, 30, 30), "these weights do not load"),
        ("fault_trackers:matching", trax.Rectangle.create(500, 40, 30, 30), "lies outside the image of 160 x 120"),
        ("fault_trackers:matching", trax.Mask.create(np.zeros((HEIGHT, WIDTH), np.uint8)), "the mask is empty"),
    ],
)
def test_what_prevents_a_start_is_told_to_the_client(tracker: str, region: Any, reason: str) -> None:
    with served(tracker) as client, pytest.raises(trax.TraxException, match=reason):
        start(client, region)


def test_options_come_from_the_environment_the_command_line_and_init_properties() -> None:
    box = trax.Rectangle.create(30, 40, 30, 30)
    with served("fault_trackers:matching", SAMN_REPLY="polygon") as client:
        assert start(client, box).type == "polygon"
        assert start(client, box, samn_reply="mask").array().sum() == 900
        assert start(client, box).type == "polygon"
        with pytest.raises(trax.TraxException, match="unknown init properties samn_colour"):
            start(client, box, samn_colour="red")
    with served("fault_trackers:matching", "--reply", "rectangle", SAMN_REPLY="polygon") as client:
        assert start(client, trax.Polygon.create(SQUARE)).type == "rectangle"


def test_settings_may_hold_commas() -> None:
    settings = parse_settings("start.weights=a,b, dynamic.weighting=none")
    assert settings == {"start.weights": "a,b", "dynamic.weighting": "none"}
    with pytest.raises(ConfigError, match="settings 'interval': write KEY=VALUE"):
        parse_settings("interval")
    with pytest.raises(ConfigError, match="reply 'circle' is unknown"):
        Options(reply="circle")


@pytest.mark.parametrize(
    ("offset", "rows", "columns"),
    [((2, 1), (1, 4), (2, 5)), ((-1, -2), (0, 1), (0, 2)), ((6, 3), (3, 5), (6, 8)), ((20, 20), (0, 0), (0, 0))],
)
def test_a_mask_is_placed_and_cut_at_the_image(
    offset: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    expected = np.zeros((5, 8), np.uint8)
    expected[slice(*rows), slice(*columns)] = 1
    assert np.array_equal(place_mask(np.full((3, 3), 255, np.uint8), offset, (5, 8, 3)), expected)


def test_a_speckled_mask_keeps_its_body_and_loses_its_speckles() -> None:
    mask = (np.indices((800, 900)).sum(axis=0) % 2).astype(np.uint8)
    mask[200:400, 300:500] = 1
    expected = np.zeros_like(mask)
    expected[200:400, 300:500] = 1
    assert np.array_equal(limit_runs(mask), expected)
    assert limit_runs(expected) is expected
