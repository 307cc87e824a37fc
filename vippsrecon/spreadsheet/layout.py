"""A sheet laid out by hand (Summary, Controls), put down in any order and written row by row.

XlsxWriter's constant-memory mode writes each row once and never goes back. A page keeps its
cells until it is whole, so that its parts may be laid out in the order they are thought of.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Number = Decimal | int | float

MAX_CELL_TEXT_LENGTH = 32_000
"""A cell holds 32,767 characters; what is longer is cut, and ends in an ellipsis."""


def escape_cell_text(text: str) -> str:
    """Return `text` such that XlsxWriter writes exactly it.

    XlsxWriter takes a text from `<r>` to `</r>` for its own marked-up runs and copies it into
    the file unescaped, so an order number could break the workbook or forge its looks. Such a
    text is handed over as one run, escaped.

    >>> escape_cell_text("<r>10 & 11</r>")
    '<r><t xml:space="preserve">&lt;r&gt;10 &amp; 11&lt;/r&gt;</t></r>'
    >>> escape_cell_text("=1+1")
    '=1+1'
    """
    if len(text) > MAX_CELL_TEXT_LENGTH:
        text = text[: MAX_CELL_TEXT_LENGTH - 1] + "…"
    if text.startswith("<r>") and text.endswith("</r>"):
        return f'<r><t xml:space="preserve">{escape(text)}</t></r>'
    return text


class SheetLayout:
    """Cells of one worksheet, kept until `write`.

    Rows and columns count from 0.
    """

    def __init__(self, worksheet: Worksheet) -> None:
        """Start with nothing on the page."""
        self.worksheet = worksheet
        self._cells: dict[tuple[int, int], Callable[[], object]] = {}
        self._heights: dict[int, float] = {}

    def text(self, row: int, column: int, text: str, look: Format | None = None) -> None:
        """Put a text that is never taken for a formula, a link or a number."""
        self._cells[row, column] = lambda: self.worksheet.write_string(
            row, column, escape_cell_text(text), look
        )

    def number(self, row: int, column: int, number: Number, look: Format | None = None) -> None:
        """Put a number; a Decimal is written digit by digit."""
        # The stubs know float only; XlsxWriter formats whatever it is given with ".16G".
        value: float = number  # type: ignore[assignment]
        self._cells[row, column] = lambda: self.worksheet.write_number(row, column, value, look)

    def formula(
        self, row: int, column: int, formula: str, value: Number | str, look: Format | None = None
    ) -> None:
        """Put a formula of ours beside the figure computed here, for readers that do not compute."""
        kept: float | str = value if isinstance(value, str) else _cast_number(value)
        self._cells[row, column] = lambda: self.worksheet.write_formula(
            row, column, formula, look, kept
        )

    def blank(self, row: int, columns: range, look: Format) -> None:
        """Put empty cells that carry a look, where nothing stands yet."""
        for column in columns:
            if (row, column) not in self._cells:
                self._put_blank(row, column, look)

    def merged_text(self, row: int, first: int, last: int, text: str, look: Format) -> None:
        """Put a text over the merged cells from column `first` to `last` of one row."""
        self._cells[row, first] = lambda: self._write_merged(row, first, last, text, look)

    def height(self, row: int, points: float) -> None:
        """Fix a row's height: merged cells do not grow with their text."""
        self._heights[row] = points

    def write(self) -> None:
        """Write all cells, row by row."""
        for row in sorted({row for row, _ in self._cells} | set(self._heights)):
            if row in self._heights:
                self.worksheet.set_row(row, self._heights[row])
        for key in sorted(self._cells):
            self._cells[key]()

    def _put_blank(self, row: int, column: int, look: Format) -> None:
        self._cells[row, column] = lambda: self.worksheet.write_blank(row, column, None, look)

    def _write_merged(self, row: int, first: int, last: int, text: str, look: Format) -> None:
        # merge_range chooses a type by the text's first character, so it gets none.
        self.worksheet.merge_range(row, first, row, last, "", look)
        self.worksheet.write_string(row, first, escape_cell_text(text), look)


def _cast_number(value: Number) -> float:
    kept: float = value  # type: ignore[assignment]  # as in Page.number
    return kept


def count_text_lines(text: str, characters: int) -> int:
    """Return how many lines `text` takes in a cell `characters` wide.

    >>> count_text_lines("one two three", 8)
    2
    >>> count_text_lines("x" * 20, 8)
    3
    """
    lines, used = 1, 0
    for word in text.split():
        if used and used + 1 + len(word) > characters:
            lines, used = lines + 1, 0
        used += len(word) + (1 if used else 0)
        while used > characters:  # A word longer than a line is broken where the line ends.
            lines, used = lines + 1, used - characters
    return lines
