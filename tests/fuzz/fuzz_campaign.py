"""Feed every reader damaged input and count: `python tests/fuzz/fuzz_campaign.py --inputs 100000`.

Prints a table of inputs, accepted, refused, crashes; exits with 1 if anything but an answer or one of our errors came
back, or an input took more seconds of the processor than the limit. Input number i of a parser depends on nothing but
--seed and i. With `--record FILE` the counts are kept after every piece, and the same command goes on where it was
stopped; a reader that was mended begins anew once its name is taken out of the file.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import signal
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz_mutation import mutated
from fuzz_parsers import Parser, all_parsers

from samn_tracker.errors import SamnError
from samn_tracker.files import write_atomic

_SHOWN = 5
_PIECE = 2000


@dataclass
class Count:
    """What became of a parser's inputs; `crashes` holds the first few, as (number of the input, what was raised)."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    crashed: int = 0
    slowest: float = 0.0
    crashes: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Count) -> None:
        """Count another piece of the same parser's inputs."""
        for name in ("inputs", "accepted", "refused", "crashed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.slowest = max(self.slowest, other.slowest)
        self.crashes = (self.crashes + other.crashes)[:_SHOWN]


class TooSlowError(Exception):
    """An input took longer than the limit."""


def fuzz(parser: Parser, inputs: int, folder: Path, seed: int = 0, limit: float = 10.0, first: int = 0) -> Count:
    """Feed `inputs` mutated inputs, from number `first` on; a parser's own name is part of the seed."""
    count = Count()
    for number in range(first, first + inputs):
        data = input_bytes(parser, seed, number)
        start = time.process_time()
        try:
            with limited(limit):
                parser.parse(data, folder)
            count.accepted += 1
        except SamnError:
            count.refused += 1
        except (Exception, SystemExit) as error:
            count.crashed += 1
            if len(count.crashes) < _SHOWN:
                count.crashes.append((number, f"{type(error).__name__}: {str(error)[:120]}"))
        count.inputs += 1
        count.slowest = max(count.slowest, time.process_time() - start)
    return count


def input_bytes(parser: Parser, seed: int, number: int) -> bytes:
    """Input number `number` of a parser; the first ones are its seeds as they are."""
    if number < len(parser.seeds):
        return parser.seeds[number]
    return mutated(parser.seeds, random.Random(zlib.crc32(f"{parser.name} {seed} {number}".encode())))


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Stop what takes more seconds of the processor; those do not depend on what else the machine does.

    Raises:
        TooSlowError: into what is within.
    """

    def stop(*_: object) -> None:
        raise TooSlowError(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def quiet_below_python() -> Iterator[None]:
    """Image libraries print a line for each damaged picture to descriptor 2."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def fast_folder() -> Path | None:
    """Where files cost least: memory, if the system has a folder in it; None is the system's usual place."""
    shared_memory = Path("/dev/shm")
    return shared_memory if shared_memory.is_dir() else None


def campaign(inputs: int, seed: int, only: list[str], record: Path | None = None) -> dict[str, Count]:
    """Fuzz every parser, or those named in their order, in folders of their own; progress on stderr.

    Args:
        record: file of counts; what it holds of this seed is not done again.
    """
    kept = _read_record(record, seed)
    counts = {}
    with tempfile.TemporaryDirectory(dir=fast_folder()) as root:
        parsers = {parser.name: parser for parser in all_parsers(Path(root))}
        for index, name in enumerate(only or parsers):
            parser = parsers[name]
            folder = Path(root) / str(index)
            folder.mkdir()
            count = counts[parser.name] = kept.setdefault(parser.name, Count())
            start = time.perf_counter()
            while count.inputs < inputs:
                with quiet_below_python():
                    count.add(fuzz(parser, min(_PIECE, inputs - count.inputs), folder, seed, first=count.inputs))
                _write_record(record, seed, kept)
            print(f"{parser.name}: {time.perf_counter() - start:.0f} s, {count}", file=sys.stderr, flush=True)
    return counts


def _read_record(path: Path | None, seed: int) -> dict[str, Count]:
    if path is None or not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["seed"] != seed:
        raise SystemExit(f"{path} is of seed {content['seed']}; give that one, or another --record")
    return {name: Count(**count) for name, count in content["counts"].items()}


def _write_record(path: Path | None, seed: int, counts: dict[str, Count]) -> None:
    if path is not None:
        content = {"seed": seed, "counts": {name: asdict(count) for name, count in counts.items()}}
        write_atomic(path, json.dumps(content, indent=1) + "\n")


def table(counts: dict[str, Count]) -> str:
    """A line a parser, and its first crashes below it."""
    lines = [f"{'parser':<30}{'inputs':>10}{'accepted':>10}{'refused':>10}{'crashes':>9}{'slowest, s':>12}"]
    for name, one in counts.items():
        numbers = f"{one.inputs:>10}{one.accepted:>10}{one.refused:>10}{one.crashed:>9}{one.slowest:>12.3f}"
        lines.append(f"{name:<30}{numbers}")
        lines += [f"    input {number}: {message}" for number, message in one.crashes]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the campaign; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="for each parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the counts here, and go on from them")
    arguments = parser.parse_args(argv)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    counts = campaign(arguments.inputs, arguments.seed, arguments.only, arguments.record)
    print(table(counts))
    return 1 if any(one.crashed for one in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
