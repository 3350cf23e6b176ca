"""A ready workspace from a folder of sequences, for one year's rules."""

from __future__ import annotations

import argparse
import configparser
import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from samn_tracker.errors import ConfigError, DatasetError
from samn_tracker.files import write_atomic
from samn_tracker.runner.frames import listed
from samn_tracker.trax.options import settings_text
from vot_workspace.conversions import ANCHOR_SPACING, with_first_pixel, with_masks, with_polygons
from vot_workspace.download import download
from vot_workspace.layouts import read_dataset
from vot_workspace.sequence_files import write_sequences
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.workspace import Workspace, empty_anchors

HERE = Path(__file__).parent
YEARS = ("vot2016", "vot2018", "vot2019", "vot2020")
MASK_RULES = ("vot2020", "demo/masks")


def create(
    workspace: Path,
    rules: str,
    sequences: Sequence[SourceSequence],
    tracker: str = "samn-lite",
    device: str = "auto",
    settings: str = "",
    timeout: int = 120,
    anchor_spacing: int = ANCHOR_SPACING,
    first_pixel: int | None = None,
) -> None:
    """Write a workspace: stack, trackers.ini for this interpreter, and the sequences (images as links).

    `rules` names a folder of ready files here: a year, "demo" or "demo/masks". Reset-based years get polygons or boxes
    as ground truth, VOT2020 masks and anchors; the other kind is converted. Without sequences `download` or the toolkit
    gets those of the year. `first_pixel` is what the boxes and polygons of the sequences call the first pixel, 0 or 1;
    it must be given for those whose layout does not say it.

    Raises:
        ConfigError: there is already another workspace, or nothing says what the first pixel is called.
        DatasetError: ground truth that the rules cannot use; every fault is listed.
    """
    if (workspace / "config.yaml").is_file():
        raise ConfigError(f"{workspace} is already a workspace; choose another folder or remove it")
    masks = rules in MASK_RULES
    sequences = _from_pixel_0(sequences, first_pixel)
    converted = [(with_masks(item, anchor_spacing) if masks else with_polygons(item)) for item in sequences]
    faults = [fault for item in converted for fault in _faults(item, masks)]
    if faults:
        raise DatasetError("; ".join(faults))
    if converted:
        write_sequences(workspace / "sequences", converted)
    (workspace / "results").mkdir(parents=True, exist_ok=True)
    if (HERE / rules / "stack.yaml").is_file():
        shutil.copy(HERE / rules / "stack.yaml", workspace / "stack.yaml")
    write_atomic(workspace / "trackers.ini", _trackers(rules, tracker, device, settings, timeout).encode())
    write_atomic(workspace / "config.yaml", (HERE / rules / "config.yaml").read_bytes())


def _trackers(rules: str, tracker: str, device: str, settings: str, timeout: int) -> str:
    """trackers.ini whose entries start this interpreter by its absolute path; SAMN runs `tracker`."""
    registry = configparser.ConfigParser()
    registry.optionxform = str  # type: ignore[assignment,method-assign]
    registry.read(HERE / rules / "trackers.ini", encoding="utf-8")
    for name in registry.sections():
        registry[name]["protocol"] = "trax"
        registry[name]["command"] = f'"{sys.executable}" -m samn_tracker.trax.server'
        registry[name]["env_SAMN_DEVICE"] = device
        registry[name]["timeout"] = str(timeout)
    registry["SAMN"]["env_SAMN_TRACKER"] = tracker
    if settings:
        registry["SAMN"]["env_SAMN_SET"] = settings
    text = io.StringIO()
    registry.write(text)
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


def _faults(sequence: SourceSequence, masks: bool) -> list[str]:
    if masks and (empty := empty_anchors(sequence)):
        return [
            f"{sequence.name}: anchors in frames without target ({listed(empty)}), at which no tracker can begin; move "
            "them in anchor.value, or remove that file: new ones are placed then"
        ]
    if masks:
        return [] if any(sequence.anchors) else [f"{sequence.name}: no frame shows the target, so there is no anchor"]
    absent = [index for index, region in enumerate(sequence.groundtruth) if isinstance(region, int)]
    if absent:
        return [
            f"{sequence.name}: no target in {len(absent)} frames from frame {absent[0]} on; the reset-based years need "
            "one in every frame: cut the sequence, or use vot2020"
        ]
    return []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn vot create", description=__doc__)
    parser.add_argument("workspace", type=Path, help="new folder")
    parser.add_argument(
        "--data", type=Path, help="folder of sequences in any layout, or VOT20xx.json; without it the toolkit downloads"
    )
    parser.add_argument("--rules", choices=(*YEARS, "demo", "demo/masks"), default="vot2018", help="default: vot2018")
    parser.add_argument("--sequences", nargs="+", help="only these")
    parser.add_argument("--tracker", default="samn-lite", help="what the entry SAMN runs (default: samn-lite)")
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
        "--first-pixel",
        type=int,
        choices=(0, 1),
        help="what the data's boxes call the first pixel: 1 in OTB's own, 0 in most others; needed for OTB's layout",
    )
    parser.add_argument("--timeout", type=int, default=120, help="seconds that one frame may take (default: 120)")
    parser.add_argument("--anchor-spacing", type=int, default=ANCHOR_SPACING, help="frames between anchors (vot2020)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot create`."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.data is None and given.rules not in YEARS:
        parser.error(f"the rules '{given.rules}' have no data to download: give --data")
    if given.data is None and given.sequences:
        parser.error("--sequences chooses from --data; a download brings all")
    create(
        given.workspace,
        given.rules,
        read_dataset(given.data, given.sequences) if given.data else [],
        tracker=given.tracker,
        device=given.device,
        settings=",".join(given.set),
        timeout=given.timeout,
        anchor_spacing=given.anchor_spacing,
        first_pixel=given.first_pixel,
    )
    workspace = Workspace(given.workspace)
    download(workspace, next(iter(workspace.trackers)))
    frames = sum(map(len, workspace.sequences.values()))
    print(f"{given.workspace}: {len(workspace.names)} sequences, {frames} frames")
    print(f"next: samn vot run {given.workspace}", file=sys.stderr)
    return 0
