"""The code blocks of a Markdown page, as the tests of the documentation run them.

A block of `sh` or `python` is run, unless the line before it says why not: `<!-- not run: REASON -->`. A block with
`title="NAME"` is a file of that name. Blocks of other languages are only read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?$')
_NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>.+) -->$")


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is that of its first line of text, `reason` why it is not run, if it is not."""

    page: Path
    line: int
    language: str
    title: str | None
    reason: str | None
    text: str

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.page.name}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The command lines of a block for a shell, without comments; continued lines as one, joined ones apart."""
        lines = self.text.replace("\\\n", " ").splitlines()
        plain = [re.sub(r"(^|\s)#\s.*", "", line) for line in lines]
        return [" ".join(part.split()) for line in plain for part in line.split("&&") if part.strip()]


def read_blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            assert not lines[number].startswith("```"), f"{page}:{number + 1}: {lines[number]!r} is not a fence"
            number += 1
            continue
        end = lines.index("```", number + 1)
        reason = _NOT_RUN.match(lines[number - 1]) if number else None
        yield Block(
            page,
            number + 2,
            fence["language"],
            fence["title"],
            reason["reason"] if reason else None,
            "\n".join(lines[number + 1 : end]) + "\n",
        )
        number = end + 1
