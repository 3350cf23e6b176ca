"""`samn train`: train a network, look at its samples, pack its data, export its weights.

samn train CONFIG --run FOLDER      train; resumes if the folder holds a checkpoint
samn train pack CONFIG OUT.npz      shrink and pack all data sets into one file
samn train preview CONFIG OUT.png   draw some training samples
samn train export FOLDER OUT.safetensors
samn train timed CONFIG --minutes N --out FOLDER     pack, train for N minutes on whatever is there, export, judge
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from samn_tracker.files import locked, refuse_what_is_read
from samn_tracker.program import run_program
from samn_tracker.runner.digits import positive, within
from samn_tracker.train import timed
from samn_tracker.train.config import TrainConfig, load_config
from samn_tracker.train.data import make_samples, pack
from samn_tracker.train.distributed import joined
from samn_tracker.train.export import RUN_FILES, export
from samn_tracker.train.loop import Trainer
from samn_tracker.train.preview import preview


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0 on success, 1 on an error of ours, 2 on a wrong command line."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = {"pack": _pack, "preview": _preview, "export": _export, "timed": timed.main}
    command, given = (commands[words[0]], words[1:]) if words and words[0] in commands else (_train, words)
    return run_program("samn train", lambda: command(given))


def _train(words: list[str]) -> int:
    parser = _parser("samn train", __doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and logs")
    arguments = parser.parse_args(words)
    config = _configured(arguments)
    folder = arguments.run
    with joined() as processes, locked(folder, "--run") if processes.leads else nullcontext():
        Trainer(config, folder, processes, words).train()
    return 0


def _pack(words: list[str]) -> int:
    parser = _parser("samn train pack", "Shrink every image to its data set's longest_side and pack all into one file.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quality", type=within(1, 100), default=88, help="JPEG quality, 1 to 100")
    arguments = parser.parse_args(words)
    config = _configured(arguments)
    refuse_what_is_read(arguments.out, _read_by(arguments, config), "OUT.npz")
    print(pack(config, arguments.out, arguments.quality))
    return 0


def _preview(words: list[str]) -> int:
    parser = _parser("samn train preview", "Draw training samples: their frames, outlined truth, and the given mask.")
    parser.add_argument("out", type=Path, help="PNG file")
    parser.add_argument("--count", type=positive, default=16)
    arguments = parser.parse_args(words)
    config = _configured(arguments)
    refuse_what_is_read(arguments.out, _read_by(arguments, config), "OUT.png")
    preview(make_samples(config), arguments.out, arguments.count, config.run.size)
    return 0


def _export(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="samn train export", description="Write a run's averaged weights.")
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args(words)
    refuse_what_is_read(arguments.out, [arguments.run / name for name in RUN_FILES], "OUT.safetensors")
    provenance = export(arguments.run, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB, {provenance['iterations']} iterations")
    return 0


def _parser(program: str, description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="TOML file of the run")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    return parser


def _read_by(arguments: argparse.Namespace, config: TrainConfig) -> list[Path]:
    """The files and folders that a configuration's samples come from."""
    root = Path(config.data_root)
    places = [Path(arguments.config), *(root / one.path for one in config.sets if one.path)]
    return [*places, root / config.pack] if config.pack else places


def _configured(arguments: argparse.Namespace) -> TrainConfig:
    return load_config(arguments.config, arguments.overrides)


if __name__ == "__main__":
    sys.exit(main())
