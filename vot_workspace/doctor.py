"""Finds what is wrong with the installation, and with a workspace, before an evaluation does; a remedy each.

Only package metadata and module locations are read, so that a broken package cannot break the doctor.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

from samn_tracker.errors import SamnError

TOOLKIT, ATTRIBUTEE, TRAX = "0.7.4", "0.1.9", "4.0.2"
OPENCV = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
VersionOf = Callable[[str], str | None]


def installed_version(package: str) -> str | None:
    """The version of an installed distribution, None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def module_exists(name: str) -> bool:
    """Whether a top-level module can be found."""
    return find_spec(name) is not None


def found_outside(module: str) -> ModuleSpec | None:
    """Where Python finds a module that does not look in the working folder, as we start the toolkit."""
    here = ("", str(Path.cwd()))
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    places = [one for one in sys.path if one not in here or one in named]
    return PathFinder.find_spec(module, places) or find_spec(module)


def misplaced(module: str, package: str) -> str | None:
    """Where Python finds `module` if that is not the installed `package`'s own: something else's path, "" for nowhere.

    None if nothing is wrong, or the package is not installed.
    """
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        return None
    own = f"{module}/__init__.py"
    # Not by `files`, which leaves out what is gone since Python 3.12.
    if not any(line.startswith(f"{own},") for line in (installed.read_text("RECORD") or "").splitlines()):
        return None
    spec = found_outside(module)
    found = (spec and spec.origin) or ""
    return None if found and Path(found).resolve() == Path(str(installed.locate_file(own))).resolve() else found


def diagnose(
    version_of: VersionOf = installed_version,
    exists: Callable[[str], bool] = module_exists,
    python: tuple[int, ...] = sys.version_info[:2],
) -> list[str]:
    """What is wrong with the installed packages, one line with the remedy each; empty if nothing is."""
    return [
        *toolkit_problems(version_of, python),
        *opencv_problems(version_of),
        *(
            f"module '{name}' is missing: pip install -e '.[vot]' in this environment"
            for name in ("cv2", "numpy", "torch")
            if not exists(name)
        ),
    ]


def toolkit_problems(
    version_of: VersionOf = installed_version, python: tuple[int, ...] = sys.version_info[:2]
) -> list[str]:
    """What keeps the VOT toolkit from evaluating, one line with the remedy each."""
    return [
        *_check_toolkit(version_of("vot-toolkit")),
        *_check_attributee(version_of("attributee"), python),
        *(_check_trax(version_of("trax"), version_of("vot-trax")) or _check_module("trax", "vot-trax", TRAX)),
        *_check_module("vot", "vot-toolkit", TOOLKIT),
    ]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _check_toolkit(found: str | None) -> list[str]:
    if found is None:
        return [f"the VOT toolkit is not installed: pip install vot-toolkit=={TOOLKIT} attributee=={ATTRIBUTEE}"]
    if _numbers(found) >= (0, 8):
        return [
            f"vot-toolkit {found} cannot run the supervised and multistart experiments of VOT2013 to 2022: "
            f"pip install vot-toolkit=={TOOLKIT} attributee=={ATTRIBUTEE}"
        ]
    return []


def _check_attributee(found: str | None, python: tuple[int, ...]) -> list[str]:
    if found is None:
        return [f"attributee is not installed, which the VOT toolkit needs: pip install attributee=={ATTRIBUTEE}"]
    if _numbers(found) >= (0, 1, 10) and python >= (3, 11):
        return [
            f"attributee {found} makes `import vot` fail on Python 3.11 and newer: pip install attributee=={ATTRIBUTEE}"
        ]
    return []


def _check_trax(wrong: str | None, right: str | None) -> list[str]:
    reinstall = f"pip install --force-reinstall --no-deps vot-trax=={TRAX}"
    if wrong is not None:
        return [f"the package trax {wrong} is a deep-learning library, not TraX: pip uninstall -y trax && {reinstall}"]
    if right is None:
        return [f"the TraX bindings are not installed: pip install vot-trax=={TRAX}"]
    if _numbers(right) < (4, 0, 2):
        return [f"vot-trax {right} is older than what this project was tested with: {reinstall}"]
    return []


def _check_module(module: str, package: str, wanted: str) -> list[str]:
    if (found := misplaced(module, package)) is None:
        return []
    reinstall = f"pip install --force-reinstall --no-deps {package}=={wanted}"
    if not found:
        return [f"{package} is installed, but its module '{module}' is gone: {reinstall}"]
    return [f"`import {module}` finds {found} and not {package}: rename or remove that; if it still fails, {reinstall}"]


def opencv_problems(version_of: VersionOf = installed_version) -> list[str]:
    """A line where several builds of OpenCV are installed: they write the same files."""
    if len(found := [name for name in OPENCV if version_of(name)]) > 1:
        return [
            f"{' and '.join(found)} overwrite each other: pip uninstall -y {' '.join(found)} && "
            "pip install opencv-python"
        ]
    return []


def diagnose_workspace(folder: Path) -> list[str]:
    """What would stop an evaluation in a workspace; one line with the remedy each."""
    from vot_workspace.workspace import Workspace, letters_problem  # needs yaml, which a broken installation may lack

    try:
        workspace = Workspace(folder)
        workspace.experiments  # noqa: B018 (raises if the stack cannot be read)
        problems = [problem for name in workspace.trackers for problem in _check_entry(name, workspace.tracker(name))]
    except SamnError as error:
        return [str(error)]
    with suppress(SamnError):  # which `require_images` tells
        problems += [problem] if (problem := letters_problem(folder, workspace.names)) else []
    if not workspace.trackers:
        problems.append(f"{folder / 'trackers.ini'} has no tracker: samn vot create makes one that has")
    try:
        workspace.require_images()  # raises also if the data cannot be read
    except SamnError as error:
        problems.append(str(error))
    return problems


def _check_entry(name: str, entry: dict[str, str]) -> list[str]:
    command = entry.get("command", "")
    problems = []
    if "timeout" not in entry:
        problems.append(f"[{name}] has no timeout, so a slow frame ends it after 30 s: add `timeout = 120`")
    if entry.get("protocol") == "traxpython" and command.endswith(".py"):
        problems.append(f"[{name}] protocol traxpython takes a module's name, not the file {command}: write the module")
    if entry.get("protocol") == "trax" and command and shutil.which(shlex.split(command)[0]) is None:
        problems.append(f"[{name}] the program {shlex.split(command)[0]} does not exist: write an absolute path")
    if entry.get("protocol") == "trax" and command and not Path(shlex.split(command)[0]).is_absolute():
        problems.append(f"[{name}] runs in a temporary folder: write the program's absolute path in `command`")
    return problems


def first_regions_are_safe(formats: list[str]) -> list[str]:
    """What a TraX server's declared region formats risk; empty if it takes polygons itself."""
    if formats == ["mask"]:
        return [
            "a server that declares only `mask` gets wrong, often empty first masks from polygon ground truth "
            "(libtrax 4.0.2): declare rectangle, polygon and mask, as samn-trax does"
        ]
    return []


def main(argv: list[str] | None = None) -> int:
    """Command line of `samn vot doctor`."""
    parser = argparse.ArgumentParser(prog="samn vot doctor", description=__doc__)
    parser.add_argument("workspace", type=Path, nargs="?", help="also look at this workspace")
    parser.add_argument(
        "--start", metavar="TRACKER", help="also start this entry of the workspace, and let it begin on a real frame"
    )
    given = parser.parse_args(argv)
    problems = diagnose()
    if given.workspace and not problems:
        problems += diagnose_workspace(given.workspace)
    if given.start and given.workspace and not problems:
        from vot_workspace.doctor_start import region_formats, try_first_frame

        problems += first_regions_are_safe(region_formats(given.workspace, given.start))
        try_first_frame(given.workspace, given.start)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"nothing wrong found (vot-toolkit {installed_version('vot-toolkit')}, Python {sys.version.split()[0]})")
    return 1 if problems else 0
