"""Do the tests notice? Faults are made one at a time, and the tests of the module are run on each.

    python tests/mutation/check.py              the known faults, and the mutants of every module listed below
    python tests/mutation/check.py faults       the known faults alone
    python tests/mutation/check.py core/decide  the mutants of one module

Exit codes: 0 every known fault is caught and every module reaches its share; 1 not so; 2 wrong command line.
A fault that is not caught is printed. Each is tried in a process of its own, forked after the tests are collected.
"""

from __future__ import annotations

import argparse
import ast
import os
import resource
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from known_faults import FAULTS  # noqa: E402
from mutants import mutants  # noqa: E402

_TESTS = {
    "core/decide": ("core/test_decide.py",),
    "core/decide_released": ("core/test_decide_released.py",),
    "core/decision": ("core/test_decide.py", "core/test_decide_released.py"),
    "core/learn": ("core/test_learn.py", "core/test_learn_shown.py"),
    "core/observe": ("core/test_observe.py", "core/test_observe_decoded.py"),
    "core/places": ("core/test_places.py",),
    "memory/appearance": ("memory/test_appearance.py", "memory/test_appearance_slots.py"),
    "memory/dynamic": ("memory/test_dynamic.py",),
    "memory/reader": ("memory/test_reader.py",),
    "memory/spatial_peaks": ("memory/test_spatial_peaks.py",),
    "memory/spatial_samples": ("memory/test_spatial_samples.py",),
    "memory/thinning": ("memory/test_thinning.py",),
}
_UNUSED = ("cacheprovider", "terminal", "xdist", "timeout")
"""Plugins that the runs do without."""
_LEAST = {"core/decide": 0.9, "core/decide_released": 0.9, "core/decision": 0.9}
_LEAST_ELSEWHERE = 0.7
_SECONDS = 60
"""Of the processor, not of the clock: on a busy machine a fault that nobody noticed counted as caught."""


class _OnEach:
    """A plugin of pytest: the collected tests are run once for each text of a module, in a process of its own.

    The processes are forked after the collection, which takes far longer than the tests.
    """

    def __init__(self, module: str, texts: Sequence[str]) -> None:
        self._module, self._texts = module, texts
        self.caught: list[bool] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for text in self._texts:
            child = os.fork()
            if child == 0:
                os._exit(_run(session, self._module, text))
            _, status = os.waitpid(child, 0)
            self.caught.append(os.waitstatus_to_exitcode(status) != 0)
        return True


def are_caught(module: str, texts: Sequence[str], tests: tuple[str, ...]) -> list[bool]:
    """For each text of `module` whether the tests fail with it; a fault that never ends is caught, too.

    Raises:
        RuntimeError: the tests fail where nothing is wrong, or cannot be collected.
    """
    right = ast.unparse(ast.parse(_file(module).read_text(encoding="utf-8")))
    plugin = _OnEach(module, [right, *texts])
    paths = [str(ROOT / "tests" / one) for one in tests]
    off = [word for one in _UNUSED for word in ("-p", f"no:{one}")]
    pytest.main(["-s", "-o", "addopts=", "-m", "not slow", *off, *paths], plugins=[plugin])
    if not plugin.caught or plugin.caught[0]:
        raise RuntimeError(f"the tests of {module} do not pass as they are: {' '.join(tests)}")
    return plugin.caught[1:]


def _run(session: pytest.Session, module: str, text: str) -> int:
    """1 where a test fails with this text of the module; whoever holds a name of the module gets the new one."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    names = vars(import_module(module))
    before = dict(names)
    exec(compile(text, str(_file(module)), "exec"), names)
    changed = {id(value): names[name] for name, value in before.items() if names[name] is not value}
    for holder in list(sys.modules.values()):
        held = getattr(holder, "__dict__", {})
        for name in [name for name, value in held.items() if id(value) in changed and held is not names]:
            held[name] = changed[id(held[name])]
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return 1
    return 0


def check_faults() -> bool:
    """Whether every known fault is caught."""
    core = tuple(test for module, tests in _TESTS.items() if module.startswith("core/") for test in tests)
    missed = 0
    for module in dict.fromkeys(fault.module for fault in FAULTS):
        text = _file(module).read_text(encoding="utf-8")
        faults = [fault for fault in FAULTS if fault.module == module]
        texts = [text.replace(fault.right, fault.wrong) for fault in faults]
        for fault, is_caught in zip(faults, are_caught(module, texts, core), strict=True):
            if not is_caught:
                print(f"not noticed: {fault.name}")
                missed += 1
    print(f"known faults: {len(FAULTS) - missed} of {len(FAULTS)} caught", flush=True)
    return not missed


def check_mutants(place: str) -> bool:
    """Whether the tests of a module catch as many of its mutants as they should."""
    module = f"samn_tracker.{place.replace('/', '.')}"
    made = mutants(_file(module).read_text(encoding="utf-8"))
    caught = are_caught(module, [one.source for one in made], _TESTS[place])
    missed = [one for one, is_caught in zip(made, caught, strict=True) if not is_caught]
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
    checks: dict[str, Callable[[], bool]] = {"faults": check_faults}
    results = [checks[one]() if one in checks else check_mutants(one) for one in what]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
