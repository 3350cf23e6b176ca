"""Results from one format to another.

- `binary`: the toolkit's `.bin` files with their `.value` files; coordinates are 32-bit floats.
- `text`: legacy text, `1` started here, `2` failed, `0` skipped, else the region, with every digit that binary holds.
- `pysot`: text with 4 decimals, reset-based experiments only, nothing else in the folder that pysot would read.
- `boxes`: one-pass `<sequence>.txt` with x,y,w,h a frame (OTB, LaSOT, UAV; pysot and pytracking read it); row 0 is the
  ground truth's box, so it needs --truth.
- `zip`: the zip of the MATLAB toolkit: text, times of all repetitions in `<sequence>_time.txt`, `manifest.txt`.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ResultError
from samn_tracker.files import atomic, copy_whole, write_atomic
from samn_tracker.shapes.regions import mask_to_box, polygon_to_box
from vot_workspace.score import read_truth
from vot_workspace.trajectory import (
    FAILURE,
    SUFFIXES,
    MaskPart,
    Region,
    format_region,
    read_trajectory,
    read_values,
    trajectory_file,
    write_trajectory,
)

FORMATS = ("binary", "text", "pysot", "boxes", "zip")
PYSOT_DECIMALS = 4


def trajectory_files(results: Path) -> list[Path]:
    """Every trajectory in a tracker's folder (`<experiment>/<sequence>/<stem>.bin|.txt`).

    Raises:
        ResultError: there is none, or one is there twice.
    """
    found = {(path.parent, path.stem) for suffix in SUFFIXES for path in results.glob(f"*/*/*{suffix}")}
    stems = sorted((folder, stem) for folder, stem in found if re.fullmatch(re.escape(folder.name) + r"_\d+", stem))
    files = [path for folder, stem in stems if (path := trajectory_file(folder, stem))]
    if not files:
        raise ResultError(f"no results in {results}; give a tracker's folder, which holds baseline/ and others")
    return files


def export_toolkit(results: Path, target: Path, suffix: str) -> int:
    """Every trajectory as `.bin` or `.txt`, and its values; the number of trajectories."""
    files = trajectory_files(results)
    for path in files:
        folder = target / path.parent.relative_to(results)
        write_trajectory(folder / f"{path.stem}{suffix}", read_trajectory(path))
        for values in path.parent.glob(f"{path.stem}_*.value"):
            copy_whole(values, folder / values.name)
    return len(files)


def export_pysot(results: Path, target: Path) -> int:
    """The reset-based experiments as pysot reads them; the number of trajectories.

    All 15 repetitions if there are 15, else the first.

    Raises:
        ResultError: there are masks, or no reset-based experiment.
    """
    runs: dict[Path, list[Path]] = defaultdict(list)
    for path in trajectory_files(results):
        if path.relative_to(results).parts[0] != "unsupervised" and len(path.stem) == len(path.parent.name) + 4:
            runs[path.parent].append(path)
    if not runs:
        raise ResultError(f"{results} has no reset-based experiment; pysot reads baseline/ of VOT2016 to 2019")
    chosen = [path for paths in runs.values() for path in (paths if len(paths) == 15 else paths[:1])]
    for path in chosen:
        regions = read_trajectory(path)
        if any(isinstance(region, MaskPart) for region in regions):
            raise ResultError(f"{path} has masks, pysot reads boxes and polygons; run with env_SAMN_REPLY = polygon")
        write_trajectory(target / path.relative_to(results).with_suffix(".txt"), regions, PYSOT_DECIMALS)
    return len(chosen)


def export_boxes(
    results: Path, target: Path, first: Mapping[str, Region], separator: str = ",", times: bool = False
) -> int:
    """One file a sequence with a box a frame, from the first unsupervised run; the number of sequences.

    With `times` also `<sequence>_time.txt`, seconds a frame, as pytracking has them.

    Raises:
        ResultError: no unsupervised results, or one that has failures.
    """
    paths = [path for path in trajectory_files(results) if path.parent.parent.name == "unsupervised"]
    if not paths:
        raise ResultError(f"{results} has no unsupervised/; one-pass results come from the unsupervised experiment")
    for path in paths:
        regions = [first[path.parent.name], *read_trajectory(path)[1:]]
        rows = [separator.join(f"{value:.4f}" for value in to_box(region)) for region in regions]
        write_atomic(target / f"{path.parent.name}.txt", "".join(f"{row}\n" for row in rows).encode())
        if times:
            seconds = read_values(path.with_name(f"{path.stem}_time.value"))
            text = "".join(f"{value or 0:.6f}\n" for value in seconds)
            write_atomic(target / f"{path.parent.name}_time.txt", text.encode())
    return len(paths)


def export_zip(results: Path, target: Path, tracker: str) -> int:
    """The legacy zip; the number of trajectories."""
    files = trajectory_files(results)
    with atomic(target) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.txt", f"tracker.identifier={tracker}\npackage.trajectories={len(files)}\n")
        for path in files:
            text = "".join(f"{format_region(region)}\n" for region in read_trajectory(path))
            archive.writestr(path.relative_to(results).with_suffix(".txt").as_posix(), text)
        for folder, times in _times(files):
            name = (folder.relative_to(results) / f"{folder.name}_time.txt").as_posix()
            archive.writestr(name, "".join(f"{','.join(row)}\n" for row in times))
    return len(files)


def _times(files: Sequence[Path]) -> Iterator[tuple[Path, list[list[str]]]]:
    """For each sequence whose repetitions are equally long: a row a frame, a column a repetition, in seconds."""
    folders: dict[Path, list[list[float | None]]] = defaultdict(list)
    for path in files:
        values = path.with_name(f"{path.stem}_time.value")
        if values.is_file():
            folders[path.parent].append(read_values(values))
    for folder, columns in folders.items():
        if len({len(column) for column in columns}) == 1:
            yield folder, [[f"{value or 0:.6f}" for value in row] for row in zip(*columns, strict=True)]


def to_box(region: Region) -> NDArray[np.float64]:
    """The upright box (4,) around a region; zeros for an absent target or an empty mask."""
    if isinstance(region, MaskPart):
        return mask_to_box(region.mask) + np.array([*region.offset, 0, 0]) if region.mask.any() else np.zeros(4)
    if isinstance(region, int):
        if region == FAILURE:
            raise ResultError("a failure in a one-pass result; export the unsupervised experiment")
        return np.zeros(4)
    return region if region.shape == (4,) else polygon_to_box(region)


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot export`."""
    parser = argparse.ArgumentParser(
        prog="samn vot export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="a tracker's folder, for instance W/results/SAMN")
    parser.add_argument("target", type=Path, help="folder to write (for zip: the file)")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--truth", type=Path, help="boxes only: a workspace or VOT20xx.json")
    parser.add_argument("--separator", choices=("comma", "tab"), default="comma", help="boxes only (default: comma)")
    parser.add_argument("--times", action="store_true", help="boxes only: also <sequence>_time.txt, as pytracking has")
    given = parser.parse_args(argv)
    if given.target.resolve() == given.results.resolve():
        raise ResultError("the target is the source; choose another folder")
    if given.format == "boxes":
        if given.truth is None:
            raise ResultError("boxes need the first frame's ground truth; give --truth WORKSPACE or VOT20xx.json")
        first = {item.name: item.groundtruth[0] for item in read_truth(given.truth)[0]}
        separator = "," if given.separator == "comma" else "\t"
        count = export_boxes(given.results, given.target, first, separator, given.times)
    elif given.format == "zip":
        count = export_zip(given.results, given.target, given.results.name)
    elif given.format == "pysot":
        count = export_pysot(given.results, given.target)
    else:
        count = export_toolkit(given.results, given.target, ".bin" if given.format == "binary" else ".txt")
    print(f"{given.target}: {count} trajectories")
    return 0
