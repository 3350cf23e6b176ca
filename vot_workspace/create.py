"""A ready workspace from a folder of sequences, for one year's rules."""

from __future__ import annotations

import argparse
import configparser
import io
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from samn_tracker.errors import ConfigError, DatasetError
from samn_tracker.files import copy_whole, storage, write_atomic
from samn_tracker.runner.digits import positive, within
from samn_tracker.runner.frames import listed
from samn_tracker.trax.options import settings_text
from vot_workspace.conversions import ANCHOR_SPACING, CONVERSIONS, with_anchors, with_first_pixel
from vot_workspace.download import download
from vot_workspace.layouts import read_dataset
from vot_workspace.rules import RULES, YEARS, Rules, vots_stack
from vot_workspace.sequence_files import write_sequences
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.workspace import Workspace, empty_anchors, letters_problem, read_stack, shows_target

HERE = Path(__file__).parent
SHIPPED = "samn-lite"
_LONGEST_NAME = 60


def create(
    workspace: Path,
    rules: str,
    sequences: Sequence[SourceSequence],
    tracker: str = SHIPPED,
    name: str = "SAMN",
    device: str = "auto",
    settings: str = "",
    preset: str = "",
    timeout: int = 120,
    anchor_spacing: int = ANCHOR_SPACING,
    first_pixel: int | None = None,
) -> None:
    """Write a workspace: stack, trackers.ini for this interpreter, and the sequences (images as links).

    `rules` is a name in `vot_workspace.rules`. Ground truth of another kind than the rules' is converted, and anchors
    are placed where the rules begin at some. Without sequences `download` or the toolkit gets those of the year. The
    entry that runs `tracker` is called `name`. `first_pixel` is what the boxes and polygons of the sequences call the
    first pixel, 0 or 1; it must be given for those whose layout does not say it.

    Raises:
        ConfigError: there is already another workspace, or nothing says what the first pixel is called.
        DatasetError: ground truth that the rules cannot use; every fault is listed.
    """
    if problem := letters_problem(workspace, [item.name for item in sequences]):
        raise ConfigError(problem)
    if (workspace / "config.yaml").is_file():
        raise ConfigError(f"{workspace} is already a workspace; choose another folder or remove it")
    chosen = RULES[rules]
    sequences = _from_pixel_0(sequences, first_pixel)
    converted = [CONVERSIONS[chosen.target](item) for item in sequences]
    converted = [with_anchors(item, anchor_spacing) for item in converted] if chosen.anchors else converted
    faults = [fault for item in converted for fault in _faults(item, chosen)]
    if faults:
        raise DatasetError("; ".join(faults))
    if converted:
        write_sequences(workspace / "sequences", converted)
    with storage(workspace / "results"):
        (workspace / "results").mkdir(parents=True, exist_ok=True)
    templates = HERE / chosen.templates
    if (templates / "stack.yaml").is_file():
        copy_whole(templates / "stack.yaml", workspace / "stack.yaml")
    write_atomic(
        workspace / "trackers.ini",
        _trackers(templates, tracker, name, device, settings, preset, timeout).encode(),
    )
    if chosen.several:
        several = vots_stack(chosen, download=not converted)
        write_atomic(workspace / "stack.yaml", yaml.safe_dump(several, sort_keys=False))
    if chosen.without:
        stack = read_stack(chosen.stack, workspace)
        kept = {name: values for name, values in stack["experiments"].items() if name not in chosen.without}
        write_atomic(workspace / "stack.yaml", yaml.safe_dump({**stack, "experiments": kept}, sort_keys=False))
    own_stack = (workspace / "stack.yaml").is_file()
    config = {"stack": "stack.yaml" if own_stack else chosen.stack, "registry": ["./trackers.ini"]}
    write_atomic(workspace / "config.yaml", yaml.safe_dump(config, sort_keys=False))


def _trackers(templates: Path, tracker: str, name: str, device: str, settings: str, preset: str, timeout: int) -> str:
    """trackers.ini whose entries start this interpreter by its absolute path; `name` runs `tracker`."""
    registry = configparser.ConfigParser(interpolation=None)
    registry.optionxform = str  # type: ignore[assignment,method-assign]
    registry.read(templates / "trackers.ini", encoding="utf-8")
    for entry in registry.sections():
        registry[entry]["protocol"] = "trax"
        registry[entry]["command"] = f'"{sys.executable}" -m samn_tracker.trax.server'
        registry[entry]["env_SAMN_DEVICE"] = device
        registry[entry]["timeout"] = str(timeout)
    registry["SAMN"]["env_SAMN_TRACKER"] = tracker
    if settings:
        registry["SAMN"]["env_SAMN_SET"] = settings
    if preset:
        registry["SAMN"]["env_SAMN_PRESET"] = preset
    entries = {one: dict(registry[one]) for one in registry.sections()}
    entries = {name: {**entries.pop("SAMN"), "label": name}, **{one: entries[one] for one in entries if one != name}}
    written = configparser.ConfigParser(interpolation=None)
    written.optionxform = str  # type: ignore[assignment,method-assign]
    for one, values in entries.items():
        written[one] = {key: value.replace("%", "%%") for key, value in values.items()}  # as the toolkit reads it
    text = io.StringIO()
    written.write(text)
    return text.getvalue()


def _from_pixel_0(sequences: Sequence[SourceSequence], first_pixel: int | None) -> list[SourceSequence]:
    """The sequences with coordinates that begin at 0."""
    if first_pixel is not None:
        return [with_first_pixel(item, first_pixel) for item in sequences]
    if unclear := [item.name for item in sequences if item.first_pixel is None]:
        raise ConfigError(
            "boxes in groundtruth_rect.txt call the first pixel 1 (OTB's own data) or 0 (most others), and nothing "
            f"says which: {listed(unclear)}; give --first-pixel 1 or --first-pixel 0"
        )
    return list(sequences)


def _faults(sequence: SourceSequence, rules: Rules) -> list[str]:
    if sequence.tracked and not rules.several:
        return [
            f"{sequence.name}: {len(sequence.tracked)} objects ({listed(sequence.tracked)}), and these rules follow "
            "one; use vots2023 and later"
        ]
    if late := [one for one in sequence.tracked if not shows_target(sequence.objects[one][0])]:
        return [
            f"{sequence.name}: no object {listed(late)} in the first frame, in which VOTS begins all of them (toolkit "
            "0.7.4 cannot begin one later); cut the sequence, or remove the object"
        ]
    if rules.anchors and (empty := empty_anchors(sequence)):
        return [
            f"{sequence.name}: anchors in frames without target ({listed(empty)}), at which no tracker can begin; move "
            "them in anchor.value, or remove that file: new ones are placed then"
        ]
    if rules.anchors:
        return [] if any(sequence.anchors) else [f"{sequence.name}: no frame shows the target, so there is no anchor"]
    absent = [index for index, region in enumerate(sequence.groundtruth) if isinstance(region, int)]
    if rules.absent:
        first = [f"{sequence.name}: no target in the first frame, in which tracking begins; cut the sequence"]
        return first if 0 in absent else []
    if absent:
        return [
            f"{sequence.name}: no target in {len(absent)} frames from frame {absent[0]} on; the reset-based years need "
            "one in every frame: cut the sequence, or use vot2020 and later"
        ]
    return []


def entry_name(tracker: str, preset: str = "", settings: str = "") -> str:
    """What an entry is called that nobody named: SAMN for our own tracker as it is shipped, else after what it runs.

    Folders of results, archives and reports go by this name; two configurations under one could not be told apart.
    """
    own = "SAMN" if tracker == SHIPPED else Path(tracker.rpartition(":")[2] or tracker).stem
    words = re.sub(r"[^A-Za-z0-9_]+", "-", "-".join(filter(None, (own, preset, settings))))
    return words.strip("-")[:_LONGEST_NAME] or "SAMN"


def _entry_name(text: str) -> str:
    """A name that the toolkit takes for a tracker: ASCII letters, digits, _ and -."""
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}}", text) or text == "DEFAULT":
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not of ASCII letters, digits, _ and -")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn vot create", description=__doc__)
    parser.add_argument("workspace", type=Path, help="new folder")
    parser.add_argument(
        "--data", type=Path, help="folder of sequences in any layout, or VOT20xx.json; without it the toolkit downloads"
    )
    parser.add_argument("--rules", choices=tuple(RULES), default="vot2018", help="default: vot2018")
    parser.add_argument("--sequences", nargs="+", help="only these")
    parser.add_argument("--tracker", default=SHIPPED, help=f"what the workspace's entry runs (default: {SHIPPED})")
    parser.add_argument(
        "--name",
        type=_entry_name,
        help="of the entry that runs it (default: SAMN for samn-lite as shipped, else after what it runs)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument(
        "--set",
        action="append",
        type=settings_text,
        default=[],
        metavar="SETTINGS",
        help="section.key=value,... (may be given several times)",
    )
    parser.add_argument(
        "--preset", default="", metavar="NAME", help="rules to track by: published, paper, samn-r50, ..."
    )
    parser.add_argument(
        "--first-pixel",
        type=within(0, 1),
        metavar="0|1",
        help="what the data's boxes call the first pixel: 1 in OTB's own, 0 in most others; needed for OTB's layout",
    )
    parser.add_argument("--timeout", type=positive, default=120, help="seconds a frame may take (default: 120)")
    parser.add_argument(
        "--anchor-spacing", type=positive, default=ANCHOR_SPACING, help="frames between anchors (vot2020 on)"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot create`."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.data is None and given.rules not in YEARS:
        parser.error(f"the rules '{given.rules}' have no data to download: give --data")
    if given.data is None and given.sequences:
        parser.error("--sequences chooses from --data; a download brings all")
    name = given.name or entry_name(given.tracker, given.preset, ",".join(given.set))
    create(
        given.workspace,
        given.rules,
        read_dataset(given.data, given.sequences) if given.data else [],
        tracker=given.tracker,
        name=name,
        device=given.device,
        settings=",".join(given.set),
        preset=given.preset,
        timeout=given.timeout,
        anchor_spacing=given.anchor_spacing,
        first_pixel=given.first_pixel,
    )
    workspace = Workspace(given.workspace)
    download(workspace, next(iter(workspace.trackers)))
    frames = sum(map(len, workspace.sequences.values()))
    print(f"{given.workspace}: {len(workspace.names)} sequences, {frames} frames")
    named = [] if name == "SAMN" else [name]
    print(f"next: {shlex.join(['samn', 'vot', 'run', str(given.workspace), *named])}", file=sys.stderr)
    return 0
