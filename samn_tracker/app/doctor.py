"""What is installed, what works here, and what to do about what does not.

Exit codes: 0 everything needed is there; 1 something needed is missing or broken; 2 wrong command line.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from samn_tracker.app.selection import display_problem
from samn_tracker.app.video import require_av
from samn_tracker.errors import EnvironmentProblemError, SamnError
from samn_tracker.files import sha256
from samn_tracker.shipped import SHIPPED_WEIGHTS, shipped_hashes
from vot_workspace.doctor import OPENCV, installed_version, opencv_problems, toolkit_problems

OK, OPTIONAL, FAULT = "ok", "missing", "fault"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `state` is "ok", "missing" (something optional) or "fault"."""

    subject: str
    state: str
    words: str


def examine() -> list[Finding]:
    """Everything `samn doctor` looks at, in order."""
    return [
        Finding("python", OK, f"{platform.python_version()} on {platform.platform()}"),
        *packages(),
        *opencv(),
        device(),
        *weights(),
        video(),
        display(),
        *vot(),
    ]


def packages() -> list[Finding]:
    """The packages that the installed metadata of this project asks for, those of extras as optional."""
    found = []
    for name, extra in _requirements():
        try:
            found.append(Finding(name, OK, version(name)))
        except PackageNotFoundError:
            if name == "opencv-python" and find_spec("cv2"):
                builds = [f"{build} {number}" for build in OPENCV if (number := installed_version(build))]
                found.append(Finding(name, OK, f"{' and '.join(builds) or 'cv2 of another package'} in its place"))
            elif extra is None:
                found.append(Finding(name, FAULT, "not installed; run `pip install samn-tracker` again"))
            elif extra != "dev":
                words = f"not installed; needed for the extra {extra}: `pip install 'samn-tracker[{extra}]'`"
                found.append(Finding(name, OPTIONAL, words))
    return found


def opencv() -> list[Finding]:
    """A fault where several builds of OpenCV are installed: they write the same files."""
    return [Finding("opencv", FAULT, problem) for problem in opencv_problems()]


def device() -> Finding:
    """What `--device auto` would use."""
    try:
        import torch
    except ImportError as error:
        words = f"torch cannot be loaded ({error}), so nothing of ours tracks; scores and reports work"
        return Finding("device", FAULT, words)
    if not torch.cuda.is_available():
        from samn_tracker.runtime.openvino_package import why_unusable

        reason = why_unusable()
        by = f"by torch, as {reason}" if reason else "by OpenVINO"
        return Finding("device", OK, f"cpu, {torch.get_num_threads()} threads, {by}; torch sees no CUDA device")
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return Finding("device", OK, f"cuda: {names}")


def weights() -> list[Finding]:
    """Each shipped weights file: as it was shipped, and complete as far as torch is there to load it."""
    files = sorted(SHIPPED_WEIGHTS.glob("*.safetensors"))
    if not files:
        return [Finding("weights", FAULT, f"none in {SHIPPED_WEIGHTS}; reinstall the package")]
    listed = shipped_hashes(SHIPPED_WEIGHTS) if (SHIPPED_WEIGHTS / "SHA256SUMS").is_file() else {}
    found = []
    for path in files:
        digest = sha256(path)
        if problem := _loading_problem(path):
            found.append(Finding(path.name, FAULT, problem))
        elif digest != listed.get(path.name):
            found.append(Finding(path.name, FAULT, f"sha256 {digest}, another was listed; reinstall the package"))
        else:
            found.append(Finding(path.name, OK, f"sha256 {digest}"))
    return found


def _loading_problem(path: Path) -> str | None:
    """Why the weights cannot be loaded; None where they can, or torch is not there to try."""
    try:
        import_module("samn_tracker.model.weights").load_weights(path)
    except SamnError as error:
        return str(error)
    except ImportError:
        return None
    return None


def video() -> Finding:
    """Whether video files can be read and H.264 written."""
    try:
        av = require_av()
    except EnvironmentProblemError as error:
        return Finding("video", OPTIONAL, str(error))
    if "libx264" not in av.codecs_available:
        words = "this PyAV has no libx264, so no overlay video can be written; install PyAV from a wheel"
        return Finding("video", OPTIONAL, words)
    return Finding("video", OK, f"FFmpeg libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}, libx264")


def display() -> Finding:
    """Whether the first box can be drawn with the mouse."""
    if problem := display_problem():
        return Finding("display", OPTIONAL, f"{problem}; give `samn track` a --box, --polygon or --mask")
    return Finding("display", OK, "windows can be opened")


def vot() -> list[Finding]:
    """The traps around the VOT toolkit, where it is installed."""
    if find_spec("vot") is None and find_spec("trax") is None:
        return [Finding("vot", OPTIONAL, "the VOT toolkit is not installed: `pip install 'samn-tracker[vot]'`")]
    return [Finding("vot", FAULT, problem) for problem in toolkit_problems()] or [Finding("vot", OK, "no known trap")]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn doctor`; returns the exit code."""
    arguments = parser().parse_args(argv)
    found = examine()
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], indent=1))
    else:
        width = max(len(one.subject) for one in found)
        print("\n".join(f"{one.state:<8} {one.subject:<{width}}  {one.words}" for one in found))
    return 1 if any(one.state == FAULT for one in found) else 0


def parser() -> argparse.ArgumentParser:
    """The command line of `samn doctor`."""
    result = argparse.ArgumentParser(
        prog="samn doctor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--json", action="store_true", help="print one JSON array to stdout")
    return result


def _requirements() -> list[tuple[str, str | None]]:
    """(distribution, extra or None) of everything that the installed metadata asks for on this Python."""
    try:
        texts = requires("samn-tracker") or []
    except PackageNotFoundError:
        return []
    found = []
    for text in texts:
        name = re.match(r"[\w.-]+", text)
        extra = re.search(r"extra == ['\"]([\w-]+)", text)
        older = re.search(r"python_version < ['\"]3\.(\d+)", text)
        if name and not (older and sys.version_info >= (3, int(older[1]))):
            found.append((name[0], extra[1] if extra else None))
    return found


if __name__ == "__main__":
    sys.exit(main())
