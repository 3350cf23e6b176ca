"""The `samn` command: one word picks a program, which reads the rest of the line itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from samn_tracker import __version__
from samn_tracker.program import run_program

# command -> (module with a main(argv) -> exit code, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "track": ("samn_tracker.app.track", "your own video: a file, images or a camera; overlay video, masks, boxes"),
    "studio": ("samn_tracker.studio.command", "mark, track and correct objects of your video on a page in the browser"),
    "got10k": ("got10k_runner.__main__", "GOT-10k: run, pack, lint, score, show"),
    "trackingnet": ("trackingnet_runner.__main__", "TrackingNet: run, pack, lint, score, show"),
    "davis": ("davis_runner.__main__", "DAVIS 2016 and 2017: run, pack, lint, score, show"),
    "vos": ("vos_runner.__main__", "YouTube-VOS 2018 and 2019, MOSE, LVOS: run, pack, lint, score, show"),
    "ope": (
        "ope_runner.__main__",
        "OTB, UAV123, NfS, LaSOT, TC128, DTB70, TNL2K, AVisT: run, pack, lint, score, show",
    ),
    "vot": ("vot_workspace.__main__", "VOT: create, run, check, score, pack, export, doctor, demo"),
    "score": ("samn_tracker.app.score", "score any results against ground truth, with the benchmark's own scorer"),
    "report": ("samn_tracker.app.report", "compare runs: one HTML file, plots, LaTeX tables"),
    "bench": ("samn_tracker.bench.__main__", "speed and memory on this machine, as ratios to the authors' schedule"),
    "train": ("samn_tracker.train.__main__", "train a model from a TOML file"),
    "regress": ("samn_tracker.regress.__main__", "run the cached cases again and say what moved"),
    "weights": ("samn_tracker.app.weights", "list, info, verify, convert, export weights"),
    "doctor": ("samn_tracker.app.doctor", "what is installed, what works here, and what to do about the rest"),
    "completion": ("samn_tracker.app.completion", "shell completion: bash, zsh"),
}

_REPORTED = ("got10k", "trackingnet", "davis", "ope", "vos", "vot")
"""`samn ope report RUN ...` is `samn report RUN ... --benchmark ope`."""

EXIT_CODES = "exit codes: 0 done; 1 input, a result or the installation is wrong; 2 wrong command line; 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 something was wrong with the input or a result, 2 wrong command line."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in COMMANDS:
        return run_program("samn", lambda: _without_command(arguments))
    if arguments[0] in _REPORTED and arguments[1:2] == ["report"]:
        arguments = ["report", *arguments[2:], "--benchmark", arguments[0]]
    module = COMMANDS[arguments[0]][0]
    return run_program(f"samn {arguments[0]}", lambda: import_module(module).main(arguments[1:]))


def _without_command(arguments: Sequence[str]) -> int:
    """Help, the version, or what is wrong with the first word."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        print(f"samn {__version__}")
        return 0
    near = get_close_matches(arguments[0], COMMANDS, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    print(f"samn: unknown command {arguments[0]!r}; {hint}`samn --help` lists all", file=sys.stderr)
    return 2


def _usage() -> str:
    lines = [f"  {name:<12} {description}" for name, (_, description) in COMMANDS.items()]
    return (
        "usage: samn COMMAND ...\n\n"
        + "\n".join(lines)
        + "\n\n`samn COMMAND --help` explains a command.\n"
        + EXIT_CODES
    )


if __name__ == "__main__":
    sys.exit(main())
