"""Accuracy on the development sequences, so that one lucky sequence cannot fool anyone.

    samn bench accuracy --data SEQUENCES --tracker samn-lite --out FOLDER
    samn bench accuracy --data SEQUENCES --out FOLDER --against appearance.last_frame=true
    samn bench accuracy --data SEQUENCES --out FOLDER --ablation

Every sequence is tracked forwards, backwards and from its middle, from its mask, its box (polygon) and a box drawn up
to 10 % off. Printed are each sequence, the means of the groups of sequences, all of them with a bootstrap interval over
sequences, and, for --against, the paired differences, also with each group left out: a rule stays only if its gain
does.
Cases already in --out are not run again. The first frame is not scored; see `development` for the folder.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from samn_tracker.bench.accuracy_table import comparison_table, confidence_lines, summary, table
from samn_tracker.bench.case_runs import Result, Setting, run_cases
from samn_tracker.bench.development import DIRECTIONS, STARTS, cases, read_sequences
from samn_tracker.errors import DatasetError, SamnError
from samn_tracker.files import write_atomic
from samn_tracker.runner.digits import within
from samn_tracker.settings import add_behaviour, key_values

DATA = Path("../shared/data/sequences")

# The ablations of the paper's Table 8 and Fig. 7 and 8, and which setting each of them changes.
ABLATIONS: dict[str, dict[str, str]] = {
    "last frame": {"appearance.last_frame": "true"},
    "interval 0 (first frame)": {"appearance.interval": "0"},
    "interval 0 (first frame and last)": {"appearance.interval": "0", "appearance.last_frame": "true"},
    "interval 1": {"appearance.interval": "1"},
    "interval 10": {"appearance.interval": "10"},
    "interval 20": {"appearance.interval": "20"},
    "no sample filtering": {"appearance.sample_filtering": "false"},
    "no spatial memory": {"spatial.enabled": "false"},
    "DMM cosine": {"dynamic.weighting": "cosine"},
    "DMM linear": {"dynamic.weighting": "linear"},
    "DMM none": {"dynamic.weighting": "none"},
    "own localisation pass": {"spatial.localisation_pass": "own"},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; with --json also write the summaries to a file."""
    arguments = _parser().parse_args(argv)
    try:
        sequences = read_sequences(arguments.data)
        unknown = set(arguments.only) - {one.name for one in sequences}
        if unknown:
            raise DatasetError(f"no sequence {', '.join(sorted(unknown))} below {arguments.data}")
        chosen = [one for one in sequences if not arguments.only or one.name in arguments.only]
        todo = cases(chosen, tuple(arguments.direction or DIRECTIONS), tuple(arguments.start or STARTS))
        results: dict[str, list[Result]] = {}
        for setting in _settings(arguments):
            results[setting.title] = run_cases(setting, todo, arguments.out, arguments.processes)
    except SamnError as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 1
    base, *others = results
    for title, one in results.items():
        if title == base or not (arguments.against or arguments.ablation):
            print(f"\n{title}\n{table(one)}\n{confidence_lines(one)}")
    for title in others if arguments.against or arguments.ablation else []:
        print(f"\n{title}, minus {base}\n{comparison_table(results[base], results[title])}")
    if arguments.json:
        content = {title: summary(one) for title, one in results.items()}
        write_atomic(arguments.json, json.dumps(content, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn bench accuracy", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder of development sequences; {DATA} if not given")
    parser.add_argument("--tracker", action="append", default=[], help="repeat for several; default samn-lite")
    parser.add_argument("--device", default="auto")
    add_behaviour(parser, "a setting of every run, e.g. dynamic.weighting=none")
    parser.add_argument("--against", action="append", default=[], metavar="KEY=VALUE[,KEY=VALUE]", help="compare")
    parser.add_argument("--ablation", action="store_true", help="compare the first tracker with the paper's ablations")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this sequence; repeatable")
    parser.add_argument("--direction", action="append", choices=DIRECTIONS, help="only this way; repeatable")
    parser.add_argument("--start", action="append", choices=STARTS, help="only this start; repeatable")
    parser.add_argument("--out", type=Path, default=Path("runs/accuracy"), help="folder that keeps every case done")
    parser.add_argument("--processes", type=within(1, 1024), default=2)
    parser.add_argument("--json", type=Path)
    return parser


def _settings(arguments: argparse.Namespace) -> list[Setting]:
    trackers, common = arguments.tracker or ["samn-lite"], key_values(arguments.set)
    base = [Setting(tracker, tracker, common, arguments.device) for tracker in trackers]
    changes = {text: key_values(text.split(",")) for text in arguments.against}
    if arguments.ablation:
        changes |= ABLATIONS
    first = trackers[0]
    return base + [Setting(title, first, {**common, **change}, arguments.device) for title, change in changes.items()]


if __name__ == "__main__":
    sys.exit(main())
