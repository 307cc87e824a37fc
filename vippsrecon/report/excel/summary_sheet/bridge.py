"""Write the bridge as a statement: from orders to captured and refunded, with live totals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount
from vippsrecon.spreadsheet.ranges import quote_sheet
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.report.figures import BridgeLeg, ReportFigures
    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout
    from vippsrecon.spreadsheet.table import SheetTable

CAPTURED_COLUMNS = (1, 4)
REFUNDED_COLUMNS = (6, 12)
"""Columns of label and amount: captured to the left, refunded to the right. Rows are counted in the
column before the amount."""


@dataclass
class BridgeWriter:
    """Writes the bridge on the Summary, one pair of legs per sales unit and currency.

    Below the total of each leg, one line for each cause leads to the payments' own totals as
    fetched: events after the cut-off time, money of another period, and totals that disagree with
    the payment's events.

    Attributes:
        page: The Summary's cells.
        formats: The workbook's formats.
        payments: The sheet with the payments' own totals.
        checks: Receives each total, for Controls.
    """

    page: SheetLayout
    formats: WorkbookFormats
    payments: SheetTable
    checks: CrossChecks

    def write(self, figures: ReportFigures, row: int) -> int:
        """Lay out the statement from `row`, and return the next free row."""
        blocks: dict[tuple[str, str], list[BridgeLeg]] = {}
        for leg in figures.legs:
            blocks.setdefault((leg.currency, leg.msn), []).append(leg)
        for (currency, msn), legs in blocks.items():
            self.page.text(
                row,
                CAPTURED_COLUMNS[0],
                say("legs.texts.block", msn=msn, currency=currency),
                self.formats["bold"],
            )
            row = max(self._write_leg(leg, row + 1) for leg in legs) + 1
        return self._write_line_places(figures, row)

    def _write_line_places(self, figures: ReportFigures, row: int) -> int:
        """State where the rows of each line are, if the line is not a code."""
        present = {line for leg in figures.legs for line, _, _ in leg.lines}
        places = {
            line: place for line, place in names.list_line_places().items() if line in present
        }
        if places:
            self.page.text(row, 1, say("legs.texts.where_rows_are"), self.formats["bold"])
            row += 1
        for line, place in places.items():
            text = say("legs.texts.place", line=names.get_line_name(line), place=place)
            self.page.text(row, 1, text, self.formats["muted"])
            row += 1
        return row + bool(places)

    def _write_leg(self, leg: BridgeLeg, row: int) -> int:
        page, formats = self.page, self.formats
        heading, total_name = names.get_leg_names(leg.leg)
        label, amount = CAPTURED_COLUMNS if leg.leg == "captured" else REFUNDED_COLUMNS
        page.merged_text(row, label, amount - 2, heading, formats["head"])
        page.text(row, amount - 1, say("table.rows"), formats["head_right"])
        page.text(row, amount, say("table.amount"), formats["head_right"])
        first = row = row + 1
        for line, minor, rows in leg.lines:
            self._write_line_label(leg, line, row)
            page.number(row, amount - 1, rows, formats["count"])
            page.number(row, amount, to_cell_amount(minor), formats.money())
            row += 1
        page.text(row, label, total_name, formats["total_text"])
        page.blank(row, range(label, amount), formats["total_text"])
        top, end = (xl_rowcol_to_cell(at, amount) for at in (first, row - 1))
        formula = f"=SUM({top}:{end})" if leg.lines else "=0"
        page.formula(
            row, amount, formula, to_cell_amount(leg.bridge_total_minor), formats.money(total=True)
        )
        self._add_cross_check("bridge_balances", leg, leg.bridge_total_minor, (row, amount))
        return self._write_fetched_totals(leg, row)

    def _write_fetched_totals(self, leg: BridgeLeg, total_row: int) -> int:
        page, formats = self.page, self.formats
        label, amount = CAPTURED_COLUMNS if leg.leg == "captured" else REFUNDED_COLUMNS
        row = total_row + 1
        for line, minor, rows in leg.lines_to_fetched:
            page.text(row, label, names.get_fetched_line_name(line), formats["muted"])
            page.number(row, amount - 1, rows, formats["count"])
            page.number(row, amount, to_cell_amount(minor), formats.money())
            row += 1
        page.text(row, label, say("legs.texts.fetched_total"), formats["muted"])
        top, end = (xl_rowcol_to_cell(at, amount) for at in (total_row, row - 1))
        fetched = to_cell_amount(leg.fetched_minor)
        page.formula(row, amount, f"=SUM({top}:{end})", fetched, formats.money())
        self._add_cross_check("bridge_goes_on", leg, leg.fetched_minor, (row, amount))
        if not self.payments.overflow_file:
            formula = self.payments.sum_if(f"{leg.leg}_minor", msn=leg.msn, currency=leg.currency)
            name = _label_check("as_fetched", leg)
            self.checks.add(name, fetched, formula, leg.currency)
        return row + 1

    def _add_cross_check(
        self, figure: str, leg: BridgeLeg, minor: int, cell: tuple[int, int]
    ) -> None:
        at = xl_rowcol_to_cell(*cell, row_abs=True, col_abs=True)
        sheet = quote_sheet(self.page.worksheet.get_name())
        label = _label_check(figure, leg)
        self.checks.add(label, to_cell_amount(minor), f"{sheet}!{at}", leg.currency)

    def _write_line_label(self, leg: BridgeLeg, line: str, row: int) -> None:
        label = CAPTURED_COLUMNS[0] if leg.leg == "captured" else REFUNDED_COLUMNS[0]
        if leg.leg == "captured" and names.is_code_line(line):
            self.page.text(row, label, line, self.formats["code"])
            self.page.text(row, label + 1, names.get_code_title(line), self.formats["text"])
        else:
            self.page.text(row, label, names.get_line_name(line, leg.leg), self.formats["text"])


def _label_check(figure: str, leg: BridgeLeg) -> str:
    leg_name = say(f"checks.{leg.leg}")
    return say(f"checks.{figure}", leg=leg_name, msn=leg.msn, currency=leg.currency)
