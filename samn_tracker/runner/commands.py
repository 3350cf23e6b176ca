"""The command line that all benchmarks share: run, pack, lint, score, show.

Exit codes: 0 done; 1 something failed or is faulty, said on stderr (lint's list is on stdout); 2 a wrong command line.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from samn_tracker.files import refuse_what_is_read, write_atomic
from samn_tracker.program import run_program
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.digits import positive
from samn_tracker.runner.execute import execute
from samn_tracker.runner.lint import open_source
from samn_tracker.runner.packing import pack
from samn_tracker.runner.progress import tell
from samn_tracker.runner.run_folder import RunFolder, read_places, results_folder
from samn_tracker.runner.score_run import score_run
from samn_tracker.runner.show import save_overlays, summary
from samn_tracker.runner.trackers import SPEC_HELP
from samn_tracker.runner.worker import RunRequest
from samn_tracker.settings import add_behaviour, key_values

_STOPPED = "stopped; finished sequences are kept, the same command continues"


def run_command(benchmark: Benchmark, argv: list[str] | None, program: str) -> int:
    """Parse and execute one command of `benchmark`; returns the exit code."""
    arguments = _parser(benchmark, program).parse_args(argv)
    return run_program(program, lambda: arguments.execute(benchmark, arguments), _STOPPED)


def _parser(benchmark: Benchmark, program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=f"{benchmark.title}: run, pack, lint and score a tracker.",
        epilog=f"`{program} report RUN ... --truth DATA --output HTML` compares runs; see `samn report --help`.",
    )
    commands = parser.add_subparsers(required=True, metavar="run|pack|lint|score|show")
    _add_run(commands.add_parser("run", help="track every sequence that has no complete result yet"), benchmark)
    _add_pack(
        commands.add_parser("pack", help="write the zip archive for the server; refuses faulty results"), benchmark
    )
    _add_lint(commands.add_parser("lint", help="list every fault of a folder or zip of results"), benchmark)
    _add_score(commands.add_parser("score", help="score results against ground truth"), benchmark)
    _add_show(commands.add_parser("show", help="say how far a run is, and draw its results on the images"), benchmark)
    return parser


def _add_run(parser: argparse.ArgumentParser, benchmark: Benchmark) -> None:
    parser.set_defaults(execute=_run)
    parser.add_argument("--data", type=Path, required=True, help=f"root folder of {benchmark.title}")
    _add_split(parser, benchmark, None)
    parser.add_argument("--tracker", default="samn-lite", help=f"{SPEC_HELP} (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the run; an earlier run in it is continued"
    )
    parser.add_argument("--name", default="", help="what reports call the run (default: its folder's name)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    add_behaviour(parser, "change a setting of the tracker; repeat for several")
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes (default: %(default)s)")
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument("--cluster", default="", metavar="ADDRESS", help="address of a running Ray cluster")
    elsewhere.add_argument(
        "--slurm",
        nargs="*",
        metavar="KEY=VALUE",
        help="a SLURM job a sequence, --workers of them at a time; submitit's parameters, such as timeout_min=240",
    )
    parser.add_argument("--sequences", nargs="+", default=[], metavar="NAME", help="run only these")


def _add_pack(parser: argparse.ArgumentParser, benchmark: Benchmark) -> None:
    parser.set_defaults(execute=_pack)
    _add_results(parser, benchmark, "folder of a run, or of results in the benchmark's layout")
    parser.add_argument("--output", type=Path, required=True, metavar="ZIP", help="the archive to write")


def _add_lint(parser: argparse.ArgumentParser, benchmark: Benchmark) -> None:
    parser.set_defaults(execute=_lint)
    _add_results(parser, benchmark, "folder of a run, folder of results, or zip archive")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_score(parser: argparse.ArgumentParser, benchmark: Benchmark) -> None:
    parser.set_defaults(execute=_score)
    parser.add_argument("--truth", type=Path, required=True, help="ground truth in the benchmark's layout")
    parser.add_argument("--results", type=Path, required=True, help="folder of a run, or of results")
    _add_split(parser, benchmark, None)
    parser.add_argument(
        "--partial", action="store_true", help="score what is there of a set that is not complete; the table says so"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV, too")


def _add_show(parser: argparse.ArgumentParser, benchmark: Benchmark) -> None:
    parser.set_defaults(execute=_show)
    parser.add_argument("--results", type=Path, required=True, help="folder of a run")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--save", type=Path, metavar="DIR", help="draw results on images and save them here")
    parser.add_argument("--data", type=Path, help="root folder of the data, for --save")
    parser.add_argument("--sequences", nargs="+", default=[], metavar="NAME", help="draw only these")
    parser.add_argument("--every", type=positive, default=10, metavar="N", help="draw every N-th frame (%(default)s)")


def _add_results(parser: argparse.ArgumentParser, benchmark: Benchmark, what: str) -> None:
    parser.add_argument("--results", type=Path, required=True, help=what)
    parser.add_argument("--data", type=Path, help=f"root folder of {benchmark.title}, for names, lengths and sizes")
    _add_split(parser, benchmark, None)


def _add_split(parser: argparse.ArgumentParser, benchmark: Benchmark, default: str | None) -> None:
    said = default or "the run's own, else as the data shows"
    words = ("--split", *benchmark.split_words)
    parser.add_argument(*words, dest="split", choices=benchmark.splits, default=default, help=f"(default: {said})")


def _run(benchmark: Benchmark, arguments: argparse.Namespace) -> int:
    failures = execute(
        RunRequest(
            benchmark=benchmark,
            data=arguments.data.resolve(),
            split=arguments.split or benchmark.default_split(arguments.data),
            tracker=arguments.tracker,
            output=arguments.output.resolve(),
            device=arguments.device,
            overrides=key_values(arguments.set),
            workers=arguments.workers,
            cluster=arguments.cluster,
            slurm=None if arguments.slurm is None else key_values(arguments.slurm),
            only=tuple(arguments.sequences),
            name=arguments.name,
        )
    )
    for failure in failures:
        tell(f"failed: {failure.sequence}: {failure.reason}")
    if failures:
        tell(f"{len(failures)} sequences failed; tracebacks are in {arguments.output / 'failures'}")
        return 1
    tell(f"done: {arguments.output}")
    return 0


def _pack(benchmark: Benchmark, arguments: argparse.Namespace) -> int:
    split = _split(benchmark, arguments)
    read = [*read_places(arguments.results), *([arguments.data] if arguments.data else [])]
    refuse_what_is_read(arguments.output, read, "--output")
    count = pack(benchmark, arguments.results, arguments.data, split, arguments.output)
    for note in _notes(benchmark, arguments.data, split):
        tell(f"note: {note}")
    tell(f"{arguments.output}: {count} files")
    return 0


def _lint(benchmark: Benchmark, arguments: argparse.Namespace) -> int:
    split = _split(benchmark, arguments)
    place = arguments.results
    source = open_source(results_folder(place))
    faults = sorted(source.faults() + benchmark.lint(source, arguments.data, split))
    notes = _notes(benchmark, arguments.data, split)
    if arguments.json:
        listed = [{"file": one.file, "line": one.line or None, "message": one.message} for one in faults]
        print(json.dumps({"ok": not faults, "faults": listed, "notes": notes}, indent=1))
    else:
        for note in notes:
            tell(f"note: {note}")
        print("\n".join(map(str, faults)) if faults else f"{place}: no fault")
    return 1 if faults else 0


def _score(benchmark: Benchmark, arguments: argparse.Namespace) -> int:
    split = _split(benchmark, arguments)
    table = score_run(benchmark, arguments.truth, arguments.results, split, arguments.partial)
    if arguments.csv:
        refuse_what_is_read(arguments.csv, [arguments.truth, *read_places(arguments.results)], "--csv")
        write_atomic(arguments.csv, table.to_csv())
    print(table.to_json() if arguments.json else table.to_text(), end="\n" if arguments.json else "")
    return 0


def _show(benchmark: Benchmark, arguments: argparse.Namespace) -> int:
    facts = summary(RunFolder(arguments.results))
    print(
        json.dumps(facts.as_dict(), indent=1) if arguments.json else facts.to_text(), end="\n" if arguments.json else ""
    )
    if arguments.save:
        count = save_overlays(
            benchmark, arguments.results, arguments.data, arguments.sequences, arguments.every, arguments.save
        )
        tell(f"{arguments.save}: {count} images")
    return 0 if facts.complete else 1


def _split(benchmark: Benchmark, arguments: argparse.Namespace) -> str:
    """The split asked for; else that of the run; else what the data shows."""
    manifest = RunFolder(arguments.results).manifest
    data = getattr(arguments, "truth", None) or getattr(arguments, "data", None)
    return str(arguments.split or (manifest or {}).get("split") or benchmark.default_split(data))


def _notes(benchmark: Benchmark, data: Path | None, split: str) -> list[str]:
    """What has to be said of results that were checked against `data`: it may be a part of the benchmark only."""
    return [] if data is None or split not in benchmark.official else benchmark.notes(data, split)
