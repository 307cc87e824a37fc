"""Write the Summary, the sheet that a controller reads first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names, sentences
from vippsrecon.report.excel.summary_sheet.age_and_decisions import write_ages_and_decisions
from vippsrecon.report.excel.summary_sheet.bridge import BridgeWriter
from vippsrecon.report.excel.summary_sheet.buckets import write_buckets
from vippsrecon.report.excel.summary_sheet.change_totals import write_change_totals
from vippsrecon.report.excel.summary_sheet.chart import insert_bar_chart
from vippsrecon.report.excel.summary_sheet.concentration import write_concentrations
from vippsrecon.report.excel.summary_sheet.legs import write_leg_verdicts
from vippsrecon.report.excel.summary_sheet.open_items import write_open_items
from vippsrecon.report.excel.summary_sheet.reservations import write_reservations
from vippsrecon.report.excel.summary_sheet.sign_off import (
    SIGN_OFF_ROW_POINTS,
    SIGN_OFF_ROWS,
    write_sign_off,
)
from vippsrecon.sources.reviewed_report.cover import (
    ABOUT_ROW,
    COVER_COLUMN,
    HEADLINE_ROW,
)
from vippsrecon.spreadsheet.cross_checks import (
    CrossChecks,
    get_check_formats,
    to_cell_amount,
    write_live_total,
)
from vippsrecon.spreadsheet.formats import colour_cells_by_text
from vippsrecon.spreadsheet.layout import count_text_lines
from vippsrecon.spreadsheet.links import format_first_row_link, format_link
from vippsrecon.spreadsheet.ranges import quote_sheet
from vippsrecon.spreadsheet.sections import SectionWriter
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation
    from vippsrecon.report.figures import CodeTotals, CurrencyTotals, ReportFigures
    from vippsrecon.spreadsheet.table import SheetTable

SUMMARY_COLUMN_WIDTHS = (1.5, 25, 39, 15, 15, 15, 16, 2, 15, 13, 13, 13, 15)
"""Columns A to M: margin, label, meaning, four figures, gap, right half."""

B, C, D, E, F, G, RIGHT_HALF, SUMMARY_LAST_COLUMN = 1, 2, 3, 4, 5, 6, 8, 12
CHARACTERS_ACROSS = 175
CURRENCIES_PER_BLOCK = 4


@dataclass(kw_only=True)
class SummarySheetWriter(SectionWriter):
    """Lays out the Summary sheet, from the top down.

    Attributes:
        tables: The sheets whose rows the totals add up.
        checks: Receives each total, for Controls.
    """

    LAST_COLUMN: ClassVar[int] = SUMMARY_LAST_COLUMN

    tables: dict[str, SheetTable]
    checks: CrossChecks

    def write(self, reconciliation: Reconciliation, figures: ReportFigures) -> None:
        """Lay out the whole sheet and write it."""
        self._write_cover_lines(reconciliation, figures)
        self._write_currency_totals(figures)
        write_leg_verdicts(self, figures.verdicts)
        write_ages_and_decisions(self, self.tables["discrepancies"], self.checks, figures)
        for currency in figures.currencies:
            write_reservations(
                self,
                self.tables["payments"],
                self.checks,
                figures.select_reservations(currency),
            )
        for currency in figures.currencies if "open_items" in self.tables else ():
            write_open_items(
                self,
                self.tables["open_items"],
                self.checks,
                figures.select_open_items(currency),
            )
        changes = self.tables.get("changed")
        if changes is not None:
            for currency in figures.currencies:
                write_change_totals(self, changes, self.checks, currency)
        for currency in figures.currencies:
            self._write_codes(currency, figures.select_codes(currency))
        write_concentrations(self, figures.concentrations)
        self._write_large_groups(figures)
        for currency in figures.currencies:
            write_buckets(self, currency, figures.select_buckets(currency))
        if figures.legs:
            self.write_section(names.get_heading("bridge"))
            self.row = BridgeWriter(
                self.page, self.formats, self.tables["payments"], self.checks
            ).write(figures, self.row)
        self.set_up_pages(SUMMARY_COLUMN_WIDTHS, self.row, SUMMARY_LAST_COLUMN)
        self.page.write()

    def _write_cover_lines(self, reconciliation: Reconciliation, figures: ReportFigures) -> None:
        page, formats = self.page, self.formats
        page.text(0, B, names.get_heading("report"), formats["title"])
        page.height(0, 30)
        page.text(
            ABOUT_ROW,
            COVER_COLUMN,
            sentences.describe_period(reconciliation.manifest),
            formats["bold"],
        )
        page.text(2, B, sentences.describe_times(reconciliation.manifest), formats["muted"])
        page.merged_text(
            HEADLINE_ROW,
            COVER_COLUMN,
            SUMMARY_LAST_COLUMN,
            sentences.format_headline(reconciliation, figures),
            formats.verdict(reconciliation.verdict),
        )
        page.height(HEADLINE_ROW, 30)
        page.text(6, B, names.get_heading("completeness"), formats["bold"])
        self.row = 6
        for sentence in (
            sentences.describe_completeness(reconciliation, figures),
            sentences.describe_discovery(reconciliation.manifest),
            say("about.limit"),
            *figures.ledgers,
            *sentences.describe_left_out_sheets(self.tables.values()),
        ):
            self._write_sentence(sentence, C, formats["wrapped"])
        restated = self.tables.get("restatement")
        for sentence in restated.notes if restated else ():
            link = format_link(names.get_sheet_name("restatement"), "A1", sentence)
            page.formula(self.row, B, link, sentence, formats["link"])
            self.row += 1
        for notice in reconciliation.notices:
            self._write_sentence(notice, B, formats["notice"])
        self.row += 1

    def _write_sentence(self, text: str, first: int, cell_format: object) -> None:
        width = CHARACTERS_ACROSS - (25 if first == C else 0)
        self.page.merged_text(self.row, first, SUMMARY_LAST_COLUMN, text, cell_format)
        self.page.height(self.row, 4 + 12 * count_text_lines(text, width))
        self.row += 1

    def _write_currency_totals(self, figures: ReportFigures) -> None:
        self.write_section(names.get_heading("glance"))
        page, formats = self.page, self.formats
        top = self.row
        page.text(top, RIGHT_HALF, say("summary.figures_agree"), formats["muted"])
        good = say("controls.ok")
        page.formula(top, SUMMARY_LAST_COLUMN, self.checks.overall_formula, good, formats["check"])
        colour_cells_by_text(
            page.worksheet, (top, top), SUMMARY_LAST_COLUMN, get_check_formats(formats)
        )
        all_checks = say("summary.all_checks")
        link = format_link(names.get_sheet_name("controls"), "A1", all_checks)
        page.formula(top + 1, RIGHT_HALF, link, all_checks, formats["link"])
        write_sign_off(self.workbook, page, formats, top + 3, RIGHT_HALF)
        if not figures.currency_totals:
            page.text(self.row, B, say("summary.no_orders"), formats["text"])
            self.row += 1
        for start in range(0, len(figures.currency_totals), CURRENCIES_PER_BLOCK):
            self._write_currencies_side_by_side(
                figures.currency_totals[start : start + CURRENCIES_PER_BLOCK]
            )
        self.row = max(self.row, top + 3 + SIGN_OFF_ROWS + 1)

    def _write_currencies_side_by_side(self, block: tuple[CurrencyTotals, ...]) -> None:
        page, formats = self.page, self.formats
        self.write_column_heads("", "", *(totals.currency for totals in block), right_from=D)
        for line in (
            ("summary.orders_expected", "rows_short", "orders", "", "orders"),
            ("table.order_total", "before_refunds", "orders", "total_minor", "ordered_minor"),
            ("summary.payments_read", "rows_short", "payments", "", "payments"),
            ("table.captured", "as_fetched_short", "payments", "captured_minor", "captured_minor"),
            ("table.refunded", "as_fetched_short", "payments", "refunded_minor", "refunded_minor"),
            ("table.discrepancies", "rows_short", "discrepancies", "", "discrepancies"),
            ("table.at_risk", "may_be_lost", "discrepancies", "at_risk_minor", "at_risk_minor"),
        ):
            key, note, sheet, column, figure = line
            label, about = say(key), say(f"summary.{note}")
            table = self.tables[sheet]
            last = figure == "at_risk_minor"
            page.height(self.row, SIGN_OFF_ROW_POINTS)
            page.text(self.row, B, label, formats["total_text" if last else "text"])
            page.text(self.row, C, about, formats["total_text" if last else "muted"])
            for place, totals in enumerate(block, D):
                currency = totals.currency
                value: int = getattr(totals, figure)
                if column:
                    formula = table.sum_if(column, currency=currency)
                    shown, cell_format = to_cell_amount(value), formats.money(currency, total=last)
                else:
                    formula = table.count_if(currency=currency)
                    shown, cell_format = value, formats["count"]  # type: ignore[assignment]
                write_live_total(
                    page, (self.row, place), table, formula, shown, cell_format=cell_format
                )
                self.add_cross_check(
                    say("checks.figure", name=label, currency=currency),
                    shown,
                    place,
                    table,
                    currency if column else "",
                )
            self.row += 1
        self.row += 1

    def add_cross_check(
        self, label: str, computed: object, column: int, table: SheetTable, currency: str
    ) -> None:
        """Add the figure in a column of the current row to the checks on Controls."""
        cell = xl_rowcol_to_cell(self.row, column, row_abs=True, col_abs=True)
        sheet = quote_sheet(names.get_sheet_name("summary"))
        formula = "" if table.overflow_file else f"{sheet}!{cell}"
        self.checks.add(label, computed, formula, currency)  # type: ignore[arg-type]

    def _write_codes(self, currency: str, codes: tuple[CodeTotals, ...]) -> None:
        page, formats = self.page, self.formats
        self.write_section(names.format_heading("codes", currency))
        if not codes:
            orders = self.tables["orders"].data.filter(currency=currency, bucket="discrepancy")
            sentence = sentences.describe_no_codes(currency, orders.height)
            page.text(self.row, B, sentence, formats["text"])
            self.row += 2
            return
        table = self.tables["discrepancies"]
        self.write_column_heads(
            *names.list_table_heads(
                "code", "what_it_means", "worst", "rows", "difference", "at_risk"
            ),
            right_from=E,
        )
        first = self.row
        for code in codes:
            self.write_code(B, code.kind, currency)
            page.text(self.row, C, names.get_code_title(code.kind), formats["text"])
            page.text(self.row, D, names.get_severity_name(code.severity), formats["text"])
            chosen = {"kind": code.kind, "currency": currency}
            for column, name, value in (
                (E, "", code.rows),
                (F, "difference_minor", code.difference_minor),
                (G, "at_risk_minor", code.at_risk_minor),
            ):
                formula = table.sum_if(name, **chosen) if name else table.count_if(**chosen)
                shown = to_cell_amount(value) if name else value
                cell_format = formats.money() if name else formats["count"]
                write_live_total(
                    page, (self.row, column), table, formula, shown, cell_format=cell_format
                )
                key = {"": "rows", "difference_minor": "difference"}.get(name, "at_risk")
                figure = say(f"checks.{key}")
                label = say("checks.of_code", code=code.kind, figure=figure, currency=currency)
                self.add_cross_check(label, shown, column, table, currency if name else "")
            self.row += 1
        self._write_code_totals(first, currency, codes)
        colour_cells_by_text(
            page.worksheet, (first, self.row - 1), D, formats.get_severity_formats()
        )
        self.row = insert_bar_chart(
            self,
            names.format_heading("risk_by_code", currency),
            [(c.kind, c.at_risk_minor, c.severity) for c in codes if c.at_risk_minor],
            rows=(first, self.row),
            columns=(B, G),
        )
        self.row += 1

    def write_code(self, column: int, kind: str, currency: str) -> None:
        """Add a code that leads to its first row on *Discrepancies*, if it has one there."""
        import polars as pl

        table = self.tables["discrepancies"]
        rows = table.data.head(table.rows).filter(
            pl.col("kind") == kind, pl.col("currency") == currency
        )
        if rows.is_empty():
            self.page.text(self.row, column, kind, self.formats["code"])
            return
        link = format_first_row_link(table, kind, kind=kind, currency=currency)
        self.page.formula(self.row, column, link, kind, self.formats["link"])

    def _write_code_totals(self, first: int, currency: str, codes: tuple[CodeTotals, ...]) -> None:
        page, formats = self.page, self.formats
        page.text(self.row, B, say("words.total", currency=currency), formats["total_text"])
        page.blank(self.row, range(C, E), formats["total_text"])
        for column, value, cell_format in (
            (E, sum(code.rows for code in codes), formats["total_count"]),
            (F, to_cell_amount(sum(c.difference_minor for c in codes)), formats.money(total=True)),
            (G, to_cell_amount(sum(c.at_risk_minor for c in codes)), formats.money(total=True)),
        ):
            top, end = (xl_rowcol_to_cell(row, column) for row in (first, self.row - 1))
            page.formula(self.row, column, f"=SUM({top}:{end})", value, cell_format)
        self.row += 1

    def _write_large_groups(self, figures: ReportFigures) -> None:
        if not figures.groups:
            return
        page, formats = self.page, self.formats
        self.write_section(names.get_heading("groups"))
        self.write_column_heads(
            *names.list_table_heads(
                "code", "where_concentrated", "currency", "rows", "share", "at_risk"
            ),
            right_from=E,
        )
        for group in figures.groups:
            self.write_code(B, group.kind, group.currency)
            page.text(
                self.row, C, group.where or say("summary.nothing_in_common"), formats["wrapped"]
            )
            page.text(self.row, D, group.currency, formats["text"])
            page.number(self.row, E, group.rows, formats["count"])
            page.number(self.row, F, group.share, formats["share"])
            page.number(self.row, G, to_cell_amount(group.at_risk_minor), formats.money())
            page.merged_text(
                self.row, RIGHT_HALF, SUMMARY_LAST_COLUMN, group.cause, formats["muted_wrapped"]
            )
            high = max(count_text_lines(group.cause, 66), count_text_lines(group.where, 42))
            page.height(self.row, 3 + 12 * high)
            self.row += 1
        self.row += 1
