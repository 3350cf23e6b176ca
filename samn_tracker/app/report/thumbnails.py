"""Pictures of the best and worst sequences: three moments each, with the answer drawn in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.overlay import colour_of, draw_answers, tint_mask
from samn_tracker.app.report.model import Score, Thumbnail
from samn_tracker.benchmark import sequences as benchmark_sequences
from samn_tracker.benchmark.benchmark import Benchmark, BoxBenchmark
from samn_tracker.benchmark.box_text import read_rows
from samn_tracker.benchmark.label_png import read_labels
from samn_tracker.benchmark.run_folder import results_folder
from samn_tracker.images import read_image
from samn_tracker.prediction import Prediction

_MOMENTS = (0.25, 0.6, 0.95)
_HEIGHT = 180
_QUALITY = 80

Picture = NDArray[np.uint8]
Pictures = tuple[Thumbnail, ...]


@dataclass(frozen=True)
class Clip:
    """What can be shown of a sequence: numbers of frames, in order, and what draws one of them, RGB, made small."""

    frames: Sequence[int]
    draw: Callable[[int], Picture]


def best_and_worst(
    scores: Mapping[str, Score], count: int, clip_of: Callable[[str], Clip]
) -> tuple[Pictures, Pictures]:
    """The `count` (perhaps 0) sequences of highest and of lowest score; each appears on one side only.

    Raises:
        As `clip_of` and what its clips draw with.
    """
    scored = {name: value for name, value in scores.items() if value is not None}
    order = sorted(scored, key=lambda name: (scored[name], name))
    worst = order[: min(count, len(order) // 2)]
    best = order[::-1][: min(count, len(order) - len(worst))]

    def shown(names: Sequence[str]) -> Pictures:
        strips = ((name, _strip(clip_of(name), scored[name])) for name in names)
        return tuple(Thumbnail(name, *strip) for name, strip in strips if strip)

    return shown(best), shown(worst)


def clips_of_run(benchmark: Benchmark, path: Path, data: Path, split: str) -> Callable[[str], Clip]:
    """The clip of each sequence (or object of a sequence: NAME_ID) of a run, or of results in the benchmark's layout.

    Raises:
        DatasetError, ImageError: the images are not in `data`.
    """
    videos = {one.name: one for one in benchmark.sequences(data, split)}
    results = results_folder(path)

    def clip_of(name: str) -> Clip:
        sequence = videos[name] if name in videos else videos[name.rpartition("_")[0]]
        draw = (
            partial(_draw_box, results / benchmark.box_file(sequence.name), sequence)
            if isinstance(benchmark, BoxBenchmark)
            else partial(_draw_labels, results / sequence.name, sequence)
        )
        return Clip(range(len(sequence)), draw)

    return clip_of


def small(image: Picture) -> tuple[Picture, float]:
    """The image at the height of a thumbnail, and the scale."""
    scale = _HEIGHT / image.shape[0]
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def _strip(clip: Clip, score: float) -> tuple[str, bytes] | None:
    """Caption and JPEG of three moments side by side; None where nothing can be shown."""
    if not clip.frames:
        return None
    indices = [clip.frames[round(moment * (len(clip.frames) - 1))] for moment in _MOMENTS]
    caption = f"{score:.3f}, frames {', '.join(map(str, indices))}"
    return caption, _jpeg(np.concatenate([clip.draw(index) for index in indices], axis=1))


def _draw_box(boxes: Path, sequence: benchmark_sequences.Sequence, index: int) -> Picture:
    image, scale = small(read_image(sequence.frames[index]))
    rows, _ = read_rows(boxes.read_text(encoding="ascii"))
    return draw_answers(image, {1: Prediction((rows[index] - sequence.shift) * scale)}, words=False)


def _draw_labels(masks: Path, sequence: benchmark_sequences.Sequence, index: int) -> Picture:
    image, _ = small(read_image(sequence.frames[index]))
    labels = read_labels(masks / sequence.frames[index].with_suffix(".png").name)
    labels = np.asarray(cv2.resize(labels, image.shape[1::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    for one in np.unique(labels[labels > 0]):
        tint_mask(image, (labels == one).astype(np.uint8), colour_of(int(one)))
    return image


def _jpeg(image: Picture) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()
