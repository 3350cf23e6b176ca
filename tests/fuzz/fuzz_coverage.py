"""Let coverage lead the damage: `pip install atheris`, then `python tests/fuzz/fuzz_coverage.py --inputs 100000`.

Where fuzz_campaign.py damages valid inputs blindly, libFuzzer keeps every input that reaches code no other has reached,
and damages it further. Each reader has a process of its own. Prints a table of inputs and of branches reached; exits
with 1 if anything but an answer or one of our errors came back.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Ours, and the readers in Python below ours, apart from torch: naming a module of it instruments all of it.
_FOLLOWED = ["samn_tracker", "vot_workspace", "zipfile", "tomllib"]
_LONGEST = 8192
_MOST_MEMORY_MB = 2048
_SLOWEST_SECONDS = 10.0
# Beside the limit of the processor's time, for what Python cannot stop.
_HANG_SECONDS = 120
_COUNTED = re.compile(r"number_of_executed_units:\s*(\d+)")
_BRANCHES = re.compile(r"\bcov: (\d+)")
_RAISED = re.compile(r"Uncaught Python exception: ===\s*\n(.*)")
_ENDED = re.compile(r"libFuzzer: (.*)")
_BYTES = re.compile(r"Base64: (\S+)")


@dataclass(frozen=True)
class Guided:
    """What became of a reader's inputs; `crash` is empty, or says what came back, and for which input."""

    inputs: int
    branches: int
    crash: str


def guided(reader: str, inputs: int, seed: int, folder: Path) -> Guided:
    """Fuzz one reader in a process of its own, which may use `folder`."""
    line = [sys.executable, __file__, "--in-this-process", reader, "--folder", str(folder)]
    line += ["--inputs", str(inputs), "--seed", str(seed)]
    ended = subprocess.run(line, capture_output=True, text=True, errors="replace", check=False)
    return from_log(ended.stderr, ended.returncode)


def from_log(log: str, code: int) -> Guided:
    """What libFuzzer said."""
    counted, branches = _COUNTED.findall(log), _BRANCHES.findall(log)
    crash = ""
    if code:
        what = _RAISED.findall(log) or _ENDED.findall(log) or [f"exit code {code}", *log.splitlines()[-1:]]
        crash = " ".join(what) + "".join(f", base64 {one}" for one in _BYTES.findall(log))
    return Guided(int(counted[-1]) if counted else 0, int(branches[-1]) if branches else 0, crash)


def fuzz_in_this_process(reader: str, inputs: int, seed: int, folder: Path) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=_FOLLOWED):  # so nothing of them may be imported before
        from fuzz_campaign import limited
        from fuzz_parsers import all_parsers

    from samn_tracker.errors import SamnError

    for name in ("corpus", "files"):
        (folder / name).mkdir()
    (parser,) = (one for one in all_parsers(folder) if one.name == reader)
    for index, data in enumerate(parser.seeds):
        (folder / "corpus" / str(index)).write_bytes(data)

    def feed(data: bytes) -> None:
        try:
            with limited(_SLOWEST_SECONDS):
                parser.parse(data, folder / "files")
        except SamnError:
            pass

    options = {"runs": inputs, "seed": seed + 1, "max_len": _LONGEST, "timeout": _HANG_SECONDS}  # 0 would be any seed
    options |= {"rss_limit_mb": _MOST_MEMORY_MB, "print_final_stats": 1, "len_control": 0}
    flags = [f"-{key}={value}" for key, value in options.items()]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={folder}/", str(folder / "corpus")], feed)
    atheris.Fuzz()


def campaign(inputs: int, seed: int, only: list[str]) -> dict[str, Guided]:
    """Fuzz every reader (or those named), each in a folder of its own; progress on stderr."""
    from fuzz_campaign import fast_folder
    from fuzz_parsers import all_parsers

    found = {}
    with tempfile.TemporaryDirectory(dir=fast_folder()) as root:
        names = [parser.name for parser in all_parsers(Path(root))]
        for index, name in enumerate(names):
            if not only or name in only:
                (folder := Path(root) / str(index)).mkdir()
                found[name] = guided(name, inputs, seed, folder)
                print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, Guided]) -> str:
    """A line a reader, and its crash below it."""
    lines = [f"{'parser':<30}{'inputs':>10}{'branches':>10}{'crashes':>9}"]
    for name, one in found.items():
        lines.append(f"{name:<30}{one.inputs:>10}{one.branches:>10}{1 if one.crash else 0:>9}")
        lines += [f"    {one.crash}"] if one.crash else []
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the campaign; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="for each parser")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--in-this-process", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.in_this_process:
        fuzz_in_this_process(arguments.in_this_process, arguments.inputs, arguments.seed, arguments.folder)
    found = campaign(arguments.inputs, arguments.seed, arguments.only)
    print(table(found))
    return 1 if any(one.crash for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
