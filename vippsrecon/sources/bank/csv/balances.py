"""Find the balances of a bank's CSV: in a column, or in rows above or below the lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from vippsrecon.sources.bank.balances import sum_moved
from vippsrecon.sources.bank.csv.profiles import BankProfile
from vippsrecon.sources.bank.statement import Statement
from vippsrecon.sources.files.table import MARKS
from vippsrecon.sources.orders.fields.amounts import AmountStyle, parse_amounts
from vippsrecon.texts import say, say_number

_OPENING = re.compile(r"(?i)^\s*(inng[åa]ende|ingående|primosaldo|alkusaldo|opening balance)")
_CLOSING = re.compile(r"(?i)^\s*(utg[åa]ende|utgående|ultimosaldo|loppusaldo|closing balance)")
_OTHER = re.compile(r"(?i)^\s*(saldo|total|sum\b|antall|yhteensä|balance)")
_AMOUNT = re.compile(r"^[-+]?[0-9][0-9 .\u00a0\u202f]*,[0-9]{2}$")
_STYLE = AmountStyle(",", groups=" .\u00a0\u202f")
_WORDS = re.compile(r"(?i)\s*(nok|dkk|sek|eur|kr\.?|€)\s*$")


class BalanceRows(NamedTuple):
    """Amounts of the rows about the file itself; None where there is no such row."""

    opening: str | None = None
    closing: str | None = None


def find_balance_rows(rows: pl.DataFrame, booked: int) -> tuple[pl.DataFrame, BalanceRows]:
    """Separate the rows that state a balance or a sum from the lines.

    Args:
        rows: The cells of a table, as `Table.columns` gives them.
        booked: Position of the column with the booking day.
    """
    is_other = (
        pl.col("c0").str.contains(_OPENING.pattern)
        | pl.col("c0").str.contains(_CLOSING.pattern)
        | pl.col("c0").str.contains(_OTHER.pattern)
    ) & ~pl.col(f"c{booked}").str.contains(r"^\W*[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}")
    others = rows.filter(is_other)
    opening = closing = None
    for cells in others.drop("row", "fault", "part").iter_rows():
        amount = _find_amount(cells[1:])
        if _OPENING.match(cells[0]):
            opening = opening or amount
        elif _CLOSING.match(cells[0]):
            closing = amount or closing
    return rows.filter(~is_other), BalanceRows(opening, closing)


def build_statements(
    lines: pl.DataFrame, balances: BalanceRows, profile: BankProfile, file: str
) -> tuple[list[Statement], pl.DataFrame, list[str]]:
    """Return one statement per account and currency, the lines with its number, and notes."""
    notes = []
    statements = []
    numbered = []
    groups = lines.partition_by("account", "currency", maintain_order=True) or [lines]
    for number, own in enumerate(groups, start=1):
        days = own["booked_date"].sort().to_list()
        account = own["account"][0] if own.height else None
        currency = own["currency"][0] if own.height else profile.currency or "NOK"
        opening, closing, breaks = _follow_balances(own)
        if len(groups) == 1:
            opening = _parse_balance(balances.opening, currency) if balances.opening else opening
            closing = _parse_balance(balances.closing, currency) if balances.closing else closing
        if breaks:
            notes.append(say_number("bank_notes.balance_breaks", breaks))
        statements.append(
            Statement(
                file,
                number,
                None,
                None,
                account,
                currency,
                opening,
                closing,
                days[0] if days else None,
                days[-1] if days else None,
                sum_moved(own, file),
            )
        )
        numbered.append(own.with_columns(statement=pl.lit(number, pl.Int64)))
    if not lines.height:
        notes.append(say("bank_notes.no_line"))
    return statements, pl.concat(numbered), notes


def _follow_balances(lines: pl.DataFrame) -> tuple[int | None, int | None, int]:
    """Return opening and closing balance by the balance column, and how often it breaks.

    The newest row may be first or last.
    """
    rows = lines.filter(pl.col("balance_minor").is_not_null())
    if rows.height < lines.height or not rows.height:
        return None, None, 0
    amounts, after = rows["amount_minor"].to_list(), rows["balance_minor"].to_list()
    if _is_newest_first(rows["booked_date"].to_list(), amounts, after):
        amounts, after = amounts[::-1], after[::-1]
    breaks = _count_breaks(amounts, after)
    return after[0] - amounts[0], after[-1], breaks


def _is_newest_first(days: Sequence[date], amounts: Sequence[int], after: Sequence[int]) -> bool:
    if days[0] != days[-1]:
        return days[0] > days[-1]
    return _count_breaks(amounts[::-1], after[::-1]) < _count_breaks(amounts, after)


def _count_breaks(amounts: Sequence[int], after: Sequence[int]) -> int:
    return sum(
        balance != before + amount
        for before, amount, balance in zip(after, amounts[1:], after[1:], strict=False)
    )


def _find_amount(cells: Sequence[str]) -> str | None:
    for cell in cells:
        amount = _WORDS.sub("", cell.lstrip(MARKS)).strip()
        if _AMOUNT.match(amount):
            return amount
    return None


def _parse_balance(text: str, currency: str) -> int | None:
    parsed = parse_amounts(pl.Series([text]), pl.Series([currency]), _STYLE)
    minor = parsed.minor[0]
    return minor if isinstance(minor, int) else None
