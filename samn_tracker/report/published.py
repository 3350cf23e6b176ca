"""Scores that papers report, to stand beside one's own: a small file of facts, each with its source."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from samn_tracker.errors import ConfigError
from samn_tracker.report.model import Published

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE = Path(__file__).with_name("published.toml")


def published_rows(key: str) -> tuple[Published, ...]:
    """The reported scores on a benchmark, by the key of its report: "davis 2016/val", "ope lasot", "vot VOT2018".

    Raises:
        ConfigError: there are none.
    """
    known: dict[str, list[Published]] = {}
    for row in tomllib.loads(_FILE.read_text(encoding="utf-8"))["row"]:
        known.setdefault(row["benchmark"], []).append(Published(row["tracker"], row["scores"], row["source"]))
    year = re.search(r"20\d\d", key) if key.startswith("vot ") and "longterm" not in key else None
    wanted = f"vot {year[0]}" if year else key
    if wanted not in known:
        raise ConfigError(f"no published scores of {wanted} are known here; they are of {', '.join(known)}")
    return tuple(known[wanted])
