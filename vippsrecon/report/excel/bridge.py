"""The bridge as a statement: from orders to money, line by line, to a foot that is a formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xlsxwriter.utility import xl_rowcol_to_cell

from vippsrecon.report import names
from vippsrecon.spreadsheet.cross_checks import Checks, live, major

if TYPE_CHECKING:
    from vippsrecon.report.figures import Leg, Tally
    from vippsrecon.spreadsheet.formats import Looks
    from vippsrecon.spreadsheet.layout import Page
    from vippsrecon.spreadsheet.table import Table

SHEET = "Summary"
LEFT = (1, 4)
RIGHT = (8, 12)
"""Columns of label and amount: captured to the left, refunded to the right."""


@dataclass
class Statement:
    """The bridge's blocks on the Summary, one pair of legs per sales unit and currency.

    Below each foot stands what the payments' own totals were when fetched, and the difference:
    events after the moment compared at, or totals that disagree with their events.

    Attributes:
        page: The Summary's cells.
        looks: The workbook's formats.
        payments: The sheet whose totals stand below each foot.
        checks: Collects each foot for Controls.
    """

    page: Page
    looks: Looks
    payments: Table
    checks: Checks

    def write(self, figures: Tally, row: int) -> int:
        """Lay the statement out from `row` on; return the next free row."""
        blocks: dict[tuple[str, str], list[Leg]] = {}
        for leg in figures.legs:
            blocks.setdefault((leg.currency, leg.msn), []).append(leg)
        for (currency, msn), legs in blocks.items():
            self.page.text(row, LEFT[0], f"Sales unit {msn}, {currency}", self.looks["bold"])
            row = max(self._leg(leg, row + 1) for leg in legs) + 1
        return row

    def _leg(self, leg: Leg, row: int) -> int:
        page, looks = self.page, self.looks
        heading, foot = names.LEGS.get(leg.leg, (leg.leg, leg.leg))
        label, amount = LEFT if leg.leg == "captured" else RIGHT
        page.across(row, label, amount - 1, heading, looks["head"])
        page.text(row, amount, "Amount", looks["head_right"])
        first = row = row + 1
        for line, minor, _ in leg.lines:
            self._line(leg, line, row)
            page.number(row, amount, major(minor), looks.money())
            row += 1
        page.text(row, label, foot, looks["total_text"])
        page.blank(row, range(label, amount), looks["total_text"])
        top, end = (xl_rowcol_to_cell(at, amount) for at in (first, row - 1))
        formula = f"=SUM({top}:{end})" if leg.lines else "=0"
        page.formula(row, amount, formula, major(leg.foot_minor), looks.money(total=True))
        self._check(f"Bridge foots: {leg.leg}", leg, leg.foot_minor, (row, amount))
        return self._as_fetched(leg, row)

    def _as_fetched(self, leg: Leg, foot: int) -> int:
        page, looks = self.page, self.looks
        label, amount = LEFT if leg.leg == "captured" else RIGHT
        fetched, later = foot + 1, foot + 2
        page.text(fetched, label, "Payments' totals as fetched", looks["muted"])
        formula = self.payments.sum_if(f"{leg.leg}_minor", msn=leg.msn, currency=leg.currency)
        value = major(leg.fetched_minor)
        live(page, (fetched, amount), self.payments, formula, value, look=looks.money())
        if not self.payments.spilled:
            self._check(f"As fetched: {leg.leg}", leg, leg.fetched_minor, (fetched, amount))
        page.text(later, label, "Later events, or totals that disagree", looks["muted"])
        ends = (xl_rowcol_to_cell(at, amount) for at in (fetched, foot))
        gap = major(leg.fetched_minor - leg.foot_minor)
        page.formula(later, amount, f"=ROUND({'-'.join(ends)},2)", gap, looks.money())
        return later + 1

    def _check(self, what: str, leg: Leg, minor: int, cell: tuple[int, int]) -> None:
        at = xl_rowcol_to_cell(*cell, row_abs=True, col_abs=True)
        said = f"{what}, {leg.msn}, {leg.currency}"
        self.checks.add(said, major(minor), f"{SHEET}!{at}", leg.currency)

    def _line(self, leg: Leg, line: str, row: int) -> None:
        label = LEFT[0] if leg.leg == "captured" else RIGHT[0]
        if leg.leg == "captured" and line in names.MEANINGS:
            self.page.text(row, label, line, self.looks["code"])
            self.page.text(row, label + 1, names.meaning(line), self.looks["text"])
        else:
            self.page.text(row, label, names.line_name(line, leg.leg), self.looks["text"])
