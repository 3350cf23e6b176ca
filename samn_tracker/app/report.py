"""Compare trackers: one self-contained HTML file from runs on one benchmark.

A RUN is the folder of a run (samn got10k|trackingnet|davis|ope run), a folder of
results in the benchmark's layout (with --split), a tracker's folder of VOT results, or a file that `score --json`
wrote. NAME=RUN gives it a name; runs that are given one NAME are repetitions, of which mean and deviation are shown.

Examples:
  samn report runs/lite runs/csrt runs/mil --truth DATA --output report.html
  samn report lite=lite.json mil=mil.json --output report.html --latex tables.tex --plots plots
  samn report W/results/* --truth W --output report.html

Exit codes: 0 done; 1 something was wrong with a run; 2 wrong command line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from samn_tracker.app.answer_videos import with_videos
from samn_tracker.app.benchmarks import NAMES, benchmark_of, load_benchmark, manifest_of
from samn_tracker.errors import ConfigError, ResultError
from samn_tracker.files import refuse_what_is_read, write_atomic
from samn_tracker.report import latex, page, plots
from samn_tracker.report.kinds import Asked, kind_named, kind_of
from samn_tracker.report.model import Report, Run, attribute_means, share_of_sequences, with_unique_names
from samn_tracker.report.published import published_rows
from samn_tracker.report.repetitions import with_repetitions
from samn_tracker.report.runs import (
    LOWER_IS_BETTER,
    PRIMARY,
    read_saved_scores,
    run_from_folder,
    run_from_scores,
)
from samn_tracker.report.thumbnails import all_together, within_bytes
from samn_tracker.runner.digits import within
from samn_tracker.runner.run_folder import read_places


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn report ...`; returns the exit code.

    Raises:
        SamnError: a run cannot be read or scored.
    """
    arguments = parser().parse_args(argv)
    asked = Asked(
        tuple(map(_named, arguments.runs)),
        arguments.truth,
        arguments.benchmark,
        arguments.split,
        arguments.pictures,
        arguments.partial,
    )
    _refuse_what_is_read(arguments, [path for _, path in asked.runs])
    report = _report(asked)
    report = with_attributes(_with_curves(report), arguments.attributes)
    report = with_repetitions(report, _tracker_names(arguments.runs, report))
    report = replace(report, together=all_together(report, arguments.pictures))
    if arguments.videos:
        report = with_videos(report, arguments.videos, arguments.output.parent)
    report = within_bytes(report)
    if arguments.published:
        report = replace(report, published=published_rows(report.key))
    if arguments.title:
        report = replace(report, title=arguments.title)
    write_atomic(arguments.output, page.render(report))
    print(arguments.output)
    if arguments.latex:
        write_atomic(arguments.latex, latex.render(report))
        print(arguments.latex)
    if arguments.plots:
        print("\n".join(map(str, plots.write_plots(report, arguments.plots))))
    return 0


def _tracker_names(texts: list[str], report: Report) -> list[str]:
    """Of each run; those that were given one NAME= are repetitions of one tracker."""
    given = [text.partition("=")[0] if "=" in text else "" for text in texts]
    return [name or run.name for name, run in zip(given, report.runs, strict=True)]


def _refuse_what_is_read(arguments: argparse.Namespace, runs: list[Path]) -> None:
    """Refuse to write over a run, the ground truth or the attributes; pages and tables of before are none of these."""
    places = [place for run in runs for place in read_places(run)]
    read = [*places, *(one for one in (arguments.truth, arguments.attributes) if one)]
    for option in ("output", "latex"):
        written = getattr(arguments, option)
        if written is not None and written.suffix not in (".html", ".tex"):
            refuse_what_is_read(written, read, f"--{option}")


def _report(asked: Asked) -> Report:
    kind = kind_named(asked.benchmark) if asked.benchmark or asked.truth is None else kind_of(asked.truth)
    if kind and asked.partial:
        raise ConfigError(f"results of {kind.name} have no scores of a part; leave --partial out")
    return kind.read(asked) if kind else _benchmark_report(asked)


def _benchmark_report(asked: Asked) -> Report:
    """Of runs on one of this project's benchmarks, or of scores that were saved."""
    runs: list[Run] = []
    notes: list[tuple[str, ...]] = []
    kinds: set[tuple[str, str]] = set()
    for name, path in asked.runs:
        if path.suffix == ".json" and path.is_file():
            table = read_saved_scores(path)
            runs.append(run_from_scores(name, table))
        else:
            if asked.truth is None:
                raise ConfigError(f"{path} has to be scored; give the benchmark's data as --truth DATA")
            benchmark = load_benchmark(asked.benchmark or benchmark_of(path, asked.truth))
            split = asked.split or manifest_of(path).get("split") or benchmark.default_split(asked.truth)
            run, table = run_from_folder(name, path, benchmark, split, asked.truth, asked.pictures, asked.partial)
            runs.append(run)
        kinds.add((table.benchmark, table.split))
        notes.append(table.notes)
    if len(kinds) > 1:
        listed = ", ".join(f"{kind} {split}" for kind, split in sorted(kinds))
        raise ConfigError(f"these runs are of different benchmarks ({listed}); make a report of each")
    ((kind, split),) = kinds
    primary = PRIMARY.get(kind, next(iter(runs[0].overall)))
    known = load_benchmark(kind).title if kind in PRIMARY else kind
    title = f"{known}: {len(runs)} trackers" if len(runs) > 1 else f"{known}: {runs[0].name}"
    return Report(
        title,
        f"{known}, {split}",
        primary,
        with_unique_names(runs),
        LOWER_IS_BETTER,
        merged_notes(runs, notes),
        key=f"{kind} {split}",
    )


def merged_notes(runs: list[Run], notes: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The notes of all runs: those that hold for every one once, the others with the names of their runs."""
    merged = []
    for note in dict.fromkeys(note for own in notes for note in own):
        names = [run.name for run, own in zip(runs, notes, strict=True) if note in own]
        merged.append(note if len(names) == len(runs) else f"{', '.join(names)}: {note}")
    return tuple(merged)


def _with_curves(report: Report) -> Report:
    """Where the benchmark has no curve, one that every per-sequence score has."""
    if report.plots or not all(run.sequences for run in report.runs):
        return report
    curve = {run.name: share_of_sequences(run, report.primary) for run in report.runs}
    return replace(report, runs=tuple(replace(run, curves={"sequences": curve[run.name]}) for run in report.runs))


def with_attributes(report: Report, path: Path | None) -> Report:
    """The report with the means over the attributes of the sequences, as the JSON file says them.

    Raises:
        ResultError: not such a file.
    """
    if path is None:
        return report
    try:
        tags = json.loads(path.read_text(encoding="utf-8"))
        means = [attribute_means(run, tags, report.primary) for run in report.runs]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ResultError(f'{path} is not {{"sequence": ["attribute", ...]}} ({error})') from None
    runs = zip(report.runs, means, strict=True)
    return replace(report, runs=tuple(replace(run, attributes=values) for run, values in runs))


def _named(text: str) -> tuple[str, Path]:
    """The name and the place of a run: as given, else as its `--name` was, else as its folder is called."""
    name, equals, path = text.partition("=")
    if equals and name:
        return name, Path(path)
    return str(manifest_of(Path(text)).get("name") or Path(text).stem or text), Path(text)


def parser() -> argparse.ArgumentParser:
    """The command line of `samn report`."""
    result = argparse.ArgumentParser(
        prog="samn report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = result.add_argument
    add("runs", nargs="+", metavar="[NAME=]RUN", help="the first one is compared with the others")
    add("--output", type=Path, required=True, metavar="HTML", help="the file to write")
    add("--truth", type=Path, metavar="DATA", help="the benchmark's data; for vot the workspace or VOT20xx.json")
    add("--benchmark", choices=NAMES, help="where neither a run nor the data says it")
    add("--split", help="of the benchmark, where a run does not say it")
    add("--attributes", type=Path, metavar="JSON", help='{"sequence": ["occlusion", ...]} for the attribute bars')
    add(
        "--partial",
        action="store_true",
        help="also of a set that is not complete; a note says so",
    )
    add("--published", action="store_true", help="put what papers report on the benchmark beside the runs")
    add("--pictures", type=within(0, 1000), default=3, metavar="N", help="best and worst sequences to draw (default 3)")
    add(
        "--videos",
        type=Path,
        metavar="DIR",
        help="draw the pictured sequences as DIR/RUN/SEQUENCE.mp4, unless they are there, and link all that are",
    )
    add("--plots", type=Path, metavar="DIR", help="also write every chart as PNG and SVG")
    add("--latex", type=Path, metavar="FILE", help="also write the tables for LaTeX")
    add("--title", help="of the page")
    return result


if __name__ == "__main__":
    sys.exit(main())
