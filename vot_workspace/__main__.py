"""`samn vot COMMAND`, also as `python -m vot_workspace COMMAND`."""

from __future__ import annotations

import sys
from importlib import import_module

from samn_tracker.program import run_program

COMMANDS = {
    "create": "a ready workspace from a folder of sequences, or from the toolkit's download",
    "run": "evaluate a tracker with the VOT toolkit, check, and run what is missing or damaged again",
    "check": "is every result there and sound?",
    "score": "accuracy, robustness and EAO as the VOT toolkit and as pysot compute them",
    "pack": "check, then `vot pack`",
    "export": "results from one format to another",
    "doctor": "find what is wrong with the installation",
    "demo": "generated sequences, both kinds of rules, tables and pictures",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Exit codes: 0 done, 1 something is wrong with input, results or installation, 2 usage, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in COMMANDS:
        wanted = bool(arguments) and arguments[0] in ("-h", "--help")
        lines = "\n".join(f"  {name:<8} {text}" for name, text in COMMANDS.items())
        usage = f"usage: samn vot COMMAND ...\n\n{lines}\n\nCOMMAND --help explains a command."
        print(usage, file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    module = f"vot_workspace.{arguments[0]}"
    return run_program(f"samn vot {arguments[0]}", lambda: import_module(module).main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main())
