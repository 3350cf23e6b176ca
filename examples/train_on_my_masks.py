"""Train on your own masks: `img/` holds pictures, `mask/` PNGs with the same names and object ids as values.

    python examples/train_on_my_masks.py DATA runs/mine mine.safetensors --iterations 2000 --weights samn-lite

Training goes on from `--weights` (the shipped ones know the world already), and the result is a weights file for
`load_tracker("mine.safetensors")` and `samn track --tracker mine.safetensors`. Stopped, the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from samn_tracker.loading import find_weights
from samn_tracker.model.weights import read_info
from samn_tracker.train.config import OptimiserConfig, RunConfig, SetConfig, StartConfig, TrainConfig
from samn_tracker.train.distributed import joined
from samn_tracker.train.export import export
from samn_tracker.train.loop import Trainer
from samn_tracker.train.sample import SamplingConfig


def main(argv: Sequence[str] | None = None) -> int:
    """Train and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path, help="folder of checkpoints and logs")
    parser.add_argument("output", type=Path, help="weights file to write")
    parser.add_argument("--weights", default="samn-lite", help="what to start from")
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--size", type=int, default=256, help="patch pixels, a multiple of 16")
    parser.add_argument("--batch", type=int, default=4)
    arguments = parser.parse_args(argv)

    weights = find_weights(arguments.weights).resolve()
    start = read_info(weights).model  # the decoder is told what it was before
    config = TrainConfig(
        variant="samn-lite",
        previous_mask=start.previous_mask,
        pixel_score=start.pixel_score,
        data_root=str(arguments.data.resolve().parent),
        start=StartConfig(weights=str(weights)),
        run=RunConfig(
            iterations=arguments.iterations,
            batch=arguments.batch,
            size=arguments.size,
            final_size=arguments.size,
            workers=0,
        ),
        optimiser=OptimiserConfig(rate=1e-4, schedule="cosine", warmup=20, trunk_factor=0.2, frozen="stem"),
        sampling=SamplingConfig(clip=0.0),
        sets=(SetConfig("mine", path=arguments.data.resolve().name, still=1.0, paste=1.0, background=1.0),),
    )
    with joined() as processes:
        Trainer(config, arguments.run, processes).train()
    facts = export(arguments.run, arguments.output)
    print(f"{arguments.output}: {facts['iterations']} iterations in {facts['seconds']} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
