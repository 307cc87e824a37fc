"""Sum the lines and balances of a file, by currency and account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from vippsrecon.sources.bank.statement import ParsedFile, Statement


def sum_statements(file: ParsedFile) -> dict[str, dict[str, Any]]:
    """Return a file's totals by currency, in minor units.

    Returns:
        Currency to `entries`, `credits_minor`, `debits_minor` (both positive), `opening_minor` and
        `closing_minor`; these are None where a statement does not state them. If there are several
        accounts, `accounts` lists the same for each, and the balances are their sums.
    """
    totals = {}
    for currency in sorted({statement.currency for statement in file.statements}):
        statements = [s for s in file.statements if s.currency == currency]
        lines = file.lines.filter(pl.col("currency") == currency)
        accounts = list(dict.fromkeys(statement.account for statement in statements))
        each = [
            {"account": account} | _sum_account(lines, statements, account) for account in accounts
        ]
        if len(each) == 1:
            totals[currency] = {name: value for name, value in each[0].items() if name != "account"}
        else:
            totals[currency] = _add_up(each) | {"accounts": each}
    return totals


def _sum_account(
    lines: pl.DataFrame, statements: Sequence[Statement], account: str | None
) -> dict[str, Any]:
    own = [statement for statement in statements if statement.account == account]
    first = min(own, key=_order_by_first_day)
    last = max(own, key=_order_by_last_day)
    amounts = lines.filter(pl.col("account").eq_missing(pl.lit(account)))["amount_minor"]
    return {
        "entries": amounts.len(),
        "credits_minor": int(amounts.filter(amounts > 0).sum()),
        "debits_minor": -int(amounts.filter(amounts < 0).sum()),
        "opening_minor": first.opening_minor,
        "closing_minor": last.closing_minor,
    }


def _add_up(accounts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sums: dict[str, Any] = {}
    for name in ("entries", "credits_minor", "debits_minor", "opening_minor", "closing_minor"):
        values = [account[name] for account in accounts]
        sums[name] = None if None in values else sum(values)
    return sums


def _order_by_first_day(statement: Statement) -> tuple[date, date, int]:
    return statement.first_date or date.min, statement.last_date or date.min, statement.number


def _order_by_last_day(statement: Statement) -> tuple[date, int]:
    return statement.last_date or date.min, statement.number
