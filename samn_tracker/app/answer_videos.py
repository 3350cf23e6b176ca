"""Videos of sequences with a run's answers drawn in, which a report links to."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from samn_tracker.app.video import VideoWriter
from samn_tracker.files import storage
from samn_tracker.report.model import Clip, Report, Run
from samn_tracker.report.thumbnails import draw

FRAMES_PER_SECOND = 25.0
HEIGHT = 360


def with_videos(report: Report, folder: Path, beside: Path) -> Report:
    """The report with links to `folder`/RUN/SEQUENCE.mp4; those of pictured sequences are drawn where they are not.

    Args:
        beside: the folder of the page, from which the links are seen.

    Raises:
        StorageError: a video cannot be written.
    """
    pictured = {one.sequence for one in report.together}
    runs = []
    for run in report.runs:
        place = folder / run.name.replace("/", "_")
        own = pictured | {one.sequence for one in (*run.best, *run.worst)}
        for name in sorted(own):
            if run.clip_of and name in run.sequences and not _file(place, name).is_file():
                write_video(_file(place, name), run.clip_of(name))
        runs.append(replace(run, videos=_links(run, place, beside)))
    return replace(report, runs=tuple(runs))


def write_video(path: Path, clip: Clip) -> None:
    """Every frame that has an answer, HEIGHT pixels high; no file where there is none.

    Raises:
        StorageError: it cannot be written.
    """
    with storage(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with closing(VideoWriter(path, FRAMES_PER_SECOND)) as writer:
        for index in clip.frames:
            writer.write(draw([(clip, None)], index, HEIGHT))


def _file(place: Path, sequence: str) -> Path:
    return place / f"{sequence}.mp4"


def _links(run: Run, place: Path, beside: Path) -> dict[str, str]:
    there = [name for name in run.sequences if _file(place, name).is_file()]
    return {name: quote(Path(os.path.relpath(_file(place, name), beside)).as_posix()) for name in there}
