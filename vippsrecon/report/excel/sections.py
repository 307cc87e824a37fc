"""Lay out a sheet as sections, one below the other, and end its printed pages between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from vippsrecon.spreadsheet.page_breaks import choose_page_breaks, compute_page_height

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xlsxwriter import Workbook

    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout

FIRST_COLUMN = 1
"""Column A is a margin."""

ROW_POINTS = 15


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
