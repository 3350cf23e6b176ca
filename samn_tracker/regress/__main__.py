"""Run the cached cases again and say what moved.

Without arguments everything that is cached is checked: scores recomputed from the cached trajectories must be equal,
fresh inference within the tolerances. Development sequences need the research data beside the checkout; without it they
are named and left out. Exit codes: 0 nothing beyond the tolerance, 1 something moved, 2 wrong command line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from samn_tracker.errors import ConfigError, DatasetError, ResultError
from samn_tracker.regress.cache import Cache
from samn_tracker.regress.cases import DEVELOPMENT_PREFIX, Case, development_cases, generated_cases
from samn_tracker.regress.check import check, table, update
from samn_tracker.runner.digits import positive
from samn_tracker.settings import add_settings, key_values

_CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_CACHE = _CHECKOUT / "tests" / "regression" / "cache"
DEFAULT_DATA = _CHECKOUT.parent / "shared" / "data" / "sequences"
# The same answers in every run: torch's float32, and one thread so that sums have one order.
REPEATABLE = {"runtime.backend": "torch", "runtime.precision": "float32", "runtime.threads": "1"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn regress ...`; returns the exit code.

    Raises:
        SamnError: the cache, the data, the weights or a setting is not usable.
    """
    arguments = parser().parse_args(argv)
    if arguments.frames is not None and arguments.frames < 2:
        raise ConfigError(f"--frames {arguments.frames}: the first frame is given; 2 is the least")
    settings = _settings(arguments.tracker, arguments.set)
    cache = Cache(arguments.cache)
    data = arguments.data or DEFAULT_DATA
    if arguments.update:
        return _update(arguments, cache, _available(data, required=arguments.data is not None), settings)
    cases = _cached_cases(cache, data, arguments.case)
    if not cases:
        raise DatasetError(f"nothing to check: all that is cached in {cache.root} needs the sequences of {data}")
    rows = check(cache, cases, arguments.tracker, settings, frames=arguments.frames)
    lengths = [case.length for case in cases]
    print(table(rows, len(cases), sum(min(length, arguments.frames or length) for length in lengths)))
    return 1 if any(row.fails for row in rows) else 0


def _update(arguments: argparse.Namespace, cache: Cache, cases: list[Case], settings: dict[str, str]) -> int:
    if not arguments.reason:
        raise ConfigError("--update replaces what was trusted; say why with --reason TEXT")
    if arguments.case or arguments.frames:
        raise ConfigError("--update makes the whole cache anew, so that one environment made it; no cases, no --frames")
    stale = sorted(set(cache.names()) - {case.name for case in cases})
    if stale:
        raise DatasetError(
            f"{len(stale)} cached cases cannot be run here: {', '.join(stale)}; give their sequences with --data, or "
            f"remove their files from {cache.root}"
        )
    update(cache, cases, arguments.tracker, settings, arguments.reason)
    print(f"{len(cases)} cases written to {cache.root}")
    return 0


def _settings(tracker: str, given: list[str]) -> dict[str, str]:
    repeatable = REPEATABLE if tracker.startswith("samn-") or tracker.endswith(".safetensors") else {}
    return {**repeatable, **key_values(given)}


def _available(data: Path, required: bool) -> list[Case]:
    return generated_cases() + (development_cases(data) if required or data.is_dir() else [])


def _cached_cases(cache: Cache, data: Path, names: list[str]) -> list[Case]:
    """The cases to check; those without their data are named on stderr."""
    cached = cache.names()
    if not cached:
        raise ResultError(f"nothing is cached in {cache.root}; make it with `samn regress --update --reason TEXT`")
    if unknown := sorted(set(names) - set(cached)):
        raise ResultError(f"not cached: {', '.join(unknown)}; cached: {', '.join(cached)}")
    wanted = names or cached
    needs_data = any(name.startswith(DEVELOPMENT_PREFIX) for name in wanted)
    available = {case.name: case for case in _available(data, required=False)} if needs_data else {}
    available = available or {case.name: case for case in generated_cases()}
    missing = [name for name in wanted if name not in available]
    if missing:
        print(f"samn regress: left out, no sequences at {data}: {', '.join(missing)}", file=sys.stderr)
    return [available[name] for name in wanted if name in available]


def parser() -> argparse.ArgumentParser:
    """The command line of `samn regress`."""
    result = argparse.ArgumentParser(
        prog="samn regress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("case", nargs="*", help="names of cached cases; default all")
    result.add_argument("--tracker", default="samn-lite", metavar="SPEC", help="default samn-lite")
    add_settings(result, "a setting to try")
    result.add_argument("--data", type=Path, metavar="DIR", help="development sequences; default beside the checkout")
    result.add_argument("--cache", type=Path, default=DEFAULT_CACHE, metavar="DIR", help="default tests/regression")
    result.add_argument("--frames", type=positive, metavar="N", help="infer only the first N frames of each case")
    result.add_argument("--update", action="store_true", help="replace the cache by what is answered now")
    result.add_argument("--reason", metavar="TEXT", help="why; recorded with the update")
    return result


if __name__ == "__main__":
    sys.exit(main())
