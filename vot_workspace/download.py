"""A year's sequences, from where the VOT toolkit downloads them."""

from __future__ import annotations

import sys
from pathlib import Path

from samn_tracker.errors import DatasetError
from vot_workspace import toolkit
from vot_workspace.workspace import Workspace


def download(workspace: Workspace, tracker: str) -> None:
    """Let the toolkit download the sequences of its stack, as it does for `vot evaluate` where there is no list.txt.

    Nothing happens where the sequences are there already, or the stack names no data. `tracker` is any entry of
    trackers.ini; it is not started.

    Raises:
        DatasetError: not all of it came; the toolkit has printed why.
    """
    address = workspace.stack.get("dataset")
    if not address or _is_complete(workspace):
        return
    print(f"the VOT toolkit downloads {address}", file=sys.stderr)
    _forget_sequences_without_images(workspace.sequence_folder)
    toolkit.run("evaluate", workspace.folder, tracker, "--experiments", "none")
    if not _is_complete(workspace):
        raise DatasetError(
            f"the sequences of {address} are not all here, the toolkit's message above says why; `samn vot run "
            f"{workspace.folder}` goes on with the download, or make a workspace of data that you have: create --data"
        )


def _is_complete(workspace: Workspace) -> bool:
    """Whether a download has ended: the toolkit writes list.txt last."""
    return (workspace.sequence_folder / "list.txt").is_file()


def _forget_sequences_without_images(folder: Path) -> None:
    """Remove the file `sequence` where images are missing; the toolkit writes it even if their download failed, and
    would take the sequence for complete next time."""
    for written in folder.glob("*/sequence"):
        if not any(written.parent.glob("color/*")):
            written.unlink()
