"""Stacked bars of where a frame's time goes, as an SVG file."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from samn_tracker.files import write_atomic

COLOURS = {
    "crop and paste": "#bab0ac",
    "localisation encoder": "#9ecae9",
    "spatial memory": "#72b7b2",
    "query encoder": "#4c78a8",
    "read": "#f58518",
    "decoder": "#e45756",
    "mask and box": "#eeca3b",
    "memory encoder": "#54a24b",
    "memory bank": "#88d27a",
    "rest": "#d6d6d6",
}
"""Every part, in the order of a frame."""

_WIDTH, _LEFT, _BAR, _GAP = 920, 190, 22, 12
_SPAN = _WIDTH - _LEFT - 90


def write_picture(path: Path, title: str, groups: list[dict[str, dict[str, float]]]) -> None:
    """Horizontal bars, one for each {name: {part: milliseconds}}; every group has a scale of its own."""
    marks: list[str] = []
    top = 84
    for group in groups:
        longest = max(sum(parts.values()) for parts in group.values())
        for name, parts in group.items():
            marks += _bar(name, parts, top, _SPAN / longest)
            top += _BAR + _GAP
        top += _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{_WIDTH}" height="{top}" fill="white"/>',
        f'<text x="16" y="24" font-size="15" font-weight="bold">{escape(title)}</text>',
        *_legend(),
        *marks,
        "</svg>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "\n".join(lines) + "\n")


def _bar(name: str, parts: dict[str, float], top: float, scale: float) -> list[str]:
    baseline = top + 0.7 * _BAR
    marks = [f'<text x="{_LEFT - 8}" y="{baseline:.1f}" text-anchor="end">{escape(name)}</text>']
    left = float(_LEFT)
    for part in (part for part in COLOURS if parts.get(part, 0) > 0):
        width = parts[part] * scale
        marks.append(
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{COLOURS[part]}">'
            f"<title>{part}: {parts[part]:.1f} ms</title></rect>"
        )
        left += width
    marks.append(f'<text x="{left + 6:.1f}" y="{baseline:.1f}">{sum(parts.values()):.0f} ms</text>')
    return marks


def _legend() -> list[str]:
    marks = []
    for index, (part, colour) in enumerate(COLOURS.items()):
        x, y = 16 + 180 * (index % 5), 36 + 20 * (index // 5)
        marks.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        marks.append(f'<text x="{x + 18}" y="{y + 11}">{part}</text>')
    return marks
