"""Scores as the VOT toolkit and as pysot compute them, side by side.

They differ by design. Accuracy: the toolkit weights sequences by their length, pysot pools all frames. Robustness:
the toolkit's is the mean number of failures a sequence (weighted by length), pysot's the failures per 100 frames that
papers print. EAO: pysot averages lengths low-1 to high-1 instead of low to high, clips regions at width-1 and height-1,
and counts a failure in the last 5 frames as tracked to the end; up to 0.006 between the two. Multistart experiments
(from 2020 on) have the toolkit's figures only: there robustness is the tracked share of the frames. Long-term ones have
precision, recall and F-score, the toolkit's, too; VOTS has quality Q (the mean overlap of all frames), accuracy,
robustness, not-reported and drift-rate error (NRE, DRE) and absence-detection quality (ADQ).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samn_tracker.errors import ConfigError, ResultError
from samn_tracker.runner.frames import listed
from vot_workspace.check import one_pass_fault
from vot_workspace.layouts import read_dataset
from vot_workspace.score_plots import write_plots
from vot_workspace.score_pysot import AttributeScore, Score, score
from vot_workspace.score_toolkit import analyse
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import SUFFIXES, Region, read_trajectory, trajectory_file
from vot_workspace.workspace import Experiment, Workspace, experiments_of, has_eao, longest_run, read_stack


def read_truth(truth: Path) -> tuple[list[SourceSequence], Mapping[str, Any]]:
    """Sequences and stack of a workspace, or of pysot's VOT20xx.json with the stack of its year.

    Raises:
        ConfigError: the file's name has no known year.
    """
    if truth.suffix != ".json":
        workspace = Workspace(truth)
        return list(workspace.sequences.values()), workspace.stack
    stacks = {"VOT2016": "vot2016/rgb", "VOT2018": "vot2018/shortterm", "VOT2019": "vot2019/shortterm"}
    if truth.stem not in stacks:
        raise ConfigError(
            f"{truth.name} is not of a known year; name it {', '.join(f'{name}.json' for name in stacks)}"
        )
    return read_dataset(truth), read_stack(stacks[truth.stem], truth.parent)


def read_runs(results: Path, experiment: str, names: Sequence[str]) -> dict[str, list[list[Region]]]:
    """The repetitions of each sequence in a tracker's folder of the toolkit's or pysot's layout.

    Raises:
        ResultError: a file is damaged, or nothing is there.
    """
    runs = {}
    for name in names:
        folder = results / experiment / name
        stems = sorted({path.stem for path in folder.glob(f"{name}_[0-9]*") if path.suffix in SUFFIXES})
        files = [trajectory_file(folder, stem) for stem in stems]
        runs[name] = [read_trajectory(path) for path in files if path is not None]
    if not any(runs.values()):
        flat = [f"{name}.txt" for name in names if (results / experiment / f"{name}.txt").is_file()]
        if flat:
            raise ResultError(
                f"{results / experiment} holds {listed(flat)}, one file a sequence; VOT's results are a folder a "
                f"sequence, {names[0]}/{names[0]}_001.txt with times beside it (one-pass results are scored by "
                "`samn score --benchmark ope`)"
            )
        raise ResultError(f"no results in {results / experiment}; give a tracker's folder, which holds {experiment}/")
    return runs


def pysot_scores(sequences: Sequence[SourceSequence], stack: Mapping[str, Any], results: Path) -> dict[str, Score]:
    """pysot's figures for every supervised experiment that has results and an EAO interval.

    Raises:
        ResultError: results of such an experiment that were not made with resets; they are named.
    """
    scores = {}
    for experiment in experiments_of(stack):
        if experiment.kind == "supervised" and (results / experiment.name).is_dir():
            runs = read_runs(results, experiment.name, [item.name for item in sequences])
            _require_resets(sequences, runs, experiment)
            if experiment.interval:
                scores[experiment.name] = score(sequences, runs, experiment.interval)
    return scores


def _require_resets(
    sequences: Sequence[SourceSequence], runs: Mapping[str, Sequence[Sequence[Region]]], experiment: Experiment
) -> None:
    found = []
    for item in sequences:
        faults = (one_pass_fault(run, experiment, item.groundtruth) for run in runs[item.name])
        found += [f"{item.name}: {text}" for text in faults if text][:1]
    if found:
        raise ResultError(
            f"{len(found)} of {len(sequences)} results of {experiment.name} were not made with resets, so failures "
            f"cannot be counted (one-pass results are scored by `samn score --benchmark ope`): {listed(found)}"
        )


def as_json(toolkit: Mapping[str, Mapping[str, Any]], pysot: Mapping[str, Score]) -> dict[str, Any]:
    """Both computations as plain values: those of `baseline` on top, every experiment below; null for NaN."""
    ours = {name: {**_figures(one), "attributes": _attributes(one)} for name, one in pysot.items()}
    theirs = {name: {key: value for key, value in one.items() if key != "curve"} for name, one in toolkit.items()}
    return {
        "toolkit": _clean({**theirs.get("baseline", {}), "experiments": theirs}),
        "pysot": _clean({**ours.get("baseline", {}), "experiments": ours}),
    }


def _figures(one: Score | AttributeScore) -> dict[str, float]:
    return {"accuracy": one.accuracy, "robustness": one.robustness, "lost": one.lost, "eao": one.eao}


def _attributes(scored: Score) -> dict[str, dict[str, float]]:
    return {name: {**_figures(one), "frames": one.frames} for name, one in scored.attributes.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


REASONS = """
They differ by design. R: the toolkit counts failures a sequence, pysot failures per 100 frames. A: the toolkit weights
sequences by length, pysot pools all frames. EAO: pysot averages lengths from one lower on, cuts regions at the last
pixel, and counts a failure in the last 5 frames as tracked to the end."""
TRACKED_SHARE = """
R is the tracked share of the frames, as in VOT2020; pysot has no figures for multistart experiments."""


def table(toolkit: Mapping[str, Mapping[str, Any]], pysot: Mapping[str, Score]) -> str:
    """One line for each experiment and computation, and why the two differ."""
    lines = [f"{'experiment':<14}{'computed by':<13}{'A':>8}{'R':>9}{'lost':>8}{'EAO':>13}"]
    for name in [*toolkit, *(name for name in pysot if name not in toolkit)]:
        figures = toolkit.get(name)
        if figures and not {"f_score", "quality"} & figures.keys():
            row = [figures.get(key) for key in ("accuracy", "robustness", "lost", "eao")]
            lines.append(_row(name, "vot toolkit", row))
        if name in pysot:
            one = pysot[name]
            lines.append(_row(name, "pysot", [one.accuracy, one.robustness, one.lost, one.eao]))
    long_term = {name: one for name, one in toolkit.items() if "f_score" in one}
    several = {name: one for name, one in toolkit.items() if "quality" in one}
    if toolkit and not toolkit.keys() - long_term.keys() - several.keys():
        lines = []
    if several:
        lines.append(f"{'experiment':<14}{'computed by':<13}" + "".join(f"{key:>7}" for key in _SEVERAL.values()))
        lines += [f"{name:<14}{'vot toolkit':<13}{_several_cells(one)}" for name, one in several.items()]
    if long_term:
        lines += [f"{'experiment':<14}{'computed by':<13}{'Pr':>8}{'Re':>9}{'F':>8}"]
        lines += [f"{name:<14}{'vot toolkit':<13}{_long_term_cells(one)}" for name, one in long_term.items()]
    elif toolkit and not several:
        lines.append(REASONS if pysot else TRACKED_SHARE)
    return "\n".join(lines)


_SEVERAL = {
    "quality": "Q",
    "accuracy": "A",
    "robustness": "R",
    "not_reported_error": "NRE",
    "drift_rate_error": "DRE",
    "absence_detection": "ADQ",
}


def _several_cells(figures: Mapping[str, Any]) -> str:
    values = [figures.get(key) for key in _SEVERAL]
    return "".join(f"{'-' if value is None else f'{value:.3f}':>7}" for value in values)


def _long_term_cells(figures: Mapping[str, Any]) -> str:
    return f"{figures['precision']:>8.3f}{figures['recall']:>9.3f}{figures['f_score']:>8.3f}"


def _row(name: str, by: str, values: Sequence[float | None]) -> str:
    cells = ["-" if value is None else f"{value:.3f}" for value in values[:3]]
    return f"{name:<14}{by:<13}{cells[0]:>8}{cells[1]:>9}{cells[2]:>8}{_defined(values[3]):>13}"


def _defined(eao: float | None) -> str:
    return "not defined" if eao is None or math.isnan(eao) else f"{eao:.3f}"


def warn_of_short_sequences(sequences: Sequence[SourceSequence], stack: Mapping[str, Any]) -> list[str]:
    """A line for each experiment whose EAO averages longer sequences only than there are."""
    return [
        f"{one.name}: EAO averages lengths of {one.interval[0]} to {one.interval[1]} frames, the longest sequence has "
        f"{longest_run(one, sequences)}: it is not defined"
        for one in experiments_of(stack)
        if one.interval and not has_eao(one, sequences)
    ]


def details(scored: Score) -> str:
    """pysot's figures of each sequence, then of each attribute where there are tags."""
    lines = [f"{'sequence':<24}{'frames':>8}{'A':>8}{'lost':>8}"]
    lines += [
        f"{name:<24}{one.frames:>8}{one.accuracy:>8.3f}{one.lost:>8.2f}" for name, one in scored.sequences.items()
    ]
    if scored.attributes:
        lines += ["", f"{'attribute':<24}{'frames':>8}{'A':>8}{'R':>8}{'lost':>8}{'EAO':>13}"]
        lines += [
            f"{name:<24}{one.frames:>8}{one.accuracy:>8.3f}{one.robustness:>8.3f}{one.lost:>8.2f}{_defined(one.eao):>13}"
            for name, one in scored.attributes.items()
        ]
    return "\n".join(lines)


def _results(folder: Path, tracker: str | None) -> Path:
    """The results of an entry, or of the one that is meant where none is named."""
    return folder / "results" / (tracker or Workspace(folder).first_tracker)


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot score`."""
    parser = argparse.ArgumentParser(
        prog="samn vot score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workspace", type=Path, nargs="?", help="score the results in this workspace")
    parser.add_argument("tracker", nargs="?", help="of this entry of it (default: SAMN, else the first)")
    parser.add_argument("--truth", type=Path, help="a workspace, or pysot's VOT20xx.json, for results elsewhere")
    parser.add_argument("--results", type=Path, help="a tracker's folder, of the toolkit or of pysot")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--details", action="store_true", help="also each sequence and attribute (pysot's computation)")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write the EAO curves and the AR plot there")
    parser.add_argument("--no-toolkit", action="store_true", help="leave `vot analysis` out (it takes a minute)")
    given = parser.parse_args(argv)
    truth = given.truth or given.workspace
    results = given.results or (given.workspace and _results(given.workspace, given.tracker))
    if truth is None or results is None:
        parser.error("give a workspace, or --truth and --results")
    sequences, stack = read_truth(truth)
    pysot = pysot_scores(sequences, stack, results)
    toolkit = {} if given.no_toolkit else analyse(sequences, stack, results)
    if not toolkit and not pysot:
        raise ResultError(f"nothing to score in {results}; it should hold {' or '.join(stack['experiments'])}")
    if given.plots:
        for path in write_plots(given.plots, results.name, toolkit, pysot):
            print(path, file=sys.stderr)
    if given.json:
        print(json.dumps(as_json(toolkit, pysot), indent=1))
        return 0
    print(table(toolkit, pysot))
    for line in warn_of_short_sequences(sequences, stack):
        print(f"note: {line}", file=sys.stderr)
    if given.details and "baseline" in pysot:
        print("\n" + details(pysot["baseline"]))
    return 0
