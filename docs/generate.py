"""Pages made from the code while the documentation is built: settings, command lines, model cards.

mkdocs loads this file as a hook; the tests read `help_texts` to check the options that the documentation names.
"""

from __future__ import annotations

import argparse
import inspect
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from samn_tracker.cli import COMMANDS
from samn_tracker.core.config import SAMN_LITE, SAMN_R50
from samn_tracker.settings import NONE
from samn_tracker.train.config import SetConfig, TrainConfig

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

WEIGHTS = Path(__file__).resolve().parents[1] / "samn_tracker" / "weights"
_HELP_WIDTH = "110"
_OTHERS = {
    ("samn-trax",): "samn_tracker.trax.server",
}
_WORDS_OF_OWN = {"samn_tracker.train.__main__": ("pack", "preview", "export")}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """mkdocs' hook: add the generated pages."""
    from mkdocs.structure.files import File

    pages = {
        "reference/commands.md": commands_page(),
        "reference/configuration.md": tracker_settings_page(),
        "reference/training-configuration.md": training_settings_page(),
        "models.md": models_page(),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def commands_page() -> str:
    """The help of every command."""
    parts = ["# Command lines", "The help of every command, as `--help` prints it. See [exit codes](../exit-codes.md)."]
    for words, text in help_texts().items():
        level = "##" if len(words) == 1 or words[:-1] == ("samn",) else "###"
        parts.append(f"{level} {' '.join(words)}\n\n```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def help_texts() -> dict[tuple[str, ...], str]:
    """Help by command, for instance ("samn", "got10k", "run"), in the order of `samn --help`."""
    with _fixed_width():
        return {words: parser.format_help() for words, parser in _all_parsers()}


def _all_parsers() -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    for name, (module_name, _) in COMMANDS.items():
        module = import_module(module_name)
        words_of_own = _WORDS_OF_OWN.get(module_name, tuple(getattr(module, "COMMANDS", ())))
        for words in ((), *((word,) for word in words_of_own)):
            for more, parser in _parsers(module.main, words):
                yield ("samn", name, *words, *more), parser
    for words, module_name in _OTHERS.items():
        for more, parser in _parsers(import_module(module_name).main, ()):
            yield (*words, *more), parser


class _Captured(BaseException):
    """Carries the parser out of a `main` that has just built it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def _parsers(main: Any, words: Sequence[str]) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """The parser that `main(words)` uses, and those of its subcommands with their words; none if it needs a word."""
    with _capturing(), redirect_stderr(io.StringIO()):
        try:
            main(list(words))
        except _Captured as captured:
            found = captured.parser
        else:
            return
    yield (), found
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from (((word,), parser) for word, parser in action.choices.items())


@contextmanager
def _capturing() -> Iterator[None]:
    """Within it, every command line stops where it would parse its words."""

    def stop(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        raise _Captured(parser)

    parse = argparse.ArgumentParser.parse_args
    argparse.ArgumentParser.parse_args = stop  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        argparse.ArgumentParser.parse_args = parse  # type: ignore[method-assign]


@contextmanager
def _fixed_width() -> Iterator[None]:
    """Within it, help is as wide as a page of the documentation, whatever the terminal is."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _HELP_WIDTH
    try:
        yield
    finally:
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns


def tracker_settings_page() -> str:
    """Every setting of the tracker with its value in both variants."""
    parts = [
        "# Settings of the tracker",
        "A setting is written `section.key=value`: `--set appearance.interval=10` on a command line, "
        '`load_tracker("samn-lite", overrides={"appearance.interval": 10})` in Python, `env_SAMN_SET = ...` in '
        "`trackers.ini`. An unknown key or an impossible value is an error that lists what exists. Sections and "
        "equations refer to the [method](../method.md). The `model` section belongs to a weights file and cannot be "
        "changed for it.",
    ]
    parts += _sections((SAMN_R50, SAMN_LITE), ("samn-r50", "samn-lite"))
    return "\n\n".join(parts) + "\n"


def training_settings_page() -> str:
    """Every setting of a training run."""
    parts = [
        "# Settings of training",
        "The keys of a `samn train` configuration (TOML), and of `--set`. See [how to train](../how-to/train.md).",
        "## top level",
        *_table((TrainConfig(),), ("default",)),
        *_sections((TrainConfig(),), ("default",)),
        "## [[sets]]",
        *_table((SetConfig(),), ("default",)),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(variants: Sequence[Any], titles: Sequence[str]) -> list[str]:
    parts: list[str] = []
    for item in fields(variants[0]):
        values = [getattr(variant, item.name) for variant in variants]
        if is_dataclass(values[0]):
            parts += [f"## {item.name}", *_table(values, titles)]
    return parts


def _table(configs: Sequence[Any], titles: Sequence[str]) -> list[str]:
    """The docstring's own words, and a row for each field that is no section."""
    words, meanings = _docstring(type(configs[0]))
    hints = get_type_hints(type(configs[0]))
    rows = [f"| setting | {' | '.join(titles)} | meaning |", f"| --- |{' --- |' * len(titles)} --- |"]
    for item in fields(configs[0]):
        values = [getattr(config, item.name) for config in configs]
        if not is_dataclass(values[0]) and item.name != "sets":
            shown = " | ".join(_shown(value) for value in values)
            meaning = _with_choices(meanings.get(item.name, ""), hints[item.name])
            rows.append(f"| `{item.name}` | {shown} | {meaning} |")
    return [words, "\n".join(rows)]


def _docstring(kind: type) -> tuple[str, dict[str, str]]:
    """The text before `Attributes:`, and the meaning of each attribute that is described there."""
    text, _, described = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(described).splitlines():
        if line.startswith(" "):
            meanings |= {name: f"{meanings[name]} {line.strip()}" for name in names}
        elif line:
            listed, _, meaning = line.partition(":")
            names = [name.strip() for name in listed.split(",")]
            meanings |= dict.fromkeys(names, meaning.strip())
    return text.strip(), {name: meaning.rstrip(".") for name, meaning in meanings.items()}


def _with_choices(meaning: str, hint: Any) -> str:
    """The meaning, with the possible values where it does not name them all itself."""
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    if all(f'"{one}"' in meaning for one in choices):
        return meaning
    return f"{meaning} ({', '.join(f'`{one}`' for one in choices)})".strip()


def _shown(value: Any) -> str:
    if value is None:
        return f"`{NONE}`"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`"
    return f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`" if value != "" else "empty"


def models_page() -> str:
    """The model cards beside the shipped weights."""
    cards = [path.read_text(encoding="utf-8").strip() for path in sorted(WEIGHTS.glob("*.md"))]
    if not cards:
        cards = ["No weights are in this checkout. See [weights](how-to/weights.md) for those of the paper."]
    return "\n\n".join(["# Model cards", *_demoted(cards)]) + "\n"


def _demoted(cards: Sequence[str]) -> Iterator[str]:
    """The cards with every heading one level lower, so that the page has one title."""
    for card in cards:
        lines, in_code = [], False
        for line in card.splitlines():
            in_code ^= line.startswith("```")
            lines.append(f"#{line}" if line.startswith("#") and not in_code else line)
        yield "\n".join(lines)
