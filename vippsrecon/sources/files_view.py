"""Show files that were read: one line of text, or tiles and notices in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from vippsrecon.display.html import HtmlView
from vippsrecon.money import format_count
from vippsrecon.sources.rejects import describe_rejected
from vippsrecon.texts import format_spaced_number, say

Tile = tuple[str, str, str]
"""Label, figure, and what stands below it."""


class Summary(Protocol):
    """What the summaries of order exports, settlement files and bank statements share."""

    @property
    def name(self) -> str:
        """Name of the file, without its folder."""

    @property
    def format(self) -> str:
        """Name of the form that was recognised."""

    @property
    def rejected(self) -> int:
        """Rows that could not be read."""

    @property
    def totals(self) -> Mapping[str, Mapping[str, Any]]:
        """Currency to sums."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the file."""


def describe_files(class_name: str, files: Sequence[Summary], read: int, noun: str) -> str:
    """Return the files in one line, without the frames.

    Args:
        class_name: Name of the class that holds the files.
        files: One summary per file.
        read: What was read of all files, such as 12 orders.
        noun: The English word for one of them.
    """
    names = ", ".join(file.name for file in files)
    rejected = format_count(sum(file.rejected for file in files), "row")
    return f"<{class_name} {names}: {format_count(read, noun)}, {rejected} rejected>"


def render_files(
    title: str,
    files: Iterable[tuple[Summary, int]],
    list_tiles: Callable[[Mapping[str, Any], str], Iterable[Tile]],
    notes: Sequence[str] = (),
) -> str:
    """Return the files as HTML: of each its sums by currency, its rejects and its notes.

    Args:
        title: Key of the title of a file, in the section `files` of the texts.
        files: The summaries, each with the number of what was read of it.
        list_tiles: Gets the sums of a currency and the currency.
        notes: Sentences on the files together.
    """
    shown = list(files)
    view = HtmlView(currency for file, _ in shown for currency in file.totals)
    for file, count in shown:
        number = format_spaced_number(count)
        view.add_title(
            say(f"files.{title}", count=count, number=number, name=file.name, format=file.format)
        )
        for currency, sums in file.totals.items():
            view.add_tiles(list_tiles(sums, currency))
        if file.rejected:
            view.add_notice(say("files.rejected_see", rejected=describe_rejected(file.rejected)))
        view.add_list(say("files.notes"), file.notes)
    view.add_list(say("files.all_files"), notes)
    return view.render()
