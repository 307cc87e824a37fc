"""Find heading rows further down, where a user joined several exports into one file.

Source: https://github.com/medialab/xan/issues/852 and others: the second file may have its columns
in another order, and read by the first file's headings its refunds would be totals.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from vippsrecon.sources.files.headings import normalize_heading
from vippsrecon.texts import say

_AROUND = " \"'\ufeff"
_SPELLINGS = (str, str.lower, str.upper, str.title, str.capitalize)
_FEWEST_HEADINGS = 3
_FEWEST_USUAL_HEADINGS = 2
_DIGIT = re.compile(r"\d")


class HeadingWatch:
    """Watches the rows of one reading for headings, and puts later cells in the first order.

    Attributes:
        parts: Heading rows so far, each the beginning of another file.

    >>> watch = HeadingWatch(("reference", "total"))
    >>> watch.check(3, ["Total", "Reference"])[:29]
    'this is a second heading row '
    >>> watch.arrange(["5.00", "ord-1"])
    ['ord-1', '5.00']
    >>> HeadingWatch(("reference", "total", "status")).check(9, ["Beløp", "Status", "Referanse"])[:47]
    'this is a second heading row with other columns'
    >>> watch = HeadingWatch(("reference", "total"), ["referanse", "totalbeløp"])
    >>> watch.check(5, ["Totalbeløp", "Referanse"])[:47]
    'this is a second heading row with other columns'
    """

    def __init__(self, headings: Sequence[str], usual_headings: Collection[str] = ()) -> None:
        """Remember the headings of the first row, and those that such files usually have."""
        self._first = [normalize_heading(text) for text in headings]
        self._names = set(self._first) - {""}
        self._usual = self._names | {normalize_heading(text) for text in usual_headings}
        texts = [text for name in (*headings, *self._usual) if (text := name.strip())]
        self._spellings = {way(text) for text in texts for way in _SPELLINGS}
        self._current = self._first
        self._order: list[int] | None = None
        self._below: str | None = None
        self.parts = 1

    def check(self, row: int, cells: Sequence[Any]) -> str | None:
        """Return why this row is not data, if it is a heading row or is below another file's."""
        if self._is_heading_row(cells):
            return self._take_headings(row, cells)
        return self._below

    def arrange(self, cells: Sequence[Any]) -> Sequence[Any]:
        """Return the cells of a row in the order of the first headings."""
        return cells if self._order is None else [cells[place] for place in self._order]

    def _is_heading_row(self, cells: Sequence[Any]) -> bool:
        # Quick look-ups for every row; the rest only for rows that may be headings.
        first = cells[0] if cells else ""
        if (
            self._spellings.isdisjoint(cells)
            and not (type(first) is str and first.strip(_AROUND).casefold() in self._usual)
            and len(cells) <= len(self._first)
        ):
            return False
        filled = [cell for cell in cells if cell not in ("", None)]
        texts = [normalize_heading(cell) for cell in filled if type(cell) is str and cell.strip()]
        known = sum(text in self._names for text in texts)
        # If a heading row is joined to the last row above it, one of its names cannot be read.
        if known >= min(2, len(self._names)) and known * 2 >= len(texts) - 1:
            return True
        # Another program's names: an order without any digit has neither a number nor an amount.
        if len(texts) != len(filled) or any(_DIGIT.search(text) for text in texts):
            return False
        if known and len(texts) >= _FEWEST_HEADINGS:
            return True
        usual = sum(text in self._usual for text in texts)
        return usual >= _FEWEST_USUAL_HEADINGS and usual * 2 >= len(texts)

    def _take_headings(self, row: int, cells: Sequence[Any]) -> str:
        self.parts += 1
        texts = [normalize_heading(cell) if type(cell) is str else "" for cell in cells]
        while len(texts) > len(self._first) and not texts[-1]:
            texts.pop()
        if texts == self._current:
            return say("reasons.headings_again")
        if sorted(texts) != sorted(self._first) or len(set(texts)) < len(texts):
            self._below = say("reasons.below_headings_other", row=str(row))
            return say("reasons.headings_other")
        self._below = None
        self._current = texts
        self._order = [texts.index(name) for name in self._first]
        return say("reasons.headings_reordered")
