"""A report with everything that one can show, and what reads a page."""

from __future__ import annotations

from html.parser import HTMLParser

import cv2
import numpy as np
from app.conftest import picture

from samn_tracker.report.model import Curve, Report, Run, Thumbnail

VOID = {"meta", "link", "img", "br", "path", "polyline", "circle", "rect"}
LINE = np.linspace(0, 1, 11)


def example(names: tuple[str, ...] = ("ours", "theirs <b>")) -> Report:
    """Two runs with everything that a report can show."""
    runs = []
    for index, name in enumerate(names):
        values = {"car": 0.9 - 0.4 * index, "dog": 0.3 + 0.2 * index, "cat": 0.5}
        runs.append(
            Run(
                name,
                {"success": float(np.mean(list(values.values()))), "lost": 3.0 + index, "coverage": None},
                {key: {"success": value} for key, value in values.items()},
                {"success": Curve(LINE, 1 - LINE * (1 + index) / 2, 0.5)},
                {"occlusion": 0.4 + 0.1 * index},
                (0.6 + 0.1 * index, 0.5),
                30.5,
                {"car": LINE[::-1], "dog": np.full(5, 0.5)},
                (Thumbnail("car", "0.900", cv2.imencode(".jpg", picture(0))[1].tobytes()),),
                (Thumbnail("dog", "0.300", cv2.imencode(".jpg", picture(1))[1].tobytes()),),
                {"tracker": name, "device": "cpu"},
            )
        )
    return Report("A & B", "example", "success", tuple(runs), frozenset({"lost"}), ("read me",))


class Structure(HTMLParser):
    """Fails where tags do not match; collects text, tags and references."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID or tag == "polyline" or tag in ("circle", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def structure(html: str) -> Structure:
    """The parsed page."""
    parsed = Structure()
    parsed.feed(html)
    while parsed.open and parsed.open[-1] in VOID:
        parsed.open.pop()
    assert parsed.open == []
    return parsed
