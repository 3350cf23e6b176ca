"""The weights that come with the package, and what they should hash to; known without torch."""

from __future__ import annotations

from pathlib import Path

SHIPPED_WEIGHTS = Path(__file__).with_name("weights")


def shipped_hashes(folder: Path = SHIPPED_WEIGHTS) -> dict[str, str]:
    """File name -> sha256 of every shipped weights file, as listed in the package (`sha256sum` format)."""
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line)}
