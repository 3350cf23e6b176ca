"""Pictures of sequences: the frames where it fails, with the answer of one run drawn in, or those of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.images import read_image
from samn_tracker.report.model import Clip, Report, Run, Score, Thumbnail, sequence_rows
from samn_tracker.report.moments import FloatArray, moments
from samn_tracker.report.style import series_colour
from samn_tracker.runner import sequences as benchmark_sequences
from samn_tracker.runner.benchmark import Benchmark, BoxBenchmark
from samn_tracker.runner.box_text import read_rows
from samn_tracker.runner.label_answers import read_answer
from samn_tracker.runner.run_folder import results_folder
from samn_tracker.runner.truth import decode_text
from samn_tracker.shapes.overlay import Colour, colour_of, draw_polygon, outline_mask, tint_mask
from samn_tracker.shapes.regions import box_to_polygon

LINE = 2
"""Width of what is drawn in a thumbnail, in pixels."""

_HEIGHT = 180
_QUALITIES = (80, 60, 45, 30)
PICTURES_BYTES = 420_000
"""Of all pictures of a page together: with its tables and charts it stays below a megabyte."""

Picture = NDArray[np.uint8]
Pictures = tuple[Thumbnail, ...]


def best_and_worst(
    scores: Mapping[str, Score],
    count: int,
    clip_of: Callable[[str], Clip],
    overlaps: Mapping[str, FloatArray],
) -> tuple[Pictures, Pictures]:
    """The `count` (perhaps 0) sequences of highest and of lowest score; each appears on one side only.

    Args:
        overlaps: as `Run.overlaps`; they say which frames are shown.

    Raises:
        As `clip_of` and what its clips draw with.
    """
    scored = {name: value for name, value in scores.items() if value is not None}
    order = sorted(scored, key=lambda name: (scored[name], name))
    worst = order[: min(count, len(order) // 2)]
    best = order[::-1][: min(count, len(order) - len(worst))]

    def shown(names: Sequence[str]) -> Pictures:
        strips = (
            _thumbnail(name, f"{scored[name]:.3f}", [(clip_of(name), None)], overlaps.get(name)) for name in names
        )
        return tuple(strip for strip in strips if strip)

    return shown(best), shown(worst)


def all_together(report: Report, count: int) -> Pictures:
    """The `count` sequences where the first run falls behind most, and those where it leads most, with all answers.

    Each run is drawn in the colour that it has in the charts; runs without images, and sequences that not all have
    tracked, are left out. Nothing where fewer than two runs can be drawn. The frames are those where the run that is
    behind fails.
    """
    drawn = [(run.clip_of, series_colour(index)) for index, run in enumerate(report.runs) if run.clip_of]
    rows = [row for row in sequence_rows(report) if None not in (row.difference, *row.values)]
    if len(drawn) < 2 or not count:
        return ()
    ends = rows[:count] + rows[max(count, len(rows) - count) :]
    strips = (
        _thumbnail(
            row.name,
            f"{row.difference:+.3f}",
            [(clip_of(row.name), colour) for clip_of, colour in drawn],
            _lowest(report.runs, row.values).overlaps.get(row.name),
        )
        for row in ends
    )
    return tuple(strip for strip in strips if strip)


def within_bytes(report: Report, limit: int = PICTURES_BYTES) -> Report:
    """The report with all its pictures in at most about `limit` bytes: coarser, then smaller, where they have more."""
    every = [*report.together, *(one for run in report.runs for one in (*run.best, *run.worst))]
    if sum(len(one.jpeg) for one in every) <= limit:
        return report
    share = limit // len(every)

    def fitting(pictures: Pictures) -> Pictures:
        return tuple(replace(one, jpeg=_shrunk(one.jpeg, share)) for one in pictures)

    runs = tuple(replace(run, best=fitting(run.best), worst=fitting(run.worst)) for run in report.runs)
    return replace(report, runs=runs, together=fitting(report.together))


def clips_of_run(benchmark: Benchmark, path: Path, data: Path, split: str) -> Callable[[str], Clip]:
    """The clip of each sequence (or object of a sequence: NAME_ID) of a run, or of results in the benchmark's layout.

    Raises:
        DatasetError, ImageError: the images are not in `data`.
    """
    videos = {one.name: one for one in benchmark.sequences(data, split)}
    results = results_folder(path)

    def clip_of(name: str) -> Clip:
        sequence = videos[name] if name in videos else videos[name.rpartition("_")[0]]
        answered: Sequence[int] = range(len(sequence))
        mark: Callable[..., None] = partial(_mark_labels, results, sequence)
        if isinstance(benchmark, BoxBenchmark):
            boxes = _boxes(results / benchmark.box_file(sequence.name), sequence)
            answered = np.flatnonzero(np.isfinite(boxes).all(axis=1)).tolist()
            mark = partial(_mark_box, boxes)
        return Clip(answered, lambda index: read_image(sequence.frames[index]), mark)

    return clip_of


def draw(marks: Sequence[tuple[Clip, Colour | None]], index: int, height: int = _HEIGHT) -> Picture:
    """A frame made `height` pixels high, with the answer of each clip in its colour, the first one on top."""
    image = marks[0][0].image(index)
    scale = height / image.shape[0]
    canvas = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for clip, colour in reversed(marks):
        clip.mark(canvas, scale, index, colour)
    return canvas


def _lowest(runs: Sequence[Run], values: Sequence[Score]) -> Run:
    return min(zip(runs, values, strict=True), key=lambda one: (one[1] is None, one[1] or 0.0))[0]


def _thumbnail(
    name: str, score: str, marks: Sequence[tuple[Clip, Colour | None]], overlaps: FloatArray | None
) -> Thumbnail | None:
    """The moments side by side, of the frames that all clips have; None where there is none."""
    frames = sorted(set.intersection(*(set(clip.frames) for clip, _ in marks)))
    if not frames:
        return None
    indices = moments(frames, overlaps)
    strip = np.concatenate([draw(marks, index) for index in indices], axis=1)
    shown = [f"{index}{_said(overlaps, index)}" for index in indices]
    return Thumbnail(name, f"{score}, frames {', '.join(shown)}", _jpeg(strip))


def _said(overlaps: FloatArray | None, index: int) -> str:
    known = overlaps is not None and index < len(overlaps) and np.isfinite(overlaps[index])
    return f" (IoU {overlaps[index]:.2f})" if overlaps is not None and known else ""


def _boxes(path: Path, sequence: benchmark_sequences.Sequence) -> FloatArray:
    """(N, 4) 0-based boxes of the first N frames, NaN where a line is none; N is 0 where there is no file.

    The scorers of some benchmarks count what is missing as failed, so it is no fault here either.
    """
    rows = read_rows(decode_text(path.read_bytes()))[0] if path.is_file() else np.empty((0, 4))
    return rows[: len(sequence)] - sequence.shift


def _mark_box(boxes: FloatArray, canvas: Picture, scale: float, index: int, colour: Colour | None) -> None:
    draw_polygon(canvas, box_to_polygon(boxes[index] * scale), colour or colour_of(1), LINE)


def _mark_labels(
    results: Path,
    sequence: benchmark_sequences.Sequence,
    canvas: Picture,
    scale: float,
    index: int,
    colour: Colour | None,
) -> None:
    labels = read_answer(results, sequence, index)
    labels = np.asarray(cv2.resize(labels, canvas.shape[1::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    for one in np.unique(labels[labels > 0]):
        mask = (labels == one).astype(np.uint8)
        if colour is None:
            tint_mask(canvas, mask, colour_of(int(one)))
        else:
            outline_mask(canvas, mask, colour, LINE)


def _jpeg(image: Picture, quality: int = _QUALITIES[0]) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def _shrunk(jpeg: bytes, limit: int) -> bytes:
    """The picture in at most `limit` bytes, or 8 pixels high."""
    image = np.asarray(cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
    while len(jpeg) > limit and image.shape[0] > 8:
        for quality in _QUALITIES:
            if len(jpeg) > limit:
                jpeg = _jpeg(image, quality)
        image = np.asarray(cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return jpeg
