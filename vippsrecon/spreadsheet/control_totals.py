"""Write control totals: the outcomes of a plan's rows must add up to what was planned.

The planned figure is a number taken from the plan. The other figures are formulas over the sheet of
outcomes, so a deleted row or an overwritten outcome shows as DIFFERS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from xlsxwriter.utility import xl_range, xl_rowcol_to_cell

from vippsrecon.money import to_major
from vippsrecon.spreadsheet.formats import colour_cells_by_text
from vippsrecon.spreadsheet.layout import count_text_lines

if TYPE_CHECKING:
    from xlsxwriter.format import Format

    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout
    from vippsrecon.spreadsheet.sheets import WrittenSheet

COLUMN_WIDTHS = (1.5, 38, 13, *(15,) * 7, 11)
"""Columns A to K: margin, two labels, planned, the outcomes, their sum, the check."""

LABEL_COLUMN, SECOND_LABEL_COLUMN, PLANNED_COLUMN = 1, 2, 3
LAST_COLUMN = len(COLUMN_WIDTHS) - 1
VALUE_CHARACTERS = 124
ABOUT_CHARACTERS = 122


class ControlTotalLine(NamedTuple):
    """One line of a control total.

    Attributes:
        words: The two labels at its start.
        where: Column of the sheet of outcomes to the text it must equal.
        planned: The figure in the plan: rows, or minor units.
        counted: Outcome to its figure.
        not_begun: The part of `skipped` that is not on the sheet: rows that were never started.
        currency: Currency of amounts; "" for rows.
    """

    words: tuple[str, str]
    where: Mapping[str, str]
    planned: int
    counted: Mapping[str, int]
    not_begun: int = 0
    currency: str = ""


class ControlSheet:
    """Lays out a sheet of sections, from the top down.

    Attributes:
        page: The sheet's cells.
        formats: The workbook's formats.
        row: The next free row.
    """

    def __init__(self, page: SheetLayout, formats: WorkbookFormats, title: str, about: str) -> None:
        """Write the heading and set the column widths."""
        self.page, self.formats = page, formats
        page.text(0, LABEL_COLUMN, title, formats["title"])
        page.height(0, 30)
        page.text(1, LABEL_COLUMN, about, formats["muted"])
        page.worksheet.hide_gridlines(2)
        for column, width in enumerate(COLUMN_WIDTHS):
            page.worksheet.set_column(column, column, width)
        self.row = 3

    def add_banner(self, text: str, cell_format: Format) -> None:
        """Add one sentence across the sheet."""
        self.page.merged_text(self.row, LABEL_COLUMN, LAST_COLUMN, text, cell_format)
        self.page.height(self.row, 15 + 15 * count_text_lines(text, 110))
        self.row += 2

    def add_section(self, title: str) -> None:
        """Start a section."""
        cell_format = self.formats["section"]
        self.page.text(self.row, LABEL_COLUMN, title, cell_format)
        self.page.blank(self.row, range(LABEL_COLUMN, LAST_COLUMN + 1), cell_format)
        self.page.height(self.row, 21)
        self.row += 1

    def pairs(self, title: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Add a section of names and values."""
        self.add_section(title)
        for name, value in pairs:
            self.page.text(self.row, LABEL_COLUMN, name, self.formats["muted"])
            self.page.merged_text(
                self.row, SECOND_LABEL_COLUMN, LAST_COLUMN, value, self.formats["wrapped_flush"]
            )
            self.page.height(self.row, 4 + 12 * count_text_lines(value, VALUE_CHARACTERS))
            self.row += 1
        self.row += 1

    def counted(self, name: str, formula: str, value: int, about: str) -> None:
        """Add one count as a formula, and its meaning."""
        self.page.text(self.row, LABEL_COLUMN, name, self.formats["text"])
        self.page.formula(
            self.row, SECOND_LABEL_COLUMN, f"={formula}", value, self.formats["count"]
        )
        self.page.merged_text(
            self.row, PLANNED_COLUMN, LAST_COLUMN, about, self.formats.get_indented("muted_wrapped")
        )
        self.page.height(self.row, 4 + 12 * count_text_lines(about, ABOUT_CHARACTERS))
        self.row += 1

    def control(
        self,
        title: str,
        heads: tuple[str, str],
        outcomes: Sequence[str],
        lines: Sequence[ControlTotalLine],
        written: WrittenSheet,
    ) -> None:
        """Add control totals: planned, each outcome, their sum, and whether sum and plan agree."""
        self.add_section(title)
        names = [outcome.replace("_", " ").capitalize() for outcome in outcomes]
        for column, head in enumerate((*heads, "Planned", *names, "Sum", "Check"), LABEL_COLUMN):
            right = PLANNED_COLUMN <= column <= PLANNED_COLUMN + len(names) + 1
            cell_format = self.formats["head_right" if right else "head"]
            if head == "Check":
                cell_format = self.formats.get_indented("head")
            self.page.text(self.row, column, head, cell_format)
        self.row += 1
        first = self.row
        for line in lines:
            self._line(line, outcomes, written)
        colour_cells_by_text(
            self.page.worksheet,
            (first, self.row - 1),
            PLANNED_COLUMN + len(names) + 2,
            self.formats.checks(),
        )
        self.row += 1

    def finish(self) -> None:
        """Write the sheet."""
        self.page.worksheet.print_area(0, 0, self.row, LAST_COLUMN)
        self.page.write()

    def _line(self, line: ControlTotalLine, outcomes: Sequence[str], written: WrittenSheet) -> None:
        page, row = self.page, self.row
        cell_format = self.formats.money(line.currency) if line.currency else self.formats["count"]
        for column, text in enumerate(line.words, LABEL_COLUMN):
            page.text(row, column, text, self.formats["text"])
        page.number(row, PLANNED_COLUMN, _convert_figure(line.planned, line), cell_format)
        for column, name in enumerate(outcomes, PLANNED_COLUMN + 1):
            formula = _build_formula(line, name, written)
            page.formula(
                row,
                column,
                f"={formula}",
                _convert_figure(line.counted.get(name, 0), line),
                cell_format,
            )
        last = PLANNED_COLUMN + len(outcomes)
        total = sum(line.counted.get(name, 0) for name in outcomes)
        cells = xl_range(row, PLANNED_COLUMN + 1, row, last)
        page.formula(row, last + 1, f"=SUM({cells})", _convert_figure(total, line), cell_format)
        planned_cell, sum_cell = (
            xl_rowcol_to_cell(row, column) for column in (PLANNED_COLUMN, last + 1)
        )
        result = "OK" if total == line.planned else "DIFFERS"
        page.formula(
            row,
            last + 2,
            f'=IF(ROUND({sum_cell}-{planned_cell},2)=0,"OK","DIFFERS")',
            result,
            self.formats["check"],
        )
        self.row += 1


def _build_formula(line: ControlTotalLine, outcome: str, written: WrittenSheet) -> str:
    where = {**line.where, "outcome": outcome}
    formula = (
        written.sum_if("amount_minor", **where) if line.currency else written.count_if(**where)
    )
    if outcome == "skipped" and line.not_begun:
        formula += f"+{_convert_figure(line.not_begun, line)}"
    return formula


def _convert_figure(figure: int, line: ControlTotalLine) -> Decimal | int:
    return to_major(figure, line.currency) if line.currency else figure
