"""Encoder and decoder by every backend and precision, in turn, with their errors against torch's float32.

    samn bench backends --patch 288 --patch 448

Milliseconds are the CPU's, the least of all repeats, so that other programs on the machine count little; with one
thread that is what passes on an idle machine. The decoder looks at the smaller of the sides that a seen region has. The
errors are relative, of the stride-16 features, and absolute, the mean of the probabilities.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from samn_tracker.bench.scenario import Still, Variant, make_variants
from samn_tracker.errors import SamnError
from samn_tracker.memory.config import STRIDE
from samn_tracker.runner.digits import positive, within
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Encoded
from samn_tracker.shapes.decoded_region import CellRegion, bucket_sides
from samn_tracker.shapes.geometry import Window
from samn_tracker.shapes.regions import mask_to_box

CHOICES: tuple[RuntimeConfig, ...] = (
    RuntimeConfig("torch", "float32"),
    RuntimeConfig("torch", "bfloat16"),
    RuntimeConfig("openvino", "float32"),
    RuntimeConfig("openvino", "bfloat16"),
    RuntimeConfig("openvino", "int8"),
)


class Row(NamedTuple):
    """One backend and precision on patches of one size: CPU milliseconds and errors of encoder and decoder."""

    variant: str
    patch: int
    backend: str
    precision: str
    encoder_ms: float
    decoder_ms: float
    encoder_error: float
    decoder_error: float


class _Side:
    """An engine with a patch encoded, its target memorised and read, so that both steps can be repeated."""

    def __init__(self, variant: Variant, runtime: RuntimeConfig, patch: NDArray[np.uint8], mask: NDArray[np.float32]):
        self.runtime = runtime
        self._engine = replace(variant, config=replace(variant.config, runtime=runtime)).engine("cpu")
        self._patch = patch
        cells = patch.shape[1] // 16
        side = bucket_sides(cells)[0]
        start = (cells - side) // 2
        self.seen = CellRegion(start, start, start + side, start + side)
        encoded = self.encode()
        memory = self._engine.memorise(encoded, mask)
        self._given = (self.seen.cut(memory.value, 1).contiguous(), encoded)

    def encode(self) -> Encoded:
        return self._engine.encode(self._patch)

    def decode(self) -> NDArray[np.float32]:
        retrieved, encoded = self._given
        return self._engine.segment(retrieved, encoded, None, self.seen, self.seen)


def compare(variant: Variant, size: int, repeats: int, choices: Sequence[RuntimeConfig] = CHOICES) -> list[Row]:
    """Every choice that this machine has, on one patch of `size` pixels; the first one is what the errors are of."""
    still = Still()
    box = mask_to_box(still.mask)
    middle = box[:2] + box[2:] / 2
    window = Window((float(middle[0]), float(middle[1])), float(4 * np.sqrt(box[2:].prod())), size)
    patch, mask = window.crop(still.image)[None], window.crop_mask(still.mask)[None]
    sides = []
    for runtime in choices:
        try:
            sides.append(_Side(variant, runtime, patch, mask))
        except SamnError as error:
            print(f"samn bench backends: left out: {error}", file=sys.stderr)
    steps: list[Callable[[], object]] = [step for side in sides for step in (side.encode, side.decode)]
    least = _least_cpu(steps, repeats)
    exact, truth = sides[0].encode().query.f16.float(), sides[0].decode()
    rows = []
    for index, side in enumerate(sides):
        f16 = side.encode().query.f16.float()
        row = Row(
            variant=variant.name,
            patch=size,
            backend=side.runtime.backend,
            precision=side.runtime.precision,
            encoder_ms=least[2 * index],
            decoder_ms=least[2 * index + 1],
            encoder_error=float((f16 - exact).norm() / exact.norm()),
            decoder_error=float(np.abs(side.decode() - truth).mean()),
        )
        rows.append(row)
    return rows


def _least_cpu(steps: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """The least CPU milliseconds of each step, all taken in turn."""
    least = [float("inf")] * len(steps)
    for _ in range(repeats):
        for index, step in enumerate(steps):
            begin = time.process_time()
            step()
            least[index] = min(least[index], 1000 * (time.process_time() - begin))
    return least


def table(rows: Sequence[Row]) -> str:
    """One line a row."""
    heads = f"{'encoder ms':>12}{'decoder ms':>12}{'f16 error':>11}{'mask error':>12}"
    lines = [f"{'network':<8}{'patch':>6} {'backend':<10}{'precision':<10}{heads}"]
    for one in rows:
        times = f"{one.encoder_ms:>12.1f}{one.decoder_ms:>12.1f}"
        errors = f"{one.encoder_error:>11.2%}{one.decoder_error:>12.4f}"
        lines.append(f"{one.variant:<8}{one.patch:>6} {one.backend:<10}{one.precision:<10}{times}{errors}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    arguments = _parser().parse_args(argv)
    torch.set_num_threads(arguments.threads)
    variants = [one for one in make_variants() if one.name in (arguments.network or ["lite"])]
    sizes = arguments.patch or [288]
    rows = [row for variant in variants for size in sizes for row in compare(variant, size, arguments.repeats)]
    print(table(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="samn bench backends", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--patch", type=within(32, 4096, STRIDE), action="append", help="pixels a side; repeatable, default 288"
    )
    parser.add_argument("--network", action="append", choices=("lite", "r50"), help="repeatable, default lite")
    parser.add_argument("--repeats", type=positive, default=30)
    parser.add_argument("--threads", type=within(1, 1024), default=1)
    return parser
