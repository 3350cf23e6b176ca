"""`samn train timed`: everything that a borrowed GPU is for, in one command and a given number of minutes.

    samn train timed CONFIG --minutes 25 --out FOLDER --set data_root=... --set start.trunk=... --sequences DATA

Packs the data (once), measures an iteration on whatever device is there, trains for as many iterations as fit into
the minutes, exports the weights, and leaves the accuracy protocol's table beside them. The same command goes on where
it was cut off. FOLDER then holds pack.npz, run/, weights.safetensors and accuracy.txt.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from samn_tracker.errors import DatasetError, TrainingError
from samn_tracker.files import locked, write_atomic
from samn_tracker.runner.digits import duration
from samn_tracker.train.config import TrainConfig, load_config
from samn_tracker.train.data import pack
from samn_tracker.train.distributed import Processes, joined
from samn_tracker.train.export import export
from samn_tracker.train.loop import Trainer
from samn_tracker.train.runlog import CONFIG

LARGEST_PACK = 60 * 2**20
"""Bytes that travel to a borrowed machine."""
QUALITY = 75
"""Of the JPEG images in the pack."""
ATTEMPTS, SMALLEST_SIDE = 4, 96
"""How often images are shrunk until the pack is small enough, and to how many pixels of their longer side at most."""
SHRUNK_MORE = 0.95
"""A pack shrinks by less than its pixels do: small images hold more detail in each."""
PROBED = 6
"""Iterations of each patch size that are timed; the first half, in which libraries warm up, does not count."""
RESERVE = 0.05
"""Share of the time kept for checkpoints and the export."""


def main(words: list[str]) -> int:
    """Run the command line.

    Raises:
        SamnError: the configuration, the data or the run is at fault.
    """
    arguments = _parser().parse_args(words)
    begun = time.monotonic()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with joined() as processes, locked(arguments.out, "--out") if processes.leads else nullcontext():
        config = _planned(arguments, processes, begun)
        _say(f"{config.run.iterations} iterations on {processes.device}")
        Trainer(config, arguments.out / "run", processes, ["timed", *words]).train()
    weights = arguments.out / "weights.safetensors"
    export(arguments.out / "run", weights)
    if arguments.sequences:
        _judge(weights, arguments.sequences, arguments.out)
    print(weights)
    return 0


def packed(config: TrainConfig, path: Path) -> TrainConfig:
    """The configuration reading `path`, which is made of its data sets where it is missing.

    Images are shrunk as far as the pack has to be to travel.

    Raises:
        DatasetError: it would take images that are too small to learn from.
    """
    if not path.is_file() or path.stat().st_size > LARGEST_PACK:  # of a call that ended before the pack fitted
        _pack(config, path)
    return replace(config, pack=str(path))


def _pack(config: TrainConfig, path: Path) -> None:
    share = 1.0
    for _ in range(ATTEMPTS):
        sets = tuple(replace(one, longest_side=int(one.longest_side * share)) for one in config.sets)
        if min(one.longest_side for one in sets) < SMALLEST_SIDE:
            break
        _say(pack(replace(config, sets=sets), path, QUALITY).splitlines()[-1])
        size = path.stat().st_size
        if size <= LARGEST_PACK:
            return
        share *= (LARGEST_PACK / size) ** 0.5 * SHRUNK_MORE
    path.unlink(missing_ok=True)
    raise DatasetError(
        f"no pack of {LARGEST_PACK >> 20} MiB can be made of images of {SMALLEST_SIDE} pixels or more; "
        "use fewer data sets"
    )


def iterations_that_fit(config: TrainConfig, seconds: float, early: float, late: float) -> int:
    """How many iterations take `seconds`, where one takes `early` with the first patch size and `late` with the last.

    Raises:
        TrainingError: not even ten fit.
    """
    share = _late_share(config)
    count = int(max(seconds, 0) * (1 - RESERVE) / ((1 - share) * early + share * late))
    if count < 10:
        raise TrainingError(
            f"only {count} iterations fit into {seconds:.0f} seconds; give more minutes or smaller patches"
        )
    return count


def _late_share(config: TrainConfig) -> float:
    return config.run.final_share if config.run.final_size != config.run.size else 0.0


def seconds_of_iteration(config: TrainConfig, size: int, processes: Processes) -> float:
    """Mean seconds of an iteration with patches of `size`, once warm."""
    run = replace(config.run, iterations=PROBED, size=size, final_size=size, log_every=PROBED, checkpoint_every=PROBED)
    with TemporaryDirectory() as folder:
        probe = replace(config, run=run, validation=replace(config.validation, every=0))
        trainer = Trainer(probe, Path(folder), processes)
        half = PROBED // 2
        trainer.train(until=half)
        warm = trainer.progress.seconds
        trainer.train(until=PROBED)
        return (trainer.progress.seconds - warm) / (PROBED - half)


def _planned(arguments: argparse.Namespace, processes: Processes, begun: float) -> TrainConfig:
    """The run's configuration: that of an earlier call, or one whose iterations fit into the minutes that are left."""
    earlier = arguments.out / "run" / CONFIG
    if earlier.is_file():
        return load_config(earlier)
    config = packed(load_config(arguments.config, arguments.overrides), arguments.out / "pack.npz")
    early = seconds_of_iteration(config, config.run.size, processes)
    late = seconds_of_iteration(config, config.run.final_size, processes) if _late_share(config) else early
    left = 60 * arguments.minutes - (time.monotonic() - begun)
    return replace(config, run=replace(config.run, iterations=iterations_that_fit(config, left, early, late)))


def _judge(weights: Path, sequences: Path, out: Path) -> None:
    """The protocol runs as a program of its own: it makes processes, and knows nothing of training."""
    command = [sys.executable, "-m", "samn_tracker.bench.accuracy", "--data", str(sequences), "--tracker", str(weights)]
    done = subprocess.run([*command, "--out", str(out / "accuracy")], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise TrainingError(f"the weights are trained ({weights}), but the accuracy protocol failed; see above")
    write_atomic(out / "accuracy.txt", done.stdout)
    print(done.stdout)


def _say(text: str) -> None:
    print(f"samn train timed: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="samn train timed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="TOML file of the run; its iterations are replaced")
    parser.add_argument("--minutes", type=duration, required=True, help="of packing, training and export together")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything that is made")
    parser.add_argument("--sequences", type=Path, help="folder of development sequences to judge the weights on")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser
