"""The VOT toolkit's `trackers.ini`, read as the toolkit reads it."""

from __future__ import annotations

import configparser
from pathlib import Path

from samn_tracker.errors import ConfigError

_SHOWN = 120


def read_registry(path: Path) -> dict[str, dict[str, str]]:
    """The entries by name, each a table of texts whose keys are as written; a percent sign is written twice.

    Raises:
        ConfigError: it is missing, or is something else.
    """
    registry = configparser.ConfigParser()
    registry.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        if not registry.read(path, encoding="utf-8"):
            raise ConfigError(f"there is no file {path}; give the path of a trackers.ini")
        return {name: dict(registry[name]) for name in registry.sections()}
    except (configparser.Error, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())[:_SHOWN]
        raise ConfigError(f"{path} is not a trackers.ini: {text}") from None
