"""The Summary: what a controller reads first, and signs for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.money import format_count
from vippsrecon.report import names, sentences
from vippsrecon.report.excel.bridge import Statement
from vippsrecon.report.excel.chart import at_risk_chart, height_pixels
from vippsrecon.spreadsheet.cross_checks import Checks, live, major
from vippsrecon.spreadsheet.formats import colour_words
from vippsrecon.spreadsheet.layout import Page, lines_of

if TYPE_CHECKING:
    from xlsxwriter import Workbook

    from vippsrecon.report.figures import Bucket, Code, Glance, Tally
    from vippsrecon.report.frames import Reconciled
    from vippsrecon.spreadsheet.formats import Looks
    from vippsrecon.spreadsheet.table import Table

SHEET = "Summary"
WIDTHS = (1.5, 25, 39, 15, 15, 15, 16, 2, 15, 13, 13, 13, 15)
"""Columns A to M: margin, label, meaning, four figures, gap, the right half."""

B, C, D, E, F, G, RIGHT, LAST = 1, 2, 3, 4, 5, 6, 8, 12
CHARACTERS_ACROSS = 175
CURRENCIES_ABREAST = 4
ROW_PIXELS = 20


@dataclass
class Summary:
    """The Summary sheet while it is laid out, from the top down.

    Attributes:
        page: Its cells.
        looks: The workbook's formats.
        tables: The other sheets, whose rows the totals sum.
        checks: Collects each total for Controls.
        row: The next free row.
    """

    workbook: Workbook
    page: Page
    looks: Looks
    tables: dict[str, Table]
    checks: Checks
    row: int = 0

    def write(self, reconciliation: Reconciled, figures: Tally) -> None:
        """Lay out the whole sheet and write it."""
        self._cover(reconciliation, figures)
        self._glances(figures)
        for currency in figures.currencies:
            self._codes(currency, figures.codes_of(currency))
        self._groups(figures)
        for currency in figures.currencies:
            self._buckets(currency, figures.buckets_of(currency))
        if figures.legs:
            self._section("Bridge, per sales unit and currency")
            self.row = Statement(self.page, self.looks, self.tables["Payments"], self.checks).write(
                figures, self.row
            )
        worksheet = self.page.worksheet
        for column, width in enumerate(WIDTHS):
            worksheet.set_column(column, column, width)
        worksheet.hide_gridlines(2)
        worksheet.set_default_row(15)
        worksheet.print_area(0, 0, self.row, LAST)
        self.page.write()

    def _cover(self, reconciliation: Reconciled, figures: Tally) -> None:
        page, looks = self.page, self.looks
        page.text(0, B, "Reconciliation of orders and payments", looks["title"])
        page.height(0, 30)
        page.text(1, B, sentences.period(reconciliation.manifest), looks["bold"])
        page.text(2, B, sentences.moments(reconciliation.manifest), looks["muted"])
        page.across(
            4,
            B,
            LAST,
            sentences.headline(reconciliation, figures),
            looks.verdict(reconciliation.verdict),
        )
        page.height(4, 30)
        page.text(6, B, "Completeness", looks["bold"])
        self.row = 6
        for sentence in (
            sentences.completeness(reconciliation, figures),
            sentences.discovered(reconciliation.manifest),
            names.BLIND_SPOT,
        ):
            self._sentence(sentence, C, looks["wrapped"])
        for notice in reconciliation.notices:
            self._sentence(notice, B, looks["notice"])
        self.row += 1

    def _sentence(self, text: str, first: int, look: object) -> None:
        width = CHARACTERS_ACROSS - (25 if first == C else 0)
        self.page.across(self.row, first, LAST, text, look)
        self.page.height(self.row, 4 + 12 * lines_of(text, width))
        self.row += 1

    def _section(self, title: str, last: int = LAST) -> None:
        look = self.looks["section"]
        self.page.text(self.row, B, title, look)
        self.page.blank(self.row, range(B, last + 1), look)
        self.page.height(self.row, 21)
        self.row += 1

    def _head(self, *titles: str, first: int = B, right_from: int = D) -> None:
        for column, title in enumerate(titles, first):
            look = self.looks["head_right" if column >= right_from else "head"]
            self.page.text(self.row, column, title, look)
        self.row += 1

    def _glances(self, figures: Tally) -> None:
        self._section("At a glance")
        page, looks = self.page, self.looks
        top = self.row
        page.text(top, RIGHT, "Figures agree with formulas", looks["muted"])
        page.formula(top, LAST, self.checks.overall, "OK", looks["check"])
        colour_words(page.worksheet, (top, top), LAST, looks.checks())
        page.text(
            top + 1, RIGHT, "Each check: sheet Controls. Amounts in major units,", looks["muted"]
        )
        page.text(top + 2, RIGHT, "per currency; two currencies are never added.", looks["muted"])
        if not figures.glances:
            page.text(self.row, B, "No orders and no payments.", looks["text"])
            self.row += 3
        for start in range(0, len(figures.glances), CURRENCIES_ABREAST):
            self._abreast(figures.glances[start : start + CURRENCIES_ABREAST])
        self.row += 1

    def _abreast(self, glances: tuple[Glance, ...]) -> None:
        page, looks = self.page, self.looks
        self._head("", "", *(glance.currency for glance in glances))
        for line in (
            ("Orders expected", "rows", "Orders", "", "orders"),
            ("Order total", "before refunds", "Orders", "total_minor", "ordered_minor"),
            ("Payments read", "rows", "Payments", "", "payments"),
            ("Captured", "as fetched", "Payments", "captured_minor", "captured_minor"),
            ("Refunded", "as fetched", "Payments", "refunded_minor", "refunded_minor"),
            ("Discrepancies", "rows", "Discrepancies", "", "discrepancies"),
            ("At risk", "may be lost or owed", "Discrepancies", "at_risk_minor", "at_risk_minor"),
        ):
            label, about, sheet, column, figure = line
            table = self.tables[sheet]
            last = label == "At risk"
            page.text(self.row, B, label, looks["total_text" if last else "text"])
            page.text(self.row, C, about, looks["total_text" if last else "muted"])
            for place, glance in enumerate(glances, D):
                currency = glance.currency
                value: int = getattr(glance, figure)
                if column:
                    formula = table.sum_if(column, currency=currency)
                    shown, look = major(value), looks.money(currency, total=last)
                else:
                    formula = table.count_if(currency=currency)
                    shown, look = value, looks["count"]  # type: ignore[assignment]
                live(page, (self.row, place), table, formula, shown, look=look)
                self._check(f"{label}, {currency}", shown, place, table, currency if column else "")
            self.row += 1
        self.row += 1

    def _check(self, what: str, computed: object, column: int, table: Table, currency: str) -> None:
        cell = xl_rowcol_to_cell(self.row, column, row_abs=True, col_abs=True)
        formula = "" if table.spilled else f"{SHEET}!{cell}"
        self.checks.add(what, computed, formula, currency)  # type: ignore[arg-type]

    def _codes(self, currency: str, codes: tuple[Code, ...]) -> None:
        page, looks = self.page, self.looks
        self._section(f"Discrepancies by code, {currency}")
        if not codes:
            page.text(self.row, B, self._none(currency), looks["text"])
            self.row += 2
            return
        table = self.tables["Discrepancies"]
        self._head("Code", "What it means", "Worst", "Rows", "Difference", "At risk", right_from=E)
        first = self.row
        for code in codes:
            page.text(self.row, B, code.kind, looks["code"])
            page.text(self.row, C, names.meaning(code.kind), looks["text"])
            page.text(self.row, D, code.severity, looks["text"])
            chosen = {"kind": code.kind, "currency": currency}
            for column, name, value in (
                (E, "", code.rows),
                (F, "difference_minor", code.difference_minor),
                (G, "at_risk_minor", code.at_risk_minor),
            ):
                formula = table.sum_if(name, **chosen) if name else table.count_if(**chosen)
                shown = major(value) if name else value
                look = looks.money() if name else looks["count"]
                live(page, (self.row, column), table, formula, shown, look=look)
                said = {"": "rows", "difference_minor": "difference"}.get(name, "at risk")
                what = f"{code.kind}, {said}, {currency}"
                self._check(what, shown, column, table, currency if name else "")
            self.row += 1
        self._sums(first, currency, codes)
        colour_words(page.worksheet, (first, self.row - 1), D, looks.severities())
        chart = at_risk_chart(
            self.workbook, SHEET, currency, codes, first_row=first, columns=(B, G)
        )
        if chart is not None:
            page.worksheet.insert_chart(first - 1, RIGHT, chart, {"x_offset": 2, "y_offset": 2})
            self.row = max(self.row, first + height_pixels(codes) // ROW_PIXELS)
        self.row += 1

    def _none(self, currency: str) -> str:
        import polars as pl

        orders = self.tables["Orders"].data
        wrong = (pl.col("currency") == currency) & (pl.col("bucket") == "discrepancy")
        found = orders.filter(wrong).height
        if not found:
            return f"None in {currency}."
        return (
            f"None is counted in {currency}. {format_count(found, 'order')} in {currency} "
            f"{'has its' if found == 1 else 'have their'} payment in another currency: see "
            "currency_mismatch there."
        )

    def _sums(self, first: int, currency: str, codes: tuple[Code, ...]) -> None:
        page, looks = self.page, self.looks
        page.text(self.row, B, f"Total {currency}", looks["total_text"])
        page.blank(self.row, range(C, E), looks["total_text"])
        for column, value, look in (
            (E, sum(code.rows for code in codes), looks["total_count"]),
            (F, major(sum(c.difference_minor for c in codes)), looks.money(total=True)),
            (G, major(sum(c.at_risk_minor for c in codes)), looks.money(total=True)),
        ):
            top, end = (xl_rowcol_to_cell(row, column) for row in (first, self.row - 1))
            page.formula(self.row, column, f"=SUM({top}:{end})", value, look)
        self.row += 1

    def _groups(self, figures: Tally) -> None:
        if not figures.groups:
            return
        page, looks = self.page, self.looks
        self._section("Large groups: more than 20 rows of one code and cause")
        self._head(
            "Code", "Where concentrated", "Currency", "Rows", "Share", "At risk", right_from=E
        )
        for group in figures.groups:
            page.text(self.row, B, group.kind, looks["code"])
            page.text(self.row, C, group.where or "nothing in common", looks["wrapped"])
            page.text(self.row, D, group.currency, looks["text"])
            page.number(self.row, E, group.rows, looks["count"])
            page.number(self.row, F, group.share, looks["share"])
            page.number(self.row, G, major(group.at_risk_minor), looks.money())
            page.across(self.row, RIGHT, LAST, group.cause, looks["muted_wrapped"])
            high = max(lines_of(group.cause, 66), lines_of(group.where, 42))
            page.height(self.row, 3 + 12 * high)
            self.row += 1
        self.row += 1

    def _buckets(self, currency: str, buckets: tuple[Bucket, ...]) -> None:
        if not buckets:
            return
        page, looks = self.page, self.looks
        self._section(f"Outcome of every order and payment, {currency}")
        page.across(self.row, RIGHT, LAST, "What the code means", looks["head"])
        self._head("Outcome", "Code", "Orders", "Order total", "Payments", "Captured")
        first = self.row
        orders, payments = self.tables["Orders"], self.tables["Payments"]
        for bucket in buckets:
            name = names.BUCKETS.get(bucket.bucket, bucket.bucket or "Outside the period")
            page.text(self.row, B, name, looks["text"])
            page.text(self.row, C, bucket.kind, looks["code"])
            page.text(self.row, RIGHT, names.meaning(bucket.kind), looks["text"])
            chosen = {"bucket": bucket.bucket, "kind": bucket.kind, "currency": currency}
            for column, table, amount, value in (
                (D, orders, "", bucket.orders),
                (E, orders, "total_minor", bucket.ordered_minor),
                (F, payments, "", bucket.payments),
                (G, payments, "captured_minor", bucket.captured_minor),
            ):
                formula = table.sum_if(amount, **chosen) if amount else table.count_if(**chosen)
                shown = major(value) if amount else value
                look = looks.money() if amount else looks["count"]
                live(page, (self.row, column), table, formula, shown, look=look)
                side = "orders" if table is orders else "payments"
                what = f"{' '.join(filter(None, (name, bucket.kind)))}: {side}{' amount' if amount else ''}, {currency}"
                self._check(what, shown, column, table, currency if amount else "")
            self.row += 1
        page.text(self.row, B, f"Total {currency}", looks["total_text"])
        page.blank(self.row, range(C, D), looks["total_text"])
        for column, figure in (
            (D, "orders"),
            (E, "ordered_minor"),
            (F, "payments"),
            (G, "captured_minor"),
        ):
            top, end = (xl_rowcol_to_cell(row, column) for row in (first, self.row - 1))
            total = sum(getattr(bucket, figure) for bucket in buckets)
            money = figure.endswith("_minor")
            look = looks.money(total=True) if money else looks["total_count"]
            page.formula(
                self.row, column, f"=SUM({top}:{end})", major(total) if money else total, look
            )
        self.row += 2
