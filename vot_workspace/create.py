"""A ready workspace from a folder of sequences, for one year's rules."""

from __future__ import annotations

import argparse
import configparser
import io
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from samn_tracker.box_fit import fit_rotated_box
from samn_tracker.config import SegmentationConfig
from samn_tracker.errors import ConfigError, DatasetError
from samn_tracker.regions import box_to_polygon, polygon_to_mask
from samn_tracker.trax_options import settings_text
from vot_workspace.download import download
from vot_workspace.layouts import SourceSequence, read_dataset
from vot_workspace.trajectory import UNKNOWN, MaskPart, Region, write_atomically, write_trajectory
from vot_workspace.workspace import Workspace

HERE = Path(__file__).parent
YEARS = ("vot2016", "vot2018", "vot2019", "vot2020")
MASK_RULES = ("vot2020", "demo/masks")
ANCHOR_SPACING = 50  # frames, VOT2020


def create(
    workspace: Path,
    rules: str,
    sequences: Sequence[SourceSequence],
    tracker: str = "samn-lite",
    device: str = "auto",
    settings: str = "",
    timeout: int = 120,
    anchor_spacing: int = ANCHOR_SPACING,
) -> None:
    """Write a workspace: stack, trackers.ini for this interpreter, and the sequences (images as links).

    `rules` names a folder of ready files here: a year, "demo" or "demo/masks". Reset-based years get polygons or boxes
    as ground truth, VOT2020 masks and anchors; the other kind is converted. Without sequences `download` or the toolkit
    gets those of the year.

    Raises:
        ConfigError: there is already another workspace.
        DatasetError: ground truth that the rules cannot use; every fault is listed.
    """
    if (workspace / "config.yaml").is_file():
        raise ConfigError(f"{workspace} is already a workspace; choose another folder or remove it")
    masks = rules in MASK_RULES
    converted = [(with_masks(item, anchor_spacing) if masks else with_polygons(item)) for item in sequences]
    faults = [fault for item in converted for fault in _faults(item, masks)]
    if faults:
        raise DatasetError("; ".join(faults))
    if converted:
        write_sequences(workspace / "sequences", converted)
    (workspace / "results").mkdir(parents=True, exist_ok=True)
    if (HERE / rules / "stack.yaml").is_file():
        shutil.copy(HERE / rules / "stack.yaml", workspace / "stack.yaml")
    write_atomically(workspace / "trackers.ini", _trackers(rules, tracker, device, settings, timeout).encode())
    write_atomically(workspace / "config.yaml", (HERE / rules / "config.yaml").read_bytes())


def _trackers(rules: str, tracker: str, device: str, settings: str, timeout: int) -> str:
    """trackers.ini whose entries start this interpreter by its absolute path; SAMN runs `tracker`."""
    registry = configparser.ConfigParser()
    registry.optionxform = str  # type: ignore[assignment,method-assign]
    registry.read(HERE / rules / "trackers.ini", encoding="utf-8")
    for name in registry.sections():
        registry[name]["protocol"] = "trax"
        registry[name]["command"] = f'"{sys.executable}" -m samn_tracker.trax_server'
        registry[name]["env_SAMN_DEVICE"] = device
        registry[name]["timeout"] = str(timeout)
    registry["SAMN"]["env_SAMN_TRACKER"] = tracker
    if settings:
        registry["SAMN"]["env_SAMN_SET"] = settings
    text = io.StringIO()
    registry.write(text)
    return text.getvalue()


def with_polygons(sequence: SourceSequence) -> SourceSequence:
    """The sequence with masks replaced by rotated boxes fitted to them, as the VOT challenges made their polygons."""
    return replace(sequence, groundtruth=[_to_polygon(region) for region in sequence.groundtruth])


def _to_polygon(region: Region) -> Region:
    if not isinstance(region, MaskPart):
        return region
    if not region.mask.any():
        return UNKNOWN
    return fit_rotated_box(region.mask, SegmentationConfig()) + region.offset


def with_masks(sequence: SourceSequence, spacing: int = ANCHOR_SPACING) -> SourceSequence:
    """The sequence with boxes and polygons replaced by masks, and with anchors if it has none."""
    width, height = sequence.size
    groundtruth = [_to_mask(region, (height, width)) for region in sequence.groundtruth]
    visible = [bool(region.mask.any()) for region in groundtruth]
    anchors = sequence.anchors or make_anchors(visible, spacing)
    return replace(sequence, groundtruth=list(groundtruth), anchors=anchors)


def _to_mask(region: Region, shape: tuple[int, int]) -> MaskPart:
    if isinstance(region, MaskPart):
        return region
    if isinstance(region, int):
        return MaskPart((0, 0), np.zeros(shape, dtype=np.uint8))
    corners = box_to_polygon(region) if region.shape == (4,) else region
    return MaskPart((0, 0), polygon_to_mask(corners, shape))


def make_anchors(visible: Sequence[bool], spacing: int = ANCHOR_SPACING) -> list[float]:
    """Anchors as VOT2020 places them: every `spacing` frames, and the last frame.

    Each is moved to the nearest frame where the target is visible, and runs in the direction of the longer part: 1
    forward, -1 backward, 0 no anchor.
    """
    length = len(visible)
    candidates = np.flatnonzero(visible)
    anchors = [0.0] * length
    if len(candidates) == 0:
        return anchors
    for wanted in [*range(0, length - spacing // 2, spacing), length - 1]:
        frame = int(candidates[np.argmin(np.abs(candidates - wanted))])
        anchors[frame] = 1.0 if length - frame > frame + 1 else -1.0
    return anchors


def _faults(sequence: SourceSequence, masks: bool) -> list[str]:
    if masks:
        return [] if any(sequence.anchors) else [f"{sequence.name}: no frame shows the target, so there is no anchor"]
    absent = [index for index, region in enumerate(sequence.groundtruth) if isinstance(region, int)]
    if absent:
        return [
            f"{sequence.name}: no target in {len(absent)} frames from frame {absent[0]} on; the reset-based years need "
            "one in every frame: cut the sequence, or use vot2020"
        ]
    return []


def write_sequences(folder: Path, sequences: Sequence[SourceSequence]) -> None:
    """The sequences and their list.txt, in the toolkit's layout."""
    for item in sequences:
        write_sequence(folder / item.name, item)
    write_atomically(folder / "list.txt", "".join(f"{item.name}\n" for item in sequences).encode())


def write_sequence(folder: Path, sequence: SourceSequence) -> None:
    """One sequence in the toolkit's layout; images become links (copies where links are not possible)."""
    suffix = _uniform_suffix(sequence)
    width, height = sequence.size
    properties = {"name": sequence.name, "fps": sequence.fps, "format": "default"}
    properties |= {"channels.color": f"color/%08d{suffix}", "length": len(sequence), "width": width, "height": height}
    for number, frame in enumerate(sequence.frames, start=1):
        _link(frame.resolve(), folder / "color" / f"{number:08d}{suffix}")
    write_trajectory(folder / "groundtruth.txt", sequence.groundtruth)
    for tag, values in sequence.tags.items():
        write_atomically(folder / f"{tag}.tag", "".join(f"{int(value)}\n" for value in values).encode())
    if sequence.anchors:
        write_atomically(folder / "anchor.value", "".join(f"{value:g}\n" for value in sequence.anchors).encode())
    write_atomically(folder / "sequence", "".join(f"{key}={value}\n" for key, value in properties.items()).encode())


def _uniform_suffix(sequence: SourceSequence) -> str:
    suffixes = {frame.suffix for frame in sequence.frames} or {".jpg"}
    if len(suffixes) > 1 or not suffixes <= {".jpg", ".png"}:
        raise DatasetError(f"{sequence.name} has images {', '.join(sorted(suffixes))}; the toolkit reads .jpg or .png")
    return suffixes.pop()


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source)
    except FileExistsError:
        pass
    except OSError:
        shutil.copyfile(source, target)


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m vot_workspace create`."""
    parser = argparse.ArgumentParser(prog="vot_workspace create", description=__doc__)
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
    parser.add_argument("--timeout", type=int, default=120, help="seconds that one frame may take (default: 120)")
    parser.add_argument("--anchor-spacing", type=int, default=ANCHOR_SPACING, help="frames between anchors (vot2020)")
    given = parser.parse_args(argv)
    if given.data is None and given.rules not in YEARS:
        parser.error(f"the rules '{given.rules}' have no data to download: give --data")
    if given.data is None and given.sequences:
        parser.error("--sequences chooses from --data; a download brings all")
    create(
        given.workspace,
        given.rules,
        read_dataset(given.data, given.sequences) if given.data else [],
        given.tracker,
        given.device,
        ",".join(given.set),
        given.timeout,
        given.anchor_spacing,
    )
    workspace = Workspace(given.workspace)
    download(workspace, next(iter(workspace.trackers)))
    frames = sum(map(len, workspace.sequences.values()))
    print(f"{given.workspace}: {len(workspace.names)} sequences, {frames} frames")
    print(f"next: python -m vot_workspace run {given.workspace}", file=sys.stderr)
    return 0
