"""The VOT toolkit's own analysis: a workspace around the results, `vot analysis`, and its figures read back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from samn_tracker.errors import ResultError
from vot_workspace import toolkit
from vot_workspace.sequence_files import write_sequences
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.workspace import Experiment, Workspace, experiments_of, has_eao

NAME = "scored"
FIGURES = {
    "AverageAccuracyRobustness": ("accuracy", "robustness"),
    "EAOScore": ("eao",),
    "EAOCurve": ("curve",),
    "AverageAccuracy": ("accuracy",),
    "PrecisionRecall": ("precision", "recall", "f_score"),
}
SEVERAL = {
    "AverageAccuracy": ("quality",),
    "AccuracyRobustness": ("accuracy", "robustness"),
    "AverageQualityAuxiliary": ("not_reported_error", "drift_rate_error", "absence_detection"),
}
"""Of VOTS, which calls the mean overlap quality."""


def analyse(sequences: Sequence[SourceSequence], stack: Mapping[str, Any], results: Path) -> dict[str, dict[str, Any]]:
    """For each experiment of `stack` that has results: accuracy, robustness, EAO and its curve, as the toolkit says;
    of long-term ones precision, recall and F-score; of VOTS quality, accuracy, robustness, and the three others.

    The toolkit runs in a temporary workspace without images, on links to `results` (a tracker's folder with
    `<experiment>/<sequence>/<sequence>_*.bin` or `.txt`). What it cannot compute is left out; an EAO of longer
    sequences than there are, for which the toolkit says 0, is None.

    Raises:
        ResultError: the toolkit made no analysis.
    """
    present = {name: values for name, values in stack["experiments"].items() if (results / name).is_dir()}
    with tempfile.TemporaryDirectory(prefix="vot-analysis-") as temporary:
        folder = Path(temporary)
        _write_workspace(folder, sequences, {"title": "scoring", "experiments": present}, results)
        toolkit.run("analysis", folder, "tracker", "--format", "json", "--name", NAME)
        report = folder / "analysis" / f"{NAME}.json"
        if not report.is_file():
            raise ResultError(
                f"`vot analysis` made no result for {results}; what it printed says why (samn vot check lists "
                "missing results)"
            )
        return _defined(read_analysis(report), experiments_of(stack), sequences)


def analyse_workspace(workspace: Workspace, tracker: str) -> dict[str, dict[str, Any]]:
    """The same figures from `vot analysis` in the workspace itself, which keeps the report in its folder analysis/.

    Raises:
        ResultError: the toolkit made no analysis.
    """
    report = workspace.folder / "analysis" / f"{tracker}.json"
    report.unlink(missing_ok=True)
    toolkit.run("analysis", workspace.folder, tracker, "--format", "json", "--name", tracker)
    if not report.is_file():
        raise ResultError(f"`vot analysis` made no {report}; what it printed says why")
    return _defined(read_analysis(report), workspace.experiments, list(workspace.sequences.values()))


def _defined(
    figures: dict[str, dict[str, Any]], experiments: Sequence[Experiment], sequences: Sequence[SourceSequence]
) -> dict[str, dict[str, Any]]:
    """The figures with None for every EAO that no sequence is long enough for."""
    short = {one.name for one in experiments if one.interval and not has_eao(one, sequences)}
    return {name: {**values, "eao": None} if name in short else values for name, values in figures.items()}


def _write_workspace(
    folder: Path, sequences: Sequence[SourceSequence], stack: Mapping[str, Any], results: Path
) -> None:
    (folder / "results").mkdir()
    (folder / "results" / "tracker").symlink_to(results.resolve())
    (folder / "trackers.ini").write_text("[tracker]\nprotocol = trax\ncommand = false\n")
    (folder / "stack.yaml").write_text(yaml.safe_dump(dict(stack)))
    (folder / "config.yaml").write_text("stack: stack.yaml\nregistry:\n  - ./trackers.ini\n")
    write_sequences(folder / "sequences", sequences, images=False)


def read_analysis(path: Path) -> dict[str, dict[str, Any]]:
    """The figures in a JSON file of `vot analysis`, for the first tracker in it."""
    report = json.loads(path.read_text(encoding="utf-8"))
    figures: dict[str, dict[str, Any]] = {}
    for experiment, content in report["results"].items():
        figures[experiment] = {}
        kinds = [analysis["type"].rpartition(".")[2] for analysis in content["parameters"]["analyses"]]
        known = SEVERAL if "AccuracyRobustness" in kinds else FIGURES
        for kind, result in zip(kinds, content["results"], strict=True):
            names = known.get(kind, ())
            values = result[0] if result and result[0] is not None else []
            figures[experiment].update(zip(names, values, strict=False))
    return figures
