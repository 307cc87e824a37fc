"""Headings and words of files, brought to one form so that they can be compared."""

from __future__ import annotations

import re
import unicodedata

_WHITESPACE = re.compile(r"[\s\u00a0\u2007\u202f\ufeff\u200b]+")


def normalize_heading(text: str) -> str:
    r"""Return a heading as it is compared: NFC, one space, no quotes or marks, no case.

    Finnish bank and shop files hold a no-break space in some headings, spreadsheets leave byte
    order marks and quotes: none of these are meant.

    >>> normalize_heading('\ufeff"Grand\u00a0Total  (Purchased)" ')
    'grand total (purchased)'
    """
    plain = _WHITESPACE.sub(" ", unicodedata.normalize("NFC", text)).strip(" \"'")
    return plain.casefold()


def normalize_word(text: str) -> str:
    """Return a status or tender as it is compared: a heading with `-` and `_` read as spaces.

    >>> normalize_word("wc-On_hold")
    'wc on hold'
    """
    return _WHITESPACE.sub(" ", normalize_heading(text).replace("-", " ").replace("_", " ")).strip()


def strip_trailing_empties(cells: list[str]) -> list[str]:
    """Return the cells up to the last that holds anything.

    >>> strip_trailing_empties(["a", "", "b", "", " "])
    ['a', '', 'b']
    """
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
