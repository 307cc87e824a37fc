"""Write the whole bridge on a sheet of its own: from the orders to the money in the bank.

    orders ──► captured, refunded ──► as fetched ──► on the ledger ──► paid out ──► in the bank

Each block ends with a total that is a formula over its lines. A line that is a code leads to its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import polars as pl
from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.report.money.line_rows import ROWS, describe_line_rows
from vippsrecon.report.money.statement import MONEY_LEGS
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount
from vippsrecon.spreadsheet.layout import count_text_lines
from vippsrecon.spreadsheet.links import format_first_row_link, format_link
from vippsrecon.spreadsheet.ranges import quote_sheet
from vippsrecon.spreadsheet.sections import SectionWriter
from vippsrecon.texts import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vippsrecon.report.figures import ReportFigures
    from vippsrecon.report.money.statement import StatementBlock
    from vippsrecon.spreadsheet.table import SheetTable

COLUMN_WIDTHS = (1.5, 58, 54, 10, 18)
"""Margin, line, what it is or where its rows are, rows, amount. The longest line has 61 letters."""

LINE, MEANING, ROW_COUNT, AMOUNT = 1, 2, 3, 4


@dataclass(kw_only=True)
class BridgeSheetWriter(SectionWriter):
    """Lays out the sheet, one block below the other for each sales unit and currency.

    Attributes:
        tables: The sheets with the rows of codes and of lines.
        checks: Receives each total, for Controls.
    """

    LAST_COLUMN: ClassVar[int] = AMOUNT

    tables: Mapping[str, SheetTable]
    checks: CrossChecks

    def write(self, figures: ReportFigures) -> None:
        """Lay out the whole sheet and write it."""
        page, formats = self.page, self.formats
        page.text(0, LINE, names.get_sheet_name("bridge"), formats["sheet_title"])
        page.height(0, 22)
        page.text(1, LINE, say("about.bridge_sheet"), formats["muted"])
        back = say("sheet_texts.back")
        page.formula(2, LINE, format_link(say("sheets.summary"), "A1", back), back, formats["link"])
        self.row = 4
        shown = ("", "")
        for block in figures.statement:
            if (block.currency, block.msn) != shown:
                shown = (block.currency, block.msn)
                self.write_section(say("legs.texts.block", msn=block.msn, currency=block.currency))
            else:
                self.sections.append(self.row)  # a block is not cut by the end of a page
            self._write_block(block)
        self.set_up_pages(COLUMN_WIDTHS, self.row, AMOUNT)
        page.write()

    def _write_block(self, block: StatementBlock) -> None:
        page, formats = self.page, self.formats
        heading, total_name = names.get_leg_names(block.leg)
        self.write_column_heads(
            heading, "", say("table.rows"), say("table.amount"), right_from=ROW_COUNT
        )
        first = self.row
        for line, minor, rows in block.lines:
            self._write_line(block, line)
            page.number(self.row, ROW_COUNT, rows, formats["count"])
            page.number(self.row, AMOUNT, to_cell_amount(minor), formats.money())
            self.row += 1
        page.text(self.row, LINE, total_name, formats["total_text"])
        page.blank(self.row, range(MEANING, ROW_COUNT), formats["total_text"])
        page.number(self.row, ROW_COUNT, block.total_rows, formats["total_count"])
        top, end = (xl_rowcol_to_cell(row, AMOUNT) for row in (first, self.row - 1))
        formula = f"=SUM({top}:{end})" if block.lines else "=0"
        total = to_cell_amount(block.total_minor)
        page.formula(self.row, AMOUNT, formula, total, formats.money(block.currency, total=True))
        at = xl_rowcol_to_cell(self.row, AMOUNT, row_abs=True, col_abs=True)
        label = say(
            "checks.bridge_balances", leg=total_name, msn=block.msn, currency=block.currency
        )
        sheet = quote_sheet(names.get_sheet_name("bridge"))
        self.checks.add(label, total, f"{sheet}!{at}", block.currency)
        self.row += 2

    def _write_line(self, block: StatementBlock, line: str) -> None:
        page, formats = self.page, self.formats
        name = names.get_statement_line_name(line, block.leg)
        places = names.list_line_places()
        meaning = places.get(line, "") if line != name else ""
        if block.leg in MONEY_LEGS:
            meaning = describe_line_rows(line) or meaning
        link = self._find_link(block, line, name)
        if not link:
            page.text(self.row, LINE, name, formats["text"])
        else:
            page.formula(self.row, LINE, link, name, formats["link"])
            meaning = meaning if line in ROWS and block.leg in MONEY_LEGS else line
        page.text(self.row, MEANING, meaning, formats["muted_wrapped"])
        if (lines := count_text_lines(meaning, int(COLUMN_WIDTHS[MEANING]))) > 1:
            page.height(self.row, 4 + 12 * lines)

    def _find_link(self, block: StatementBlock, line: str, name: str) -> str:
        """Return a formula that leads to the first row of a line, or "" if it has none."""
        targets = [("discrepancies", "kind", line)]
        if block.leg in MONEY_LEGS:
            rows = ROWS.get(line)
            if rows is not None and rows.value:
                targets.append((rows.sheet, rows.column, rows.value))
            targets += [("payouts_bank", "kind", line), ("ledger", "kind", line)]
        for sheet, column, value in targets:
            table = self.tables.get(sheet)
            if table is None or table.left_out:
                continue
            equal = {column: value, "currency": block.currency}
            conditions = [pl.col(key) == text for key, text in equal.items()]
            if table.data.head(table.rows).filter(*conditions).height:
                return format_first_row_link(table, name, **equal)
        return ""
