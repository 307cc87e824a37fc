"""Find the examples of a page, and compare shown output with printed output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_BLOCK = re.compile(
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$|(?P<table>(?:^\|[^\n]*\n)+)",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced example of a page, or one of its tables."""

    language: str
    text: str
    line: int


def list_blocks(page: str, *, tables: bool = False) -> Iterator[Block]:
    """Return the fenced examples of a page in order, if asked with its tables (language `table`)."""
    for match in _BLOCK.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        if match["table"] is None:
            yield Block(match["language"], match["text"], line)
        elif tables:
            yield Block("table", match["table"], line)


def find_missing_line(shown: str, printed: str) -> str | None:
    r"""Return the first shown line that is not printed, in order; None if all are.

    `…` in a line stands for any text, and `…` alone for any lines.

    >>> find_missing_line("a\n…\nid …, ok", "a\nb\nid 1, ok")
    >>> find_missing_line("b\na", "a\nb")
    'a'
    """
    lines = iter(printed.splitlines())
    for line in filter(None, (line.strip() for line in shown.splitlines())):
        if line == "…":
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        if not any(pattern.fullmatch(each.strip()) for each in lines):
            return line
    return None
