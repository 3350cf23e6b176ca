"""Frozen dataclasses of settings, whatever they are for: replaced by key, read from TOML, written to it."""

from __future__ import annotations

import argparse
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import tomli_w

from samn_tracker.errors import ConfigError
from samn_tracker.files import write_atomic

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NONE = "none"
"""How None is written in TOML, JSON and on command lines."""

Config = TypeVar("Config", bound="DataclassInstance")
_BOUNDS = "bounds"


class _Bounds(NamedTuple):
    """Of the whole numbers that a setting may be."""

    low: int
    high: int
    step: int

    def check(self, value: int) -> None:
        """Raise ValueError that says which numbers are allowed, if `value` is not one of them."""
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {self.low} to {self.high}")
        if value % self.step:
            below = value - value % self.step
            raise ValueError(f"must be a multiple of {self.step}, for instance {max(below, self.low)}")


def bounded(default: int, low: int, high: int, step: int = 1) -> Any:
    """A field of a configuration; `merge` refuses values outside of low..high, and those not a multiple of `step`."""
    return field(default=default, metadata={_BOUNDS: _Bounds(low, high, step)})


def merge(config: Config, values: Mapping[str, Any], prefix: str = "") -> Config:
    """A copy of the (nested) frozen dataclass `config` with `values` replaced.

    Raises:
        ConfigError: lists every unknown key and every value that does not fit.
    """
    faults: list[str] = []
    result = merge_noting(config, values, faults, prefix)
    if faults:
        raise ConfigError("; ".join(faults))
    return result


def merge_noting(config: Config, values: Mapping[str, Any], faults: list[str], prefix: str = "") -> Config:
    """As `merge`, with what does not fit left out and added to `faults`."""
    hints = typing.get_type_hints(type(config))
    known: dict[str, _Bounds | None] = {f.name: f.metadata.get(_BOUNDS) for f in fields(config)}
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            faults.append(f"unknown setting '{prefix}{key}' (known: {', '.join(known)})")
            continue
        if is_dataclass(hints[key]):
            if isinstance(value, Mapping):
                changes[key] = merge_noting(getattr(config, key), value, faults, f"{prefix}{key}.")
            else:
                faults.append(f"'{prefix}{key}' is a section, not a value; set its keys")
            continue
        try:
            converted = _convert(value, hints[key])
            bounds = known[key]
            if bounds is not None and converted is not None:
                bounds.check(converted)
            changes[key] = converted
        except (TypeError, ValueError) as error:
            faults.append(f"'{prefix}{key}' = {value!r}: {error}")
    return replace(config, **changes)


def _convert(value: Any, hint: Any) -> Any:
    """`value` as the annotated type `hint`; text is parsed, nothing else changes type except int to float.

    Where a setting may be None, the text "none" says so: TOML has no other word for it.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        (kind,) = (one for one in arguments if one is not type(None))
        return None if value in (None, NONE) else _convert(value, kind)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"must be one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else list(value)
        hints = [arguments[0]] * len(items) if arguments[-1] is Ellipsis else list(arguments)
        if len(items) != len(hints):
            raise ValueError(f"needs {len(hints)} values")
        return tuple(_convert(item, one) for item, one in zip(items, hints, strict=True))
    if hint is bool:
        text = str(value).lower()
        if text not in ("true", "false", "1", "0"):
            raise ValueError("must be true or false")
        return text in ("true", "1")
    if hint in (int, float):
        return _number(value, hint)
    if hint is str and isinstance(value, str):
        return value
    raise TypeError(f"a field of type {hint} cannot be configured")


def _number(value: Any, kind: type[int] | type[float]) -> int | float:
    """The value or its text as an int or float; neither True for 1, nor 2.5 for a whole number, nor NaN."""
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
    except (TypeError, ValueError):
        raise ValueError("must be a whole number" if kind is int else "must be a number") from None
    if number != number:
        raise ValueError("must be a number")
    return number


def key_values(pairs: Iterable[str]) -> dict[str, str]:
    """{"appearance.interval": "10"} of ["appearance.interval=10"], as command lines give settings; a later one counts.

    Raises:
        ConfigError: lists every text that is not KEY=VALUE.
    """
    parts = {pair: [part.strip() for part in pair.partition("=")] for pair in pairs}
    faults = [repr(pair) for pair, (key, equals, _) in parts.items() if not (key and equals)]
    if faults:
        raise ConfigError(f"settings {', '.join(faults)}: write KEY=VALUE, for instance appearance.interval=10")
    return {key: value for key, _, value in parts.values()}


def add_settings(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Give `parser` a repeatable `--set KEY=VALUE`, for `key_values`; other texts make a wrong command line (2)."""
    parser.add_argument("--set", action="append", type=_key_value, default=[], metavar="KEY=VALUE", help=help_text)


def add_behaviour(parser: argparse.ArgumentParser, help_text: str) -> None:
    """`add_settings`, and what decides which settings there are to change, or whether to track at all.

    These options add to the same list: `--preset published` is `preset=published`.
    """
    add_settings(parser, help_text)
    parser.add_argument(
        "--preset",
        dest="set",
        action="append",
        type="preset={}".format,
        metavar="NAME",
        help="track by the rules of a preset, not by those of the weights file: published, paper, samn-r50, samn-lite",
    )
    parser.add_argument(
        "--training-weights",
        dest="set",
        action="append_const",
        const="training_weights=true",
        help="track even with weights that only start a training, such as STM's",
    )


def _key_value(text: str) -> str:
    try:
        key_values([text])
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def to_dict(config: Any) -> dict[str, Any]:
    """The (nested) dataclass as plain dictionaries and lists, ready for TOML or JSON; None becomes "none"."""
    return {item.name: _plain(getattr(config, item.name)) for item in fields(config)}


def _plain(value: Any) -> Any:
    if value is None:
        return NONE
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return to_dict(value) if is_dataclass(value) else value


def read_toml(path: str | Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        ConfigError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def save_toml(config: Any, path: str | Path) -> None:
    """Write every field of `config` to a TOML file."""
    write_atomic(Path(path), tomli_w.dumps(to_dict(config)))
