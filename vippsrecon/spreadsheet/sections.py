"""Lay out a sheet as sections, one below the other, and end its printed pages between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xlsxwriter import Workbook

    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout

FIRST_COLUMN = 1
"""Column A is a margin."""

ROW_POINTS = 15

PAGE_WIDTH_POINTS, PAGE_HEIGHT_POINTS = 784, 516
"""The printed area of A4 landscape within the margins of `set_up_printing`."""

_USED_SHARE = 0.95
"""Programs and fonts differ a little; a page that ends too early is better than a row too many."""


@dataclass(kw_only=True)
class SectionWriter:
    """Writes headings of sections and of columns; the sheets Summary and Controls derive from it.

    Attributes:
        workbook: The workbook of the sheet.
        page: The sheet's cells.
        formats: The workbook's formats.
        row: The next free row.
        sections: First row of each section.
    """

    LAST_COLUMN: ClassVar[int]
    """Last column of the line below the heading of a section."""

    workbook: Workbook
    page: SheetLayout
    formats: WorkbookFormats
    row: int = 0
    sections: list[int] = field(default_factory=list)

    def write_section(self, title: str) -> None:
        """Add the heading of a section."""
        self.sections.append(self.row)
        cell_format = self.formats["section"]
        self.page.text(self.row, FIRST_COLUMN, title, cell_format)
        self.page.blank(self.row, range(FIRST_COLUMN, self.LAST_COLUMN + 1), cell_format)
        self.page.height(self.row, 21)
        self.row += 1

    def write_column_heads(self, *titles: str, right_from: int | None = None) -> None:
        """Add the headings of columns, aligned to the right from column `right_from`."""
        for column, title in enumerate(titles, FIRST_COLUMN):
            to_right = right_from is not None and column >= right_from
            cell_format = self.formats["head_right" if to_right else "head"]
            self.page.text(self.row, column, title, cell_format)
        self.row += 1

    def set_up_pages(self, column_widths: Sequence[float], last_row: int, last_column: int) -> None:
        """Set column widths, print area and page breaks."""
        worksheet = self.page.worksheet
        for column, width in enumerate(column_widths):
            worksheet.set_column(column, column, width)
        worksheet.hide_gridlines(2)
        worksheet.set_default_row(ROW_POINTS)
        worksheet.print_area(0, 0, last_row, last_column)
        sections = [row for row in self.sections if row <= last_row]
        height = compute_page_height(column_widths[: last_column + 1])
        measure = partial(self.page.measure, default=ROW_POINTS)
        worksheet.set_h_pagebreaks(choose_page_breaks(sections, last_row, height, measure))


def compute_page_height(column_widths: Sequence[float]) -> float:
    """Return how many points of rows fit on a page that is as wide as the columns.

    Args:
        column_widths: In characters, of all printed columns. A character is 7 pixels and a column
            has 5 more; a pixel is 0.75 points.
    """
    width = sum((characters * 7 + 5) * 0.75 for characters in column_widths)
    scale = min(1, PAGE_WIDTH_POINTS / width)
    return PAGE_HEIGHT_POINTS / scale * _USED_SHARE


def choose_page_breaks(
    sections: Sequence[int], end: int, height: float, measure: Callable[[int, int], float]
) -> list[int]:
    """Return the rows that start a page: first rows of sections that would be cut otherwise.

    A section that is longer than a page is cut in any case. It starts a page only if little of the
    page before it is left.

    Args:
        sections: First row of each section, from the top down.
        end: The row below the last section.
        height: What fits on a page, in points.
        measure: Returns the height of the rows from the first up to, but without, the second.

    >>> choose_page_breaks([4, 10, 30], 40, 30, lambda first, last: last - first)
    [30]
    >>> choose_page_breaks([4, 10], 60, 30, lambda first, last: last - first)
    []
    """
    breaks: list[int] = []
    start = 0
    for first, last in zip(sections, [*sections[1:], end], strict=True):
        is_cut = measure(start, last) > height
        fits_alone = measure(first, last) <= height
        if is_cut and first > start and (fits_alone or measure(start, first) > height * 2 / 3):
            breaks.append(first)
            start = first
        while measure(start, last) > height:
            start += 1
    return breaks
