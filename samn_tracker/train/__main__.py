"""`samn train CONFIG`: train a network; also `export` a run's weights."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from samn_tracker.errors import SamnError
from samn_tracker.train.config import load_config
from samn_tracker.train.loop import train


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0 on success, 1 on an error of ours, 2 on a wrong command line."""
    parser = argparse.ArgumentParser(prog="samn train", description=__doc__)
    parser.add_argument("config", help="TOML file of the run")
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and logs; resumed if it exists")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args(argv)
    print(f"command: samn train {shlex.join(sys.argv[1:] if argv is None else argv)}", file=sys.stderr)
    try:
        train(load_config(arguments.config, arguments.overrides), arguments.run)
    except SamnError as error:
        print(f"samn train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
