"""Write how old the discrepancies are, and how many of them have a decision, with a chart of the ages.

All figures are formulas over *Discrepancies*: those of the decisions change as people fill them in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.report.excel.summary_sheet.chart import insert_bar_chart
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount, write_live_total
from vippsrecon.spreadsheet.ranges import ANY_TEXT, format_criterion

if TYPE_CHECKING:
    from decimal import Decimal

    from vippsrecon.report.figures import ReportFigures
    from vippsrecon.report.totals.ages import AgeTotals, DecisionTotals
    from vippsrecon.spreadsheet.formats import WorkbookFormats
    from vippsrecon.spreadsheet.layout import SheetLayout
    from vippsrecon.spreadsheet.sections import SectionWriter
    from vippsrecon.spreadsheet.table import SheetTable

AGE_COLUMNS = (1, 4, 5, 6)
DECISION_COLUMNS = (8, 10, 11, 12)
"""Columns of label, rows, share of the amount at risk, and amount at risk: ages to the left,
decisions to the right."""

DECISION_LINES = 3
"""Undecided, decided, total."""


def write_ages_and_decisions(
    writer: SectionWriter, discrepancies: SheetTable, checks: CrossChecks, figures: ReportFigures
) -> None:
    """Write a section for each currency with discrepancies: both tables and the chart of the ages."""
    tables = AgeAndDecisionWriter(writer.page, writer.formats, discrepancies, checks)
    for currency in figures.currencies:
        ages = figures.select_ages(currency)
        if ages:
            writer.write_section(names.format_heading("ages", currency))
            first = writer.row + 1
            below = tables.write(currency, ages, figures.select_decisions(currency), writer.row)
            writer.row = _insert_age_chart(writer, ages, rows=(first, below))


@dataclass(frozen=True)
class AgeAndDecisionWriter:
    """Writes the ages and the decisions of one currency side by side on the Summary.

    Attributes:
        page: The Summary's cells.
        formats: The workbook's formats.
        discrepancies: The sheet whose rows are counted.
        checks: Receives each total, for Controls.
    """

    page: SheetLayout
    formats: WorkbookFormats
    discrepancies: SheetTable
    checks: CrossChecks

    def write(
        self,
        currency: str,
        ages: tuple[AgeTotals, ...],
        decisions: tuple[DecisionTotals, ...],
        row: int,
    ) -> int:
        """Write both tables from `row`, and return the next free row."""
        self._write_heads(row)
        first = row + 1
        end = first + len(ages)
        total = (sum(age.rows for age in ages), sum(age.at_risk_minor for age in ages))
        for place, age in enumerate(ages, start=first):
            label = names.describe_age(age.from_days, age.to_days)
            self._write_age(place, label, age, total[1], total_row=end)
        self._write_total(end, AGE_COLUMNS, currency, total, (first, end - 1))
        self._write_decisions(first, currency, decisions, total)
        return end + 2

    def _write_heads(self, row: int) -> None:
        for (title, *heads), (label, *columns) in (
            (names.AGE_HEADINGS, AGE_COLUMNS),
            (names.DECISION_HEADINGS, DECISION_COLUMNS),
        ):
            self.page.text(row, label, title, self.formats["head"])
            self.page.blank(row, range(label + 1, columns[0]), self.formats["head"])
            for column, head in zip(columns, heads, strict=True):
                self.page.text(row, column, head, self.formats["head_right"])

    def _write_age(
        self, row: int, label: str, age: AgeTotals, total_minor: int, *, total_row: int
    ) -> None:
        criteria = [("currency", format_criterion(age.currency))]
        if age.from_days is None:
            criteria.append(("age_days", format_criterion("")))
        else:
            criteria.append(("age_days", f'">={age.from_days}"'))
        if age.to_days is not None:
            criteria.append(("age_days", f'"<={age.to_days}"'))
        table = self.discrepancies
        figures = (age.rows, age.at_risk_minor)
        formulas = (table.count_where(criteria), table.sum_where("at_risk_minor", criteria))
        self._write_line(row, AGE_COLUMNS, label, figures, formulas)
        self._write_share(row, AGE_COLUMNS, age.at_risk_minor, total_minor, total_row)
        _, rows, _, at_risk = AGE_COLUMNS
        self._add_cross_check(f"{label}: rows, {age.currency}", age.rows, (row, rows))
        self._add_cross_check(
            f"{label}: at risk, {age.currency}",
            to_cell_amount(age.at_risk_minor),
            (row, at_risk),
            age.currency,
        )

    def _write_decisions(
        self,
        row: int,
        currency: str,
        decisions: tuple[DecisionTotals, ...],
        total: tuple[int, int],
    ) -> None:
        table, columns = self.discrepancies, DECISION_COLUMNS
        end = row + len(decisions)
        for place, each in enumerate(decisions, start=row):
            criteria = [
                ("currency", format_criterion(currency)),
                ("decision", ANY_TEXT if each.decided else format_criterion("")),
            ]
            formulas = (table.count_where(criteria), table.sum_where("at_risk_minor", criteria))
            label = names.describe_decision(decided=each.decided)
            self._write_line(place, columns, label, (each.rows, each.at_risk_minor), formulas)
            self._write_share(place, columns, each.at_risk_minor, total[1], end)
        self._write_total(end, columns, currency, total, (row, end - 1))
        label = "Undecided and decided"
        self._add_cross_check(f"{label}: rows, {currency}", total[0], (end, columns[1]))
        amount = to_cell_amount(total[1])
        self._add_cross_check(f"{label}: at risk, {currency}", amount, (end, columns[3]), currency)

    def _write_line(
        self,
        row: int,
        columns: tuple[int, int, int, int],
        label: str,
        figures: tuple[int, int],
        formulas: tuple[str, str],
    ) -> None:
        page, formats, table = self.page, self.formats, self.discrepancies
        page.text(row, columns[0], label, formats["text"])
        write_live_total(
            page,
            (row, columns[1]),
            table,
            formulas[0],
            figures[0],
            cell_format=formats["count"],
        )
        write_live_total(
            page,
            (row, columns[3]),
            table,
            formulas[1],
            to_cell_amount(figures[1]),
            cell_format=formats.money(),
        )

    def _write_share(
        self,
        row: int,
        columns: tuple[int, int, int, int],
        part_minor: int,
        total_minor: int,
        total_row: int,
    ) -> None:
        _, _, share, at_risk = columns
        part, total = (xl_rowcol_to_cell(at, at_risk) for at in (row, total_row))
        self.page.formula(
            row,
            share,
            f"=IF({total}=0,0,{part}/{total})",
            part_minor / total_minor if total_minor else 0,
            self.formats["share"],
        )

    def _write_total(
        self,
        row: int,
        columns: tuple[int, int, int, int],
        currency: str,
        figures: tuple[int, int],
        lines: tuple[int, int],
    ) -> None:
        page, formats = self.page, self.formats
        label, rows, share, at_risk = columns
        page.text(row, label, f"Total {currency}", formats["total_text"])
        page.blank(row, range(label + 1, at_risk), formats["total_text"])
        for column, value, cell_format in (
            (rows, figures[0], formats["total_count"]),
            (at_risk, to_cell_amount(figures[1]), formats.money(total=True)),
        ):
            top, end = (xl_rowcol_to_cell(line, column) for line in lines)
            page.formula(row, column, f"=SUM({top}:{end})", value, cell_format)
        page.blank(row, range(share, at_risk), formats["total_text"])

    def _add_cross_check(
        self, label: str, computed: Decimal | int, cell: tuple[int, int], currency: str = ""
    ) -> None:
        at = xl_rowcol_to_cell(*cell, row_abs=True, col_abs=True)
        sheet = self.page.worksheet.get_name()
        formula = "" if self.discrepancies.overflow_file else f"'{sheet}'!{at}"
        self.checks.add(label, computed, formula, currency)


def _insert_age_chart(
    writer: SectionWriter, ages: tuple[AgeTotals, ...], *, rows: tuple[int, int]
) -> int:
    """Insert the chart of the ages below the decisions, and return the first row below both.

    Args:
        writer: The Summary.
        ages: The lines of the table of ages, of one currency.
        rows: First row of that table, and the next free row below it.
    """
    return insert_bar_chart(
        writer,
        names.format_heading("risk_by_age", ages[0].currency),
        [
            (names.describe_age(age.from_days, age.to_days), age.at_risk_minor, "total")
            for age in ages
        ],
        rows=rows,
        columns=(AGE_COLUMNS[0], AGE_COLUMNS[-1]),
        top=rows[0] + DECISION_LINES + 1,
    )
