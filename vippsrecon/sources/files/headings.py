"""Normalise headings and words of files, so that they can be compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from vippsrecon.errors import SourceError

_WHITESPACE = re.compile(r"[\s\u00a0\u2007\u202f\ufeff\u200b]+")


def normalize_heading(text: str) -> str:
    r"""Normalise a heading: NFC, single spaces, no quotes or byte order marks, no case.

    Finnish bank and shop files have no-break spaces in some headings; spreadsheets leave byte
    order marks and quotes.

    >>> normalize_heading('\ufeff"Grand\u00a0Total  (Purchased)" ')
    'grand total (purchased)'
    """
    plain = _WHITESPACE.sub(" ", unicodedata.normalize("NFC", text)).strip(" \"'")
    return plain.casefold()


def normalize_word(text: str) -> str:
    """Normalise a status or tender like a heading, with `-` and `_` as spaces.

    >>> normalize_word("wc-On_hold")
    'wc on hold'
    """
    return _WHITESPACE.sub(" ", normalize_heading(text).replace("-", " ").replace("_", " ")).strip()


def strip_trailing_empties(cells: list[str]) -> list[str]:
    """Return the cells up to the last one that is not empty.

    >>> strip_trailing_empties(["a", "", "b", "", " "])
    ['a', '', 'b']
    """
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def refuse_second_column(found: Sequence[str], file: str) -> None:
    """Refuse a file of which two columns may be the one that is meant.

    Args:
        found: Headings of the columns that may be it.
        file: Name of the file.

    Raises:
        SourceError: There are several.
    """
    if len(found) < 2:
        return
    named = " and ".join(dict.fromkeys(repr(text) for text in found))
    raise SourceError(
        f"several columns are headed {named}, and it is not clear which one is meant; rename or remove "
        "the others",
        file=file,
    )
