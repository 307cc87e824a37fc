"""Lay out a sheet cell by cell (Summary, Controls), in any order, and write it row by row.

XlsxWriter's constant-memory mode writes each row once and cannot return to it. A `SheetLayout`
holds its cells until all are known, so that blocks side by side can be added one after another.
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
"""Longer texts are cut and end in an ellipsis: a cell holds at most 32,767 characters."""


def escape_cell_text(text: str) -> str:
    """Return `text` in the form from which XlsxWriter writes exactly this text.

    XlsxWriter takes a text that starts with `<r>` and ends with `</r>` for rich text of its own
    and copies it into the file unescaped, so an order number could break the workbook or change
    its formats. Such a text is passed as one escaped run.

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
    """Cells of one worksheet, held until `write`.

    Rows and columns count from 0.
    """

    def __init__(self, worksheet: Worksheet) -> None:
        """Start without cells."""
        self.worksheet = worksheet
        self._cells: dict[tuple[int, int], Callable[[], object]] = {}
        self._heights: dict[int, float] = {}

    def text(self, row: int, column: int, text: str, cell_format: Format | None = None) -> None:
        """Add a text, which is never interpreted as a formula, a link or a number."""
        self._cells[row, column] = lambda: self.worksheet.write_string(
            row, column, escape_cell_text(text), cell_format
        )

    def number(
        self, row: int, column: int, number: Number, cell_format: Format | None = None
    ) -> None:
        """Add a number; a Decimal is written digit by digit."""
        # The type stubs allow only float; XlsxWriter formats any number with ".16G".
        value: float = number  # type: ignore[assignment]
        self._cells[row, column] = lambda: self.worksheet.write_number(
            row, column, value, cell_format
        )

    def formula(
        self,
        row: int,
        column: int,
        formula: str,
        value: Number | str,
        cell_format: Format | None = None,
    ) -> None:
        """Add a formula and its computed value, for programs that do not calculate formulas."""
        cached: float | str = value if isinstance(value, str) else _cast_number(value)
        self._cells[row, column] = lambda: self.worksheet.write_formula(
            row, column, formula, cell_format, cached
        )

    def blank(self, row: int, columns: range, cell_format: Format) -> None:
        """Add empty cells with a format to columns of the row that have no cell yet."""
        for column in columns:
            if (row, column) not in self._cells:
                self._put_blank(row, column, cell_format)

    def merged_text(self, row: int, first: int, last: int, text: str, cell_format: Format) -> None:
        """Add a text in the merged cells from column `first` to `last` of one row."""
        self._cells[row, first] = lambda: self._write_merged(row, first, last, text, cell_format)

    def height(self, row: int, points: float) -> None:
        """Set a row's height, because merged cells do not grow with their text."""
        self._heights[row] = points

    def measure(self, first: int, last: int, default: float) -> float:
        """Return the height of the rows from `first` up to, but without, `last`, in points."""
        return sum(self._heights.get(row, default) for row in range(first, last))

    def write(self) -> None:
        """Write all cells, row by row."""
        for row in sorted({row for row, _ in self._cells} | set(self._heights)):
            if row in self._heights:
                self.worksheet.set_row(row, self._heights[row])
        for key in sorted(self._cells):
            self._cells[key]()

    def _put_blank(self, row: int, column: int, cell_format: Format) -> None:
        self._cells[row, column] = lambda: self.worksheet.write_blank(
            row, column, None, cell_format
        )

    def _write_merged(
        self, row: int, first: int, last: int, text: str, cell_format: Format
    ) -> None:
        # merge_range would interpret the text (a leading = makes a formula), so it gets none.
        self.worksheet.merge_range(row, first, row, last, "", cell_format)
        self.worksheet.write_string(row, first, escape_cell_text(text), cell_format)


def _cast_number(value: Number) -> float:
    number: float = value  # type: ignore[assignment]  # as in SheetLayout.number
    return number


def count_text_lines(text: str, characters: int) -> int:
    """Return how many lines `text` needs in a cell that is `characters` wide.

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
        while used > characters:  # A word longer than a line is broken at the end of the line.
            lines, used = lines + 1, used - characters
    return lines
