"""Shard workspaces: a part of the sequences each, one results folder for all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from samn_tracker.files import copy_whole, write_atomic
from vot_workspace.workspace import Workspace


@contextmanager
def sharded(workspace: Workspace, names: Sequence[str], parts: int) -> Iterator[list[Path]]:
    """Folders to evaluate at the same time: at most `parts` shards with the sequences `names`, or the workspace itself.

    The shards lie in the workspace, and are gone afterwards, as are those that a killed run left; what they wrote is in
    its results and logs.
    """
    for left in workspace.folder.glob("shards-*"):
        shutil.rmtree(left, ignore_errors=True)
    parts = min(parts, len(names))
    if parts <= 1:
        yield [workspace.folder]
        return
    with tempfile.TemporaryDirectory(prefix="shards-", dir=workspace.folder) as folder:
        yield [
            make_shard(workspace, Path(folder) / str(number), part)
            for number, part in enumerate(split(workspace, names, parts))
        ]


def split(workspace: Workspace, names: Sequence[str], parts: int) -> list[list[str]]:
    """The sequences `names` in `parts` lists of about the same number of frames, the longest first."""
    lists: list[list[str]] = [[] for _ in range(parts)]
    frames = [0] * parts
    for name in sorted(names, key=lambda name: -len(workspace.sequences[name])):
        smallest = frames.index(min(frames))
        lists[smallest].append(name)
        frames[smallest] += len(workspace.sequences[name])
    return lists


def make_shard(workspace: Workspace, folder: Path, names: Sequence[str]) -> Path:
    """A workspace with only the sequences `names`, which writes into the results folder of the whole one."""
    (folder / "sequences").mkdir(parents=True)
    copy_whole(workspace.folder / "trackers.ini", folder / "trackers.ini")
    write_atomic(folder / "stack.yaml", yaml.safe_dump(dict(workspace.stack)).encode())
    write_atomic(
        folder / "config.yaml", yaml.safe_dump({"stack": "stack.yaml", "registry": ["./trackers.ini"]}).encode()
    )
    for name in names:
        (folder / "sequences" / name).symlink_to((workspace.sequence_folder / name).resolve())
    write_atomic(folder / "sequences" / "list.txt", "".join(f"{name}\n" for name in names).encode())
    for name in ("results", "logs"):
        (workspace.folder / name).mkdir(exist_ok=True)
        (folder / name).symlink_to((workspace.folder / name).resolve())
    return folder
