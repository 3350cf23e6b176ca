"""Score results against ground truth, with the benchmark's own scorer.

Of which benchmark they are is read from the run's manifest, else from the layout of the data, else say it: --benchmark
got10k, trackingnet, davis, ope (folders in OTB's layout) or vot (results of the toolkit or of pysot).

Examples:
  samn score runs/lite --truth DATA                       a run of samn got10k|trackingnet|davis run
  samn score boxes/ --truth DATA --split val --json       anyone's results, in the benchmark's layout
  samn score W/results/SAMN --truth W                     VOT: the workspace is the truth

Exit codes: 0 done; 1 results are missing or damaged, every one is named; 2 wrong command line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from samn_tracker.app.benchmarks import NAMES, VOT, benchmark_of, load_benchmark
from samn_tracker.errors import ConfigError
from samn_tracker.runner.commands import run_command

_BOTH = ("json",)
_NOT_VOT = ("split", "csv", "partial")
_VOT_ONLY = ("details", "plots", "no_toolkit")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn score ...`; returns the exit code.

    Raises:
        SamnError: there is nothing to score, or nothing says of which benchmark it is.
    """
    arguments = parser().parse_args(argv)
    benchmark = arguments.benchmark or benchmark_of(arguments.results, arguments.truth)
    words = ["--truth", str(arguments.truth), "--results", str(arguments.results), *_further(arguments, benchmark)]
    if benchmark == VOT:
        return int(import_module("vot_workspace.score").main(words))
    return run_command(load_benchmark(benchmark), ["score", *words], "samn")


def _further(arguments: argparse.Namespace, benchmark: str) -> list[str]:
    """The scorer's own options, as words.

    Raises:
        ConfigError: lists those that this benchmark's scorer does not have.
    """
    given = {name: getattr(arguments, name) for name in (*_BOTH, *_NOT_VOT, *_VOT_ONLY)}
    chosen = [name for name, value in given.items() if value]
    wrong = [f"--{name.replace('_', '-')}" for name in chosen if name in (_NOT_VOT if benchmark == VOT else _VOT_ONLY)]
    if wrong:
        raise ConfigError(f"the scorer of {benchmark} has no {', '.join(wrong)}; leave that out")
    words = []
    for name in chosen:
        words += [f"--{name.replace('_', '-')}", *([] if given[name] is True else [str(given[name])])]
    return words


def parser() -> argparse.ArgumentParser:
    """The command line of `samn score`."""
    result = argparse.ArgumentParser(
        prog="samn score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = result.add_argument
    add("results", type=Path, metavar="RESULTS", help="folder of a run, or of results in the benchmark's layout")
    add("--truth", type=Path, required=True, metavar="DATA", help="the benchmark's data; for vot, the workspace")
    add("--benchmark", choices=NAMES, help="where neither the run nor the data says it")
    add("--json", action="store_true", help="print one JSON object instead of the table")
    add("--split", "--dataset", metavar="NAME", help="of the benchmark, where the run does not say it")
    add("--partial", action="store_true", help="score what is there of a set that is not complete; the table says so")
    add("--csv", type=Path, metavar="FILE", help="write the table as CSV, too")
    vot = result.add_argument_group("for vot")
    vot.add_argument("--details", action="store_true", help="also each sequence and attribute")
    vot.add_argument("--plots", type=Path, metavar="FOLDER", help="write the EAO curves and the AR plot there")
    vot.add_argument("--no-toolkit", action="store_true", help="pysot's computation only (the toolkit takes a minute)")
    return result


if __name__ == "__main__":
    sys.exit(main())
