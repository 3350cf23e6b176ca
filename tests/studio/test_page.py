"""The page in a real browser: click, track, correct, save, reload; the keyboard; a second page.

Playwright drives Debian's chromium. Without either, these tests skip and say so. One browser and one server serve them
all, on patches of 96 pixels; nothing waits for a time, only for what the page says of itself.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import FRAMES, SIZE, Server, truth, write_clip

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

SECONDS = 20
TRACKING_SECONDS = 240
LONG = 200


def until(page: Any, condition: str, seconds: float = SECONDS) -> None:
    """Wait for a condition of the page's own program; its policy forbids Playwright's way, which is `eval`."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, f"{condition}: not within {seconds} s; it says {page.inner_text('#message')!r}"
        page.wait_for_timeout(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, as Debian installs it."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here; Debian's package is called chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The studio's page, loaded; a fault in its program fails the test."""
    opened, faults = open_page(browser, server)
    yield opened
    opened.close()
    assert not [fault for fault in faults if "WebSocket" not in fault]  # the browser tells each lost connection


def open_page(browser: Any, server: Server) -> tuple[Any, list[str]]:
    opened = browser.new_page(viewport={"width": 1100, "height": 760})
    opened.set_default_timeout(1000 * SECONDS)
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "console",
        lambda line: faults.append(line.text) if line.type == "error" and "WebSocket" not in line.text else None,
    )
    opened.goto(server.address())
    until(opened, "shown !== null && (editor || document.getElementById('message').textContent)")
    return opened, faults


def click(page: Any, x: float, y: float, **how: Any) -> None:
    """On the video, at its own pixels; waits for the mask that comes of it."""
    before = page.evaluate("counts.proposed")
    where = page.locator("#view").bounding_box()
    scale = where["width"] / SIZE[1]
    page.locator("#view").click(position={"x": x * scale, "y": y * scale}, **how)
    until(page, f"counts.proposed > {before}")


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    before = page.evaluate("counts.proposed")
    where = page.locator("#view").bounding_box()
    scale = where["width"] / SIZE[1]
    page.mouse.move(where["x"] + start[0] * scale, where["y"] + start[1] * scale)
    page.mouse.down()
    page.mouse.move(where["x"] + end[0] * scale, where["y"] + end[1] * scale, steps=4)
    page.mouse.up()
    until(page, f"counts.proposed > {before}")


def wait_until_done(page: Any) -> None:
    until(page, "!running && project.objects[0].confidences.every(one => one !== null)", TRACKING_SECONDS)


def seen(page: Any, x: int, y: int) -> tuple[int, ...]:
    """The colour (r, g, b) that the page shows at a pixel of the video."""
    return tuple(page.evaluate(f"Array.from(pen.getImageData({x}, {y}, 1, 1).data)")[:3])


def at(page: Any, index: int) -> None:
    until(page, f"shown.index === {index}")


@pytest.fixture
def long_server(studio: Server, tmp_path: Path) -> Iterator[Server]:
    """The studio, with a new project of 200 frames."""
    (tmp_path / "clip").mkdir()
    studio.begin(write_clip(tmp_path / "clip", LONG), tmp_path / "project")
    yield studio
    studio.end()


def test_click_track_correct_save_and_reload(browser: Any, long_server: Server) -> None:
    """On 200 frames."""
    page, faults = open_page(browser, long_server)
    disk = (40, 60)
    plain = seen(page, *disk)
    click(page, *disk)
    assert seen(page, 40, 48) != plain, "the proposed mask is drawn"
    page.keyboard.press("t")
    wait_until_done(page)
    at(page, LONG - 1)
    assert page.evaluate("counts.shown") > 0.5 * LONG, "most frames are shown as they are done"
    assert f"{LONG - 1} frames tracked" in page.inner_text("#message")

    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    at(page, 6)
    page.keyboard.press("e")
    drag(page, (46, 46), (46, 74))
    prompts = page.evaluate("project.objects[0].prompts")
    assert prompts == [0, 6], "the correction stays"
    page.click("#track")
    wait_until_done(page)

    page.keyboard.press("s")
    until(page, "document.getElementById('message').textContent.includes('saved')", TRACKING_SECONDS)
    results = long_server.hub.session.project.folder / "results"
    assert len(list((results / "masks").iterdir())) == LONG
    assert (results / "boxes.txt").exists() and (results / "overlay.mp4").exists()

    page.reload()
    until(page, "shown !== null && editor")
    assert page.evaluate("project.objects[0].prompts") == [0, 6]
    assert None not in page.evaluate("project.objects[0].confidences")
    assert page.input_value("[data-object='1'] input") == "object 1"
    page.close()
    assert not faults


def test_tracking_backwards_and_stopping_at_a_frame(page: Any, server: Server) -> None:
    page.keyboard.press("End")
    at(page, FRAMES - 1)
    click(page, 40 + 4 * (FRAMES - 1), 60)
    page.evaluate(
        "() => { const hear = heard.answers;"
        " heard.answers = event => { hear(event); if (running && event.frame <= 8) stop(); }; }"
    )
    page.keyboard.press("Shift+T")
    until(page, "counts.tracked > 0 && !running")
    confidences = page.evaluate("project.objects[0].confidences")
    assert confidences[0] is None and None not in confidences[8:]
    answer = server.hub.session.project.things[1].answers[9]
    assert (answer.mask(SIZE) & truth(9)).sum() > 0.7 * truth(9).sum()


def test_two_objects_by_box_and_brush_are_chosen_by_number(page: Any) -> None:
    page.keyboard.press("b")
    drag(page, (20, 40), (60, 80))
    page.keyboard.press("a")
    until(page, "project.objects.length === 2 && chosen === 2")
    page.keyboard.press("d")
    drag(page, (100, 20), (130, 20))
    assert page.evaluate("project.objects.map(one => one.prompts.length)") == [1, 1]
    page.keyboard.press("1")
    assert page.locator(".object.chosen").get_attribute("data-object") == "1"
    page.fill("[data-object='2'] input", "stripe")
    page.locator("[data-object='2'] input").press("Enter")
    until(page, "project.objects[1].name === 'stripe'")


def test_a_negative_click_and_undo(page: Any) -> None:
    click(page, 40, 60)
    before = page.evaluate("answers.get(0)[1].runs.length")
    click(page, 100, 100, button="right")
    assert page.evaluate("answers.get(0)[1].negative") == [[100, 100]]
    page.keyboard.press("Control+z")
    until(page, "answers.get(0) && answers.get(0)[1] && answers.get(0)[1].negative.length === 0")
    assert page.evaluate("answers.get(0)[1].runs.length") == before


def test_a_fault_is_told_and_the_page_goes_on(page: Any) -> None:
    page.keyboard.press("t")
    until(page, "document.getElementById('message').textContent.includes('no object is marked')")
    page.evaluate("socket.send('x'.repeat(70000))")
    until(page, "document.getElementById('message').textContent.includes('too long')")
    page.evaluate("socket.send('x'.repeat(2000000))")
    until(page, "socket.readyState !== WebSocket.OPEN")
    until(page, "socket.readyState === WebSocket.OPEN && editor")
    click(page, 40, 60)


def test_a_second_page_only_shows(page: Any, browser: Any, server: Server) -> None:
    second, faults = open_page(browser, server)
    assert "read-only" in second.inner_text("#message")
    assert second.is_disabled("#save") and second.is_disabled("#add")
    click(page, 40, 60)
    until(second, "project.objects.length === 1 && project.objects[0].prompts.length === 1")
    page.goto("about:blank")
    until(second, "editor")
    second.close()
    assert not faults


def test_the_keyboard_plays_and_scrubs(page: Any) -> None:
    page.keyboard.press("Space")
    at(page, FRAMES - 1)
    until(page, "playing === null")
    page.keyboard.press("Shift+ArrowLeft")
    at(page, FRAMES - 11)
    where = page.locator("#timeline").bounding_box()
    page.locator("#timeline").click(position={"x": where["width"] * 7.5 / FRAMES, "y": 30})
    at(page, 7)
