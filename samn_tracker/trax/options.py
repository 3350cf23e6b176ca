"""Options of the TraX server.

Each has three names; a later one wins: an environment variable (`env_*` in trackers.ini), an option of the command
line, an init property (`arg_*` in trackers.ini).

- `SAMN_TRACKER`, `--tracker`, `samn_tracker`: samn-lite, opencv-mil, package.module:factory, ...
- `SAMN_DEVICE`, `--device`, `samn_device`: auto, cpu, cuda.
- `SAMN_REPLY`, `--reply`, `samn_reply`: rectangle, polygon, mask, or init: the kind of the initial region.
- `SAMN_OBJECTS`, `--objects`, `samn_objects`: one, or several (VOTS): all begin together, a mask of each is answered.
- `SAMN_PRESET`, `--preset`, `samn_preset`: published, paper or another preset instead of the weights file's own rules.
- `SAMN_SET`, `--set`, `samn_set`: tracker settings, for instance appearance.interval=10,dynamic.weighting=none.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from samn_tracker.errors import ConfigError
from samn_tracker.settings import key_values

REGION_KINDS = ("rectangle", "polygon", "mask")


@dataclass(frozen=True)
class Options:
    """What the server runs and how it answers."""

    tracker: str = "samn-lite"
    device: str = "auto"
    reply: str = "init"
    preset: str = ""
    set: str = ""
    objects: str = "one"

    def __post_init__(self) -> None:
        if self.reply not in (*REGION_KINDS, "init"):
            raise ConfigError(f"reply '{self.reply}' is unknown; use one of {', '.join(REGION_KINDS)} or init")
        if self.objects not in ("one", "several"):
            raise ConfigError(f"objects '{self.objects}' is unknown; use one or several")
        if self.several and self.reply not in ("mask", "init"):
            raise ConfigError(f"several objects are answered as masks; leave reply '{self.reply}' out")
        parse_settings(self.set)

    @property
    def several(self) -> bool:
        """Whether several objects are followed."""
        return self.objects == "several"

    @property
    def overrides(self) -> dict[str, str]:
        """The preset and the settings, as trackers by name take them."""
        return ({"preset": self.preset} if self.preset else {}) | parse_settings(self.set)

    def updated(self, values: Mapping[str, str], prefix: str) -> Options:
        """A copy with the entries of `values` whose names begin with `prefix` (`SAMN_`, `samn_`).

        Raises:
            ConfigError: a lower-case name with the prefix is not an option (other SAMN_ variables may mean other
                things), or a value is impossible.
        """
        known = {prefix + (f.name.upper() if prefix.isupper() else f.name): f.name for f in fields(self)}
        unknown = [name for name in values if name.startswith(prefix) and name not in known]
        if unknown and not prefix.isupper():
            raise ConfigError(f"unknown init properties {', '.join(unknown)}; known: {', '.join(known)}")
        return replace(self, **{known[name]: value for name, value in values.items() if name in known})


def parse_settings(text: str) -> dict[str, str]:
    """Tracker settings from "appearance.interval=10,dynamic.weighting=none"; a value may hold commas.

    Raises:
        ConfigError: an entry has no "=".
    """
    entries = [entry for entry in re.split(r",(?=\s*[\w.]+\s*=)", text.strip()) if entry]
    return key_values(entries)


def settings_text(text: str) -> str:
    """`text` as the `type` of an argparse option: what `parse_settings` refuses makes a wrong command line, code 2."""
    try:
        parse_settings(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
