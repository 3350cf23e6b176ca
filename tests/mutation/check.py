"""Do the tests notice? Faults are made one at a time, and the tests of the module are run on each.

    python tests/mutation/check.py              the known faults, and the mutants of every module listed below
    python tests/mutation/check.py faults       the known faults alone
    python tests/mutation/check.py core/decide  the mutants of one module

Exit codes: 0 every known fault is caught and every module reaches its share; 1 not so; 2 wrong command line.
A fault that is not caught is printed. Each is tried in a process of its own, forked after the libraries are loaded.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from known_faults import FAULTS  # noqa: E402
from mutants import mutants  # noqa: E402

_TESTS = {
    "core/decide": ("core/test_decide.py",),
    "core/learn": ("core/test_learn.py",),
    "core/observe": ("core/test_observe.py",),
    "core/places": ("core/test_places.py",),
    "memory/appearance": ("memory/test_appearance.py",),
    "memory/dynamic": ("memory/test_dynamic.py",),
    "memory/reader": ("memory/test_reader.py",),
    "memory/spatial_peaks": ("memory/test_spatial_peaks.py",),
    "memory/spatial_samples": ("memory/test_spatial_samples.py",),
}
_LEAST = {"core/decide": 0.9}
_LEAST_ELSEWHERE = 0.7
_SECONDS = 60
"""Of the processor, not of the clock: on a busy machine a fault that nobody noticed counted as caught."""


class _Mutated(importlib.machinery.SourceFileLoader):
    """Loads a module from another text than its file's."""

    def __init__(self, name: str, path: str, text: str) -> None:
        super().__init__(name, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec")


class _Finder:
    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        file = str(_file(name))
        return importlib.util.spec_from_file_location(name, file, loader=_Mutated(name, file, self._text))


def is_caught(module: str, text: str, tests: tuple[str, ...]) -> bool:
    """Whether the tests fail where `module` has this text; a fault that never ends is caught, too."""
    child = os.fork()
    if child == 0:
        os._exit(_run(module, text, tests))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) != 0


def _run(module: str, text: str, tests: tuple[str, ...]) -> int:
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.meta_path.insert(0, _Finder(module, text))  # type: ignore[arg-type]
    paths = [str(ROOT / "tests" / one) for one in tests]
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:timeout", *paths]))


def check_faults() -> bool:
    """Whether every known fault is caught."""
    core = tuple(test for module, tests in _TESTS.items() if module.startswith("core/") for test in tests)
    missed = []
    for fault in FAULTS:
        text = _file(fault.module).read_text(encoding="utf-8")
        if text.count(fault.right) != 1:
            print(f"{fault.name}: {fault.right!r} is {text.count(fault.right)} times in {fault.module}; mend the list")
            missed.append(fault)
        elif not is_caught(fault.module, text.replace(fault.right, fault.wrong), core):
            print(f"not noticed: {fault.name}")
            missed.append(fault)
    print(f"known faults: {len(FAULTS) - len(missed)} of {len(FAULTS)} caught", flush=True)
    return not missed


def check_mutants(place: str) -> bool:
    """Whether the tests of a module catch as many of its mutants as they should."""
    module = f"samn_tracker.{place.replace('/', '.')}"
    made = mutants(_file(module).read_text(encoding="utf-8"))
    missed = [one for one in made if not is_caught(module, one.source, _TESTS[place])]
    for one in missed:
        print(f"not noticed: {place}.py:{one.line}: {one.fault}")
    share, least = 1 - len(missed) / len(made), _LEAST.get(place, _LEAST_ELSEWHERE)
    print(
        f"{place}: {len(made) - len(missed)} of {len(made)} mutants caught, {share:.1%} (least {least:.0%})", flush=True
    )
    return share >= least


def _file(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def main() -> int:
    """Check what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", choices=["faults", *_TESTS, []], help="default everything")
    what = parser.parse_args().what or ["faults", *_TESTS]
    for library in ("cv2", "hypothesis", "ot", "pytest", "shapely", "torch"):
        importlib.import_module(library)
    checks: dict[str, Callable[[], bool]] = {"faults": check_faults}
    results = [checks[one]() if one in checks else check_mutants(one) for one in what]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
