"""Check a tracker's results, let `vot pack` make its archive, and check that everything is in it."""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

from samn_tracker.errors import ResultError
from vot_workspace import toolkit
from vot_workspace.check import check
from vot_workspace.export import trajectory_files
from vot_workspace.workspace import Workspace


def pack(workspace: Workspace, tracker: str) -> Path:
    """The path of the new archive.

    Raises:
        ResultError: results are missing or damaged, or the toolkit made no whole archive.
    """
    workspace.tracker(tracker)
    if faults := check(workspace, tracker):
        listed = "; ".join(str(fault) for fault in faults[:10])
        raise ResultError(f"{len(faults)} results of {tracker} are missing or damaged ({listed}); run it again first")
    before = set(workspace.folder.glob(f"{tracker}_*.zip"))
    toolkit.run("pack", workspace.folder, tracker)
    made = sorted(set(workspace.folder.glob(f"{tracker}_*.zip")) - before)
    if not made:
        raise ResultError("`vot pack` made no archive; what it printed says why")
    _check_archive(made[-1], workspace.results(tracker))
    return made[-1]


def _check_archive(archive: Path, results: Path) -> None:
    """Raise ResultError unless every trajectory is in the archive as it is on disk."""
    try:
        with zipfile.ZipFile(archive) as opened:
            packed = set(opened.namelist())
            wrong = [
                name
                for path in trajectory_files(results)
                if (name := path.relative_to(results).as_posix()) not in packed
                or opened.read(name) != path.read_bytes()
            ]
    except zipfile.BadZipFile as error:
        raise ResultError(f"{archive} is damaged ({error}); pack again") from None
    if wrong:
        raise ResultError(f"{archive} lacks {len(wrong)} results or has others ({', '.join(wrong[:5])}); pack again")


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot pack`."""
    parser = argparse.ArgumentParser(prog="samn vot pack", description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("tracker", nargs="?", help="entry of trackers.ini (default: SAMN, else the first)")
    given = parser.parse_args(argv)
    workspace = Workspace(given.workspace)
    archive = pack(workspace, given.tracker or workspace.first_tracker)
    print(archive)
    print("send this file to the challenge's server", file=sys.stderr)
    return 0
