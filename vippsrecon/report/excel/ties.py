"""Compare lines of the bridge with the rows of the sheets *Ledger* and *Payouts and bank*.

The bridge counts the days of its period; the sheets have every row that was read. Each check is a formula
over the rows whose day is in the period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from vippsrecon.report import names
from vippsrecon.report.money.line_rows import ENTRY_TYPES
from vippsrecon.spreadsheet.cross_checks import CrossChecks, to_cell_amount
from vippsrecon.spreadsheet.ranges import format_criterion
from vippsrecon.texts import say

if TYPE_CHECKING:
    from vippsrecon.report.money.statement import StatementBlock
    from vippsrecon.spreadsheet.table import SheetTable

Period = tuple[date | None, date | None]

_DAY_0 = date(1899, 12, 30)
"""Excel counts days from here."""


class Tie(NamedTuple):
    """The rows that a line of the bridge is the sum of.

    Attributes:
        leg: The leg of the bridge.
        line: The line; "" for the total of the leg.
        sheet: The sheet of the rows.
        amount: The column that is added.
        day: The column of the day.
        entry_types: Types of ledger entries that count; none: all rows.
    """

    leg: str
    line: str
    sheet: str
    amount: str
    day: str
    entry_types: tuple[str, ...] = ()


TIES = (
    Tie("ledger", "", "ledger", "funds_minor", "ledger_date", ("capture", "refund")),
    *(
        Tie("payouts", line, "ledger", "funds_minor", "ledger_date", (entry_type,))
        for line, entry_type in ENTRY_TYPES.items()
    ),
    Tie("payouts", "", "payouts_bank", "amount_minor", "ledger_date"),
    Tie("bank", "", "payouts_bank", "bank_minor", "booked_date"),
)


def add_ties(
    statement: Sequence[StatementBlock],
    tables: Mapping[str, SheetTable],
    period: Period,
    checks: CrossChecks,
) -> None:
    """Add a check of each line of the bridge that is the sum of rows of a sheet.

    A line that is more than these rows gets none: a payout that arrived in parts, on both sides of the
    end of the period, is one row of its sheet.

    Args:
        statement: The bridge.
        tables: The sheets of the workbook.
        period: First and last day; None: no limit.
        checks: Receives the checks.
    """
    currencies = sorted({block.currency for block in statement})
    for tie in TIES:
        table = tables.get(tie.sheet)
        for currency in currencies if table is not None else ():
            amount = _sum_line(statement, tie, currency)
            if table is None or amount is None or _sum_rows(table, tie, currency, period) != amount:
                continue
            name = names.get_statement_line_name(tie.line, tie.leg) if tie.line else ""
            checks.add(
                say(
                    "checks.ties_to",
                    line=name or names.get_leg_names(tie.leg)[1],
                    currency=currency,
                    sheet=table.sheet,
                ),
                to_cell_amount(amount),
                "" if table.overflow_file else _write_formula(table, tie, currency, period),
                currency,
            )


def _sum_line(statement: Sequence[StatementBlock], tie: Tie, currency: str) -> int | None:
    """Return the amount of a line over all sales units; None where the bridge does not have it."""
    blocks = [block for block in statement if (block.leg, block.currency) == (tie.leg, currency)]
    if not tie.line:
        return sum(block.total_minor for block in blocks) if blocks else None
    amounts = [amount for block in blocks for line, amount, _ in block.lines if line == tie.line]
    return sum(amounts) if amounts else None


def _sum_rows(table: SheetTable, tie: Tie, currency: str, period: Period) -> int:
    first, last = period
    day = pl.col(tie.day)
    rows = table.data.filter(
        pl.col("currency") == currency,
        pl.lit(value=True) if first is None else day >= first,
        pl.lit(value=True) if last is None else day <= last,
        pl.col("entry_type").is_in(tie.entry_types) if tie.entry_types else pl.lit(value=True),
    )
    return int(rows[tie.amount].sum())


def _write_formula(table: SheetTable, tie: Tie, currency: str, period: Period) -> str:
    shared = [("currency", format_criterion(currency)), *_limit_days(tie.day, period)]
    kinds = [[("entry_type", format_criterion(name))] for name in tie.entry_types] or [[]]
    return "+".join(table.sum_where(tie.amount, [*shared, *kind]) for kind in kinds)


def _limit_days(column: str, period: Period) -> Iterator[tuple[str, str]]:
    for sign, day in zip((">=", "<="), period, strict=True):
        if day is not None:
            yield column, f'"{sign}{(day - _DAY_0).days}"'
