"""Control totals as live formulas: what was planned is what the outcomes add up to.

The planned figure stands as a number, from the plan; the others are formulas over the sheet of
outcomes. So a row that is taken out, or an outcome that is overwritten, shows as DIFFERS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from xlsxwriter.utility import xl_range, xl_rowcol_to_cell

from vippsrecon.money import to_major
from vippsrecon.spreadsheet.formats import colour_words
from vippsrecon.spreadsheet.layout import lines_of

if TYPE_CHECKING:
    from xlsxwriter.format import Format

    from vippsrecon.spreadsheet.formats import Looks
    from vippsrecon.spreadsheet.layout import Page
    from vippsrecon.spreadsheet.sheets import Written

WIDTHS = (1.5, 38, 13, *(15,) * 7, 11)
"""Columns A to K: margin, two of words, planned, the outcomes, their sum, the check."""

WORDS, MORE_WORDS, PLANNED = 1, 2, 3
LAST = len(WIDTHS) - 1
VALUE_CHARACTERS = 124
ABOUT_CHARACTERS = 122


class Line(NamedTuple):
    """One line of a control total.

    Attributes:
        words: What stands before it: two texts.
        where: The columns of the sheet of outcomes, and the texts they equal.
        planned: The plan's figure: rows, or minor units.
        found: Outcome to the figure found.
        unlisted: How much of `skipped` is not on the sheet: rows that were never begun.
        currency: Of amounts; "" for rows.
    """

    words: tuple[str, str]
    where: Mapping[str, str]
    planned: int
    found: Mapping[str, int]
    unlisted: int = 0
    currency: str = ""


class ControlSheet:
    """A sheet of sections while it is laid out, from the top down.

    Attributes:
        page: The sheet's cells.
        looks: The workbook's formats.
        row: The next free row.
    """

    def __init__(self, page: Page, looks: Looks, title: str, about: str) -> None:
        """Begin with the heading."""
        self.page, self.looks = page, looks
        page.text(0, WORDS, title, looks["title"])
        page.height(0, 30)
        page.text(1, WORDS, about, looks["muted"])
        page.worksheet.hide_gridlines(2)
        for column, width in enumerate(WIDTHS):
            page.worksheet.set_column(column, column, width)
        self.row = 3

    def banner(self, text: str, look: Format) -> None:
        """Put one sentence across the sheet."""
        self.page.across(self.row, WORDS, LAST, text, look)
        self.page.height(self.row, 15 + 15 * lines_of(text, 110))
        self.row += 2

    def section(self, title: str) -> None:
        """Begin a section."""
        look = self.looks["section"]
        self.page.text(self.row, WORDS, title, look)
        self.page.blank(self.row, range(WORDS, LAST + 1), look)
        self.page.height(self.row, 21)
        self.row += 1

    def pairs(self, title: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Put a section of names and what they are."""
        self.section(title)
        for name, value in pairs:
            self.page.text(self.row, WORDS, name, self.looks["muted"])
            self.page.across(self.row, MORE_WORDS, LAST, value, self.looks["wrapped_flush"])
            self.page.height(self.row, 4 + 12 * lines_of(value, VALUE_CHARACTERS))
            self.row += 1
        self.row += 1

    def counted(self, name: str, formula: str, value: int, about: str) -> None:
        """Put one live count, and what it means."""
        self.page.text(self.row, WORDS, name, self.looks["text"])
        self.page.formula(self.row, MORE_WORDS, f"={formula}", value, self.looks["count"])
        self.page.across(self.row, PLANNED, LAST, about, self.looks.after_number("muted_wrapped"))
        self.page.height(self.row, 4 + 12 * lines_of(about, ABOUT_CHARACTERS))
        self.row += 1

    def control(
        self,
        title: str,
        heads: tuple[str, str],
        outcomes: Sequence[str],
        lines: Sequence[Line],
        written: Written,
    ) -> None:
        """Put control totals: planned, each outcome, their sum, and whether the two agree."""
        self.section(title)
        names = [one.replace("_", " ").capitalize() for one in outcomes]
        for column, head in enumerate((*heads, "Planned", *names, "Sum", "Check"), WORDS):
            right = PLANNED <= column <= PLANNED + len(names) + 1
            look = self.looks["head_right" if right else "head"]
            if head == "Check":
                look = self.looks.after_number("head")
            self.page.text(self.row, column, head, look)
        self.row += 1
        first = self.row
        for line in lines:
            self._line(line, outcomes, written)
        colour_words(
            self.page.worksheet,
            (first, self.row - 1),
            PLANNED + len(names) + 2,
            self.looks.checks(),
        )
        self.row += 1

    def finish(self) -> None:
        """Write the sheet."""
        self.page.worksheet.print_area(0, 0, self.row, LAST)
        self.page.write()

    def _line(self, line: Line, outcomes: Sequence[str], written: Written) -> None:
        page, row = self.page, self.row
        look = self.looks.money(line.currency) if line.currency else self.looks["count"]
        for column, text in enumerate(line.words, WORDS):
            page.text(row, column, text, self.looks["text"])
        page.number(row, PLANNED, _shown(line.planned, line), look)
        for column, name in enumerate(outcomes, PLANNED + 1):
            formula = _formula(line, name, written)
            page.formula(row, column, f"={formula}", _shown(line.found.get(name, 0), line), look)
        last = PLANNED + len(outcomes)
        total = sum(line.found.get(name, 0) for name in outcomes)
        cells = xl_range(row, PLANNED + 1, row, last)
        page.formula(row, last + 1, f"=SUM({cells})", _shown(total, line), look)
        planned, found = (xl_rowcol_to_cell(row, column) for column in (PLANNED, last + 1))
        said = "OK" if total == line.planned else "DIFFERS"
        page.formula(
            row,
            last + 2,
            f'=IF(ROUND({found}-{planned},2)=0,"OK","DIFFERS")',
            said,
            self.looks["check"],
        )
        self.row += 1


def _formula(line: Line, outcome: str, written: Written) -> str:
    where = {**line.where, "outcome": outcome}
    formula = (
        written.sum_if("amount_minor", **where) if line.currency else written.count_if(**where)
    )
    if outcome == "skipped" and line.unlisted:
        formula += f"+{_shown(line.unlisted, line)}"
    return formula


def _shown(figure: int, line: Line) -> Decimal | int:
    return to_major(figure, line.currency) if line.currency else figure
