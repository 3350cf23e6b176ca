"""Completion of `samn` in a shell. Put one line into your shell's start-up file:

bash:  eval "$(samn completion bash)"
zsh:   eval "$(samn completion zsh)"     after compinit
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from samn_tracker.app import doctor, report, score, track

RUNNER_COMMANDS = ("run", "pack", "lint", "score", "show")
SUBCOMMANDS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("got10k", "trackingnet", "davis", "vos", "ope"), RUNNER_COMMANDS),
    "vot": ("create", "run", "check", "score", "pack", "export", "doctor", "demo"),
    "weights": ("list", "info", "verify", "convert", "describe", "average", "export"),
    "bench": ("accuracy", "agreement", "backends", "cuda", "recovery"),
    "train": ("pack", "preview", "export", "timed"),
    "completion": ("bash", "zsh"),
}

_BASH = """_samn() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="{commands}"; else
    case "${{COMP_WORDS[1]}} $COMP_CWORD $word" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _samn samn
"""


def script(shell: str, commands: Sequence[str]) -> str:
    """The text that `shell` ("bash" or "zsh") evaluates to complete `commands`, their subcommands and options.

    Where nothing fits, files are offered. zsh reads bash's completion through its own bashcompinit.
    """
    cases = [
        f'      "{name} 2 "*) words="{" ".join(SUBCOMMANDS[name])}" ;;' for name in commands if name in SUBCOMMANDS
    ]
    cases += [f'      "{name} "*" -"*) words="{" ".join(_options(one))}" ;;' for name, one in _PARSERS.items()]
    text = _BASH.format(commands=" ".join([*commands, "help"]), cases="\n".join(cases))
    return text if shell == "bash" else "autoload -Uz bashcompinit && bashcompinit\n" + text


def main(argv: Sequence[str] | None = None) -> int:
    """Run `samn completion bash|zsh`; returns the exit code."""
    from samn_tracker.cli import COMMANDS

    parser = argparse.ArgumentParser(
        prog="samn completion", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shell", choices=("bash", "zsh"))
    print(script(parser.parse_args(argv).shell, list(COMMANDS)), end="")
    return 0


_PARSERS = {
    "track": track.parser(),
    "score": score.parser(),
    "report": report.parser(),
    "doctor": doctor.parser(),
}


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [text for action in parser._actions for text in action.option_strings if text.startswith("--")]


if __name__ == "__main__":
    sys.exit(main())
