"""Tables for a paper, for LaTeX with the package booktabs."""

from __future__ import annotations

from samn_tracker.report import names
from samn_tracker.report.model import Report, sequence_rows

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def render(report: Report) -> str:
    """The headline table, then the table of sequences; the best value of each column, or row, is bold."""
    columns = [name for name in report.scores if any(run.overall.get(name) is not None for run in report.runs)]
    best = {name: report.best(name) for name in columns}
    headline = [
        [escape(run.name), *(_cell(run.overall.get(name), run.name in best[name]) for name in columns)]
        for run in report.runs
    ]
    rows = [[escape(row.name), *_row_cells(row.values)] for row in sequence_rows(report)]
    tables = [_table(["Tracker", *map(names.score_title, columns)], headline)]
    if rows:
        tables.append(_table(["Sequence", *(run.name for run in report.runs)], rows))
    return f"% {report.title}; needs \\usepackage{{booktabs}}\n" + "\n".join(tables)


def escape(text: str) -> str:
    """The text with every character that LaTeX reads as a command made plain."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
    lines += [" & ".join(map(escape, head)) + r" \\", r"\midrule"]
    lines += [" & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _cell(value: float | None, best: bool) -> str:
    text = "--" if value is None else names.format_score(value)
    return rf"\textbf{{{text}}}" if best else text


def _row_cells(values: tuple[float | None, ...]) -> list[str]:
    """The highest is bold, unless all are the same."""
    known = {value for value in values if value is not None}
    return [_cell(value, len(known) > 1 and value == max(known)) for value in values]
