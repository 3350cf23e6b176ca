"""Pictures of a run's best and worst sequences: three moments each, with the answer drawn in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.overlay import colour_of, draw_answers, tint_mask
from samn_tracker.app.report.model import Thumbnail
from samn_tracker.benchmark.benchmark import Benchmark, BoxBenchmark
from samn_tracker.benchmark.box_text import read_rows
from samn_tracker.benchmark.label_png import read_labels
from samn_tracker.benchmark.run_folder import results_folder
from samn_tracker.benchmark.scores import ScoreTable
from samn_tracker.benchmark.sequences import Sequence
from samn_tracker.images import read_image
from samn_tracker.prediction import Prediction

_MOMENTS = (0.25, 0.6, 0.95)
_HEIGHT = 180
_QUALITY = 80

Pictures = tuple[Thumbnail, ...]


def best_and_worst(
    benchmark: Benchmark, path: Path, data: Path, split: str, table: ScoreTable, score: str, count: int
) -> tuple[Pictures, Pictures]:
    """The `count` (perhaps 0) sequences of highest and of lowest score; each appears on one side only.

    Raises:
        DatasetError, ImageError: the images are not in `data`.
    """
    scored = {name: value for name, row in table.sequences.items() if (value := row.get(score)) is not None}
    order = sorted(scored, key=lambda name: (scored[name], name))
    worst = order[: min(count, len(order) // 2)]
    best = order[::-1][: min(count, len(order) - len(worst))]
    videos = {one.name: one for one in benchmark.sequences(data, split)} if count else {}
    results = results_folder(path)

    def draw(name: str) -> Thumbnail:
        sequence = videos[name] if name in videos else videos[name.rpartition("_")[0]]
        indices = [round(moment * (len(sequence) - 1)) for moment in _MOMENTS]
        strip = [_drawn(benchmark, results, sequence, index) for index in indices]
        caption = f"{scored[name]:.3f}, frames {', '.join(map(str, indices))}"
        return Thumbnail(name, caption, _jpeg(np.concatenate(strip, axis=1)))

    return tuple(map(draw, best)), tuple(map(draw, worst))


def _drawn(benchmark: Benchmark, results: Path, sequence: Sequence, index: int) -> NDArray[np.uint8]:
    """One frame, made small, with the recorded answer."""
    image = read_image(sequence.frames[index])
    scale = _HEIGHT / image.shape[0]
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if isinstance(benchmark, BoxBenchmark):
        rows, _ = read_rows((results / benchmark.box_file(sequence.name)).read_text(encoding="ascii"))
        return draw_answers(small, {1: Prediction((rows[index] - sequence.shift) * scale)}, words=False)
    labels = read_labels(results / sequence.name / sequence.frames[index].with_suffix(".png").name)
    labels = np.asarray(cv2.resize(labels, small.shape[1::-1], interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    for one in np.unique(labels[labels > 0]):
        tint_mask(small, (labels == one).astype(np.uint8), colour_of(int(one)))
    return small


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()
