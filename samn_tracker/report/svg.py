"""Small charts as SVG text: lines, points and bars. Colours are the page's CSS variables: dark mode is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from samn_tracker.report.model import Curve
from samn_tracker.report.style import LIGHT

WIDTH, HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 18, 12, 42
_DASHES = ("", "7 4", "2 3", "9 3 2 3")
SERIES = len(LIGHT)
"""Colours that the style sheet names --s0, --s1, ...; further series start over with another dash."""

_BAR, _BAR_GAP, _GROUP_GAP = 12, 2, 12
_POINTS = (24, 120)
_ALL_POINTS = 24_000


@dataclass(frozen=True)
class Axes:
    """What the axes say, and where they begin and end."""

    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float] = (0.0, 1.0)

    def place(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) positions in the picture; values outside the range lie on its border."""
        across = np.clip((x - self.x_range[0]) / (self.x_range[1] - self.x_range[0] or 1), 0, 1)
        up = np.clip((y - self.y_range[0]) / (self.y_range[1] - self.y_range[0] or 1), 0, 1)
        return np.stack(
            [_LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)], axis=1
        )


def series_style(index: int, dashed: bool = True) -> str:
    """Colour and dash of the series with this number, as a `style` attribute's text."""
    dash = _DASHES[(index + index // SERIES) % len(_DASHES)] if dashed else ""
    return f"--c:var(--s{index % SERIES})" + (f";stroke-dasharray:{dash}" if dash else "")


def line_chart(axes: Axes, curves: Mapping[str, Curve], numbers: Mapping[str, int], label: str) -> str:
    """Curves by run name; `numbers` gives each run's colour. NaN interrupts a line.

    The interval that the curves' numbers are means over is shaded.
    """
    parts = [_frame(axes), *(_shade(axes, one) for one in {curve.interval for curve in curves.values()} if one)]
    for name, curve in curves.items():
        style = series_style(numbers[name])
        for points in _pieces(axes.place(curve.x, curve.y)):
            parts.append(_line("line", style, points, name))
    return _picture("".join(parts), label)


def scatter_chart(axes: Axes, points: Mapping[str, tuple[float, float]], numbers: Mapping[str, int], label: str) -> str:
    """A point for each run."""
    parts = [_frame(axes)]
    for name, (x, y) in points.items():
        ((across, down),) = axes.place(np.array([x]), np.array([y]))
        style = series_style(numbers[name], dashed=False)
        title = f"<title>{escape(name)}: {x:.3f}, {y:.3f}</title>"
        parts.append(f'<circle class="dot" style="{style}" cx="{across:.1f}" cy="{down:.1f}" r="6">{title}</circle>')
    return _picture("".join(parts), label)


def bar_chart(groups: Mapping[str, Mapping[str, float]], numbers: Mapping[str, int], top: float, label: str) -> str:
    """Horizontal bars: a group for each attribute, in it a bar for each run, 0 to `top`."""
    left, right = 140, 46
    parts, y = [], 6.0
    for group, values in groups.items():
        height = len(values) * (_BAR + _BAR_GAP)
        parts.append(_text(left - 8, y + height / 2 + 4, _short(group, 20), "end"))
        for name, value in values.items():
            width = max(0.0, min(value / top, 1.0)) * (WIDTH - left - right)
            title = f"<title>{escape(name)}, {escape(group)}: {value:.3f}</title>"
            parts.append(
                f'<rect class="bar" style="{series_style(numbers[name], dashed=False)}" x="{left}" y="{y:.1f}" '
                f'width="{width:.1f}" height="{_BAR}">{title}</rect>'
            )
            said = f"{value:.{3 if top <= 1 else 1}f}"
            parts.append(_text(left + width + 4, y + _BAR - 2, said, "start", small=True))
            y += _BAR + _BAR_GAP
        y += _GROUP_GAP
    return _picture("".join(parts), label, round(y))


def points_of_each(lines: int) -> int:
    """How many points each of so many small lines may have, for a page that is not too large."""
    return int(np.clip(_ALL_POINTS // max(lines, 1), *_POINTS))


def spark_chart(
    curves: Mapping[str, NDArray[np.float64]], numbers: Mapping[str, int], label: str, points: int = _POINTS[1]
) -> str:
    """Values 0..1 over the frames of a sequence, one line a run, with the axes' ends only.

    Where there are more frames than `points`, a point is the lowest of its stretch: a failure shows, however short.
    Frames that are NaN are passed over.
    """
    width, height = 300, 90
    longest = max((len(values) for values in curves.values()), default=1)
    parts = [f'<path class="grid" d="M0 8H{width}M0 {height - 16}H{width}"/>']
    for name, values in curves.items():
        frames, lowest = _lowest_of_stretches(values, points)
        across = frames / max(longest - 1, 1) * width
        down = height - 16 - np.clip(lowest, 0, 1) * (height - 24)
        line = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across, down, strict=True))
        parts.append(_line("line thin", series_style(numbers[name], dashed=False), line, name))
    parts.append(_text(0, height - 3, "0", "start", small=True))
    parts.append(_text(width, height - 3, str(longest - 1), "end", small=True))
    return _picture("".join(parts), label, height, width)


def _lowest_of_stretches(values: NDArray[np.float64], points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames and values (N,) of at most `points` of the frames that are known."""
    known = np.flatnonzero(np.isfinite(values))
    stretches = [one for one in np.array_split(known, min(points, max(len(known), 1))) if len(one)]
    frames = np.array([one[np.argmin(values[one])] for one in stretches], dtype=np.intp)
    return frames.astype(np.float64), values[frames]


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `wanted` of them."""
    step = (high - low) / wanted
    size = 10 ** np.floor(np.log10(step)) if step > 0 else 1.0
    step = next((size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= 0.9 * step), size)
    first = np.ceil(low / step - 1e-9)
    return [float(round(index * step, 10)) + 0.0 for index in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def _picture(content: str, label: str, height: int = HEIGHT, width: int = WIDTH) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{content}</svg>'


def _line(kind: str, style: str, points: str, name: str) -> str:
    return f'<polyline class="{kind}" style="{style}" points="{points}"><title>{escape(name)}</title></polyline>'


def _text(x: float, y: float, text: str, anchor: str, small: bool = False) -> str:
    size = ' class="small"' if small else ""
    return f'<text{size} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _frame(axes: Axes) -> str:
    """Grid, numbers and labels."""
    parts = []
    for value in ticks(*axes.x_range):
        ((x, _),) = axes.place(np.array([value]), np.array([axes.y_range[0]]))
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        parts.append(_text(x, HEIGHT - _BOTTOM + 15, _number(value), "middle", small=True))
    for value in ticks(*axes.y_range):
        ((_, y),) = axes.place(np.array([axes.x_range[0]]), np.array([value]))
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(_text(_LEFT - 5, y + 4, _number(value), "end", small=True))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 6, axes.x_label, "middle"))
    turned = f'<g transform="translate(12 {(_TOP + HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)">'
    return "".join(parts) + turned + _text(0, 0, axes.y_label, "middle") + "</g>"


def _shade(axes: Axes, interval: tuple[float, float]) -> str:
    (left, top), (right, bottom) = axes.place(np.array(interval), np.array(axes.y_range[::-1]))
    return f'<rect class="shade" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"/>'


def _pieces(positions: NDArray[np.float64]) -> list[str]:
    """The points (N, 2) of each stretch without NaN, as text."""
    broken = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    pieces: Sequence[NDArray[np.float64]] = np.split(positions, broken)
    texts = []
    for piece in pieces:
        finite = piece[np.isfinite(piece).all(axis=1)]
        if len(finite):
            texts.append(" ".join(f"{x:.1f},{y:.1f}" for x, y in finite))
    return texts


def _number(value: float) -> str:
    return f"{value:.4g}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
