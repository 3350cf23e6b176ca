"""The report as one HTML file: no script, no network, everything inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from samn_tracker import __version__
from samn_tracker.report import names, svg
from samn_tracker.report.model import Report, SequenceRow, Thumbnail, sequence_rows
from samn_tracker.report.resampling import difference, interval
from samn_tracker.report.style import STYLE

_CONFIDENCE_SEQUENCES = 24
_TABLE_OPEN = 60
_NOTES_OPEN = 3


def render(report: Report) -> str:
    """The page; sections without data are left out."""
    numbers = {run.name: index for index, run in enumerate(report.runs)}
    sections = [
        ("Results", "results", _headline(report)),
        ("Curves", "curves", _curves(report, numbers)),
        ("Attributes", "attributes", _attributes(report, numbers)),
        ("Sequences", "sequences", _sequences(report)),
        ("Where they differ", "together", _together(report, numbers)),
        ("Best and worst", "pictures", _pictures(report)),
        ("Confidence over time", "confidence", _confidence(report, numbers)),
        ("How the results were made", "manifest", _manifest(report)),
    ]
    shown = [(title, anchor, content) for title, anchor, content in sections if content]
    links = "".join(f'<a href="#{anchor}">{title}</a>' for title, anchor, _ in shown)
    body = "".join(f'<section id="{anchor}"><h2>{title}</h2>{content}</section>' for title, anchor, content in shown)
    runs = ", ".join(run.name for run in report.runs)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head><body>"
        f'<header><h1>{escape(report.title)}</h1><p class="soft">{escape(report.benchmark)}: {escape(runs)}. '
        f"Made by samn-tracker {__version__}.</p><nav>{links}</nav></header><main>{body}</main></body></html>\n"
    )


def _headline(report: Report) -> str:
    columns = [name for name in report.scores if any(run.overall.get(name) is not None for run in report.runs)]
    best = {name: report.best(name) for name in columns}
    speed = any(run.frames_per_second for run in report.runs)
    intervals = {run.name: interval(run, report.primary) for run in report.runs}
    leads = {run.name: difference(report, run) for run in report.runs}
    sure = ["95% interval"] * any(intervals.values()) + ["Lead of the first (chance)"] * any(leads.values())
    head = _row_of("th", ["", *map(names.score_title, columns), *sure, *(["Tracker frames / s"] if speed else [])])
    rows = []
    for run in report.runs:
        cells = [_score_cell(run.overall.get(name), run.name in best[name]) for name in columns]
        if any(intervals.values()):
            cells.append(f"<td>{_range(intervals[run.name])}</td>")
        if any(leads.values()):
            cells.append(f"<td>{_lead(leads[run.name])}</td>")
        if speed:
            cells.append(_score_cell(run.frames_per_second, False))
        rows.append(f'<tr><th scope="row">{escape(run.name)}</th>{"".join(cells)}</tr>')
    for row in report.published:
        cells = [_score_cell(row.scores.get(name), False) for name in columns] + ["<td></td>"] * (len(sure) + speed)
        named = f'{escape(row.tracker)} <small class="soft">published: {escape(row.source)}</small>'
        rows.append(f'<tr class="soft"><th scope="row">{named}</th>{"".join(cells)}</tr>')
    notes = "".join(f'<p class="soft">{escape(note)}</p>' for note in report.notes)
    if len(report.notes) > _NOTES_OPEN:
        notes = f"<details><summary>{len(report.notes)} notes</summary>{notes}</details>"
    return _table(head, rows) + notes


def _range(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f"{names.format_score(bounds[0])} to {names.format_score(bounds[1])}"


def _lead(lead: tuple[float, float] | None) -> str:
    """The mean lead of the first run on common sequences, and how likely one as large is by chance."""
    return "" if lead is None else f"{lead[0]:+.3f} (p = {lead[1]:.3g})"


def _curves(report: Report, numbers: dict[str, int]) -> str:
    figures = []
    for name in report.plots:
        curves = {run.name: run.curves[name] for run in report.runs if name in run.curves}
        title = names.plot_title(report, name)
        legend = sorted(curves, key=lambda one: -(curves[one].summary or 0.0))
        words = {one: f"{one} [{names.format_score(curves[one].summary)}]" for one in legend}
        plain = {one: one if curves[one].summary is None else words[one] for one in legend}
        chart = svg.line_chart(names.plot_axes(report, name), curves, numbers, title)
        figures.append(f"<figure><h3>{escape(title)}</h3>{chart}{_legend(plain, numbers)}</figure>")
    points = {run.name: run.accuracy_robustness for run in report.runs if run.accuracy_robustness is not None}
    if points:
        title = "Accuracy and robustness"
        chart = svg.scatter_chart(names.accuracy_robustness_axes(report), points, numbers, title)
        words = {name: f"{name} [{x:.3f}, {y:.3f}]" for name, (x, y) in points.items()}
        figures.append(f"<figure><h3>{title}</h3>{chart}{_legend(words, numbers, dashed=False)}</figure>")
    return f'<div class="grid">{"".join(figures)}</div>' if figures else ""


def _attributes(report: Report, numbers: dict[str, int]) -> str:
    every = dict.fromkeys(name for run in report.runs for name in run.attributes)
    if not every:
        return ""
    groups = {
        name.replace("_", " "): {run.name: run.attributes[name] for run in report.runs if name in run.attributes}
        for name in every
    }
    highest = max(value for values in groups.values() for value in values.values())
    chart = svg.bar_chart(groups, numbers, 1.0 if highest <= 1 else 100.0, "Score by attribute")
    legend = _legend({run.name: run.name for run in report.runs}, numbers, dashed=False)
    title = f"{names.score_title(report.primary)} by attribute"
    return f'<div class="grid"><figure><h3>{escape(title)}</h3>{chart}{legend}</figure></div>'


def _sequences(report: Report) -> str:
    rows = sequence_rows(report)
    if not rows:
        return ""
    several = len(report.runs) > 1
    first = report.runs[0].name
    head = _row_of("th", ["Sequence", *(run.name for run in report.runs), *(["Difference"] if several else [])])
    body = [_sequence_row(row, several) for row in rows]
    title = names.score_title(report.primary)
    said = f"{title} of each sequence; " + (
        f"sorted by the lead of {first} over the best of the others, where it falls behind most first"
        if several
        else "the worst first"
    )
    table = _table(head, body)
    if len(rows) > _TABLE_OPEN:
        table = f"<details><summary>all {len(rows)} sequences</summary>{table}</details>"
    return f'<p class="soft">{escape(said)}.</p>{table}'


def _sequence_row(row: SequenceRow, several: bool) -> str:
    known = [value for value in row.values if value is not None]
    differ = len(set(known)) > 1
    cells = [_score_cell(value, differ and value == max(known)) for value in row.values]
    if several:
        kind = "" if not row.difference else ' class="ahead"' if row.difference > 0 else ' class="behind"'
        text = "–" if row.difference is None else f"{row.difference:+.{1 if max(known) > 1 else 3}f}"
        cells.append(f"<td{kind}>{text}</td>")
    return f'<tr><th scope="row" title="{escape(row.name)}">{escape(row.name)}</th>{"".join(cells)}</tr>'


def _together(report: Report, numbers: dict[str, int]) -> str:
    if not report.together:
        return ""
    first = escape(report.runs[0].name)
    said = f"Where {first} falls behind most, and last where it leads most; each tracker in the colour of its line."
    legend = _legend({run.name: run.name for run in report.runs if run.clip_of}, numbers, dashed=False)
    strips = "".join(map(_thumbnail, report.together))
    return f'<p class="soft">{said}</p>{legend}<div class="strips together">{strips}</div>'


def _pictures(report: Report) -> str:
    columns = []
    for run in report.runs:
        for title, pictures in (("best", run.best), ("worst", run.worst)):
            if pictures:
                columns.append(f"<div><h3>{escape(run.name)}, {title}</h3>{''.join(map(_thumbnail, pictures))}</div>")
    return f'<div class="strips">{"".join(columns)}</div>' if columns else ""


def _thumbnail(picture: Thumbnail) -> str:
    data = base64.b64encode(picture.jpeg).decode()
    text = escape(f"{picture.sequence}: {picture.caption}")
    return (
        f'<figure><img loading="lazy" alt="{text}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _confidence(report: Report, numbers: dict[str, int]) -> str:
    order = [row.name for row in sequence_rows(report)]
    every = dict.fromkeys(name for run in report.runs for name in run.confidence)
    chosen = sorted(every, key=lambda name: order.index(name) if name in order else len(order))[:_CONFIDENCE_SEQUENCES]
    figures = []
    for name in chosen:
        curves = {run.name: run.confidence[name] for run in report.runs if name in run.confidence}
        figures.append(
            f"<figure><h3>{escape(name)}</h3>{svg.spark_chart(curves, numbers, f'confidence, {name}')}</figure>"
        )
    if not figures:
        return ""
    legend = _legend({run.name: run.name for run in report.runs if run.confidence}, numbers, dashed=False)
    return f'<p class="soft">0 to 1 over the frames.</p>{legend}<div class="small-grid">{"".join(figures)}</div>'


def _manifest(report: Report) -> str:
    keys = dict.fromkeys(key for run in report.runs for key in run.manifest)
    if not keys:
        return ""
    rows = []
    for key in keys:
        cells = "".join(f'<td class="text">{escape(run.manifest.get(key, "–"))}</td>' for run in report.runs)
        rows.append(f'<tr><th scope="row">{escape(key)}</th>{cells}</tr>')
    return _table(_row_of("th", ["", *(run.name for run in report.runs)]), rows, kind="facts")


def _legend(words: dict[str, str], numbers: dict[str, int], dashed: bool = True) -> str:
    items = []
    for name, text in words.items():
        path = f'<path class="line" d="M0 5H26" style="{svg.series_style(numbers[name], dashed)}"/>'
        items.append(f'<li><svg viewBox="0 0 26 10" aria-hidden="true">{path}</svg>{escape(text)}</li>')
    return f'<ul class="legend">{"".join(items)}</ul>'


def _score_cell(value: float | None, best: bool) -> str:
    kind = ' class="best"' if best else ""
    return f"<td{kind}>{names.format_score(value)}</td>"


def _row_of(tag: str, texts: Iterable[str]) -> str:
    return "<tr>" + "".join(f'<{tag} scope="col">{escape(text)}</{tag}>' for text in texts) + "</tr>"


def _table(head: str, rows: Iterable[str], kind: str = "scores") -> str:
    return (
        f'<div class="scroll"><table class="{kind}"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    )
