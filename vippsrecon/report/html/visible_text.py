"""Make texts from outside harmless to read: no invisible characters, and no megabytes."""

from __future__ import annotations

from vippsrecon.errors import printable
from vippsrecon.spreadsheet.layout import MAX_CELL_TEXT_LENGTH
from vippsrecon.texts import say

MAX_TEXT_CHARACTERS = 1_000
"""A longer text, such as a cell of an export with a megabyte in it, is cut, and says so."""


def make_visible(value: object, most: int = MAX_TEXT_CHARACTERS) -> str:
    r"""Return a value as text, with every character that has no shape or moves others as an escape.

    None is "". A text of more than `most` characters is cut, and says where it is whole: in the
    workbook, if a cell holds so much. The template engine escapes the result.

    >>> make_visible("order\u202e1"), make_visible(None), make_visible(5)
    ('order\\u202e1', '', '5')
    >>> make_visible("9" * 1200, 4)
    '9999… (cut: 1,200 characters, whole in the workbook)'
    """
    if value is None:
        return ""
    text = str(value)
    shown = text[:most]
    if not shown.isprintable():
        # Spaces of other widths are not printable, but they move nothing.
        shown = "".join(
            char if char.isspace() and char >= " " else printable(char) for char in shown
        )
    if len(text) <= most and len(shown) <= most:
        return shown
    key = "page.cut_whole" if len(text) <= MAX_CELL_TEXT_LENGTH else "page.cut_longer"
    return say(key, text=shown[:most], count=len(text))
