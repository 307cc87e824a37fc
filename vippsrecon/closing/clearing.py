"""Prove the clearing account: at any date its balance is itemised to the minor unit."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from vippsrecon import schemas
from vippsrecon.closing.balances import LedgerBalance, read_balances
from vippsrecon.closing.payout_receipts import list_open_payouts


def prove_clearing_account(
    vouchers: Any, ledger_entries: Any, payouts: Any, at: date
) -> pl.DataFrame:
    """Itemise the clearing account at the end of a day.

    Two ways to one figure: the account is the ledger's opening balance and the clearing lines of the
    vouchers; the items are the ledger's balance, each payout that no voucher has booked yet, and the
    vouchers of a closed month, which are not written. What is left is the item `unexplained`; without
    it the account is proven.

    Args:
        vouchers: `schemas.VOUCHERS` from the first day of the data; the account is without the blocked
            ones.
        ledger_entries: `schemas.LEDGER_ENTRIES`.
        payouts: `schemas.PAYOUTS`.
        at: The day.

    Returns:
        `schemas.CLEARING`, a row per item that is not 0. An account that is zero has no rows.
    """
    clearing_lines = schemas.to_polars(vouchers, schemas.VOUCHERS).filter(
        pl.col("role") == "clearing", pl.col("voucher_date") <= at
    )
    funds = schemas.to_polars(ledger_entries, schemas.LEDGER_ENTRIES).filter(
        pl.col("topic") == "funds"
    )
    all_payouts = schemas.to_polars(payouts, schemas.PAYOUTS)
    rows: list[tuple[Any, ...]] = []
    for balance in read_balances(funds, at):
        rows += _itemise(balance, clearing_lines, funds, all_payouts, at)
    frame = pl.DataFrame(rows, schema=schemas.polars_schema(schemas.CLEARING), orient="row")
    return schemas.cast_to_schema(frame, schemas.CLEARING)


def _itemise(
    balance: LedgerBalance,
    clearing_lines: pl.DataFrame,
    funds: pl.DataFrame,
    payouts: pl.DataFrame,
    at: date,
) -> list[tuple[Any, ...]]:
    mine = (pl.col("ledger_id") == balance.ledger_id) & (pl.col("currency") == balance.currency)
    lines = clearing_lines.filter(mine)
    # A file without balances begins at an unknown balance; then the account is counted from its start.
    opening = balance.opening_minor or 0
    blocked = int(lines.filter(pl.col("status") == "blocked")["amount_minor"].sum())
    account = opening + int(lines["amount_minor"].sum()) - blocked
    booked = {
        number: -amount
        for number, amount in lines.filter(pl.col("kind") == "receipt")
        .group_by("payout_number")
        .agg(pl.col("amount_minor").sum())
        .iter_rows()
    }
    stated = balance.balance_minor
    ledger = opening + balance.movement_minor if stated is None else stated
    items: list[tuple[str, str | None, date | None, int]] = [
        ("ledger_balance", None, balance.last_date, ledger)
    ]
    ordered = list_open_payouts(payouts.filter(mine), funds.filter(mine), at)
    for number, day, amount in ordered.select(
        "payout_number", "ledger_date", "amount_minor"
    ).iter_rows():
        items.append(("payout", number, day, amount - booked.pop(number, 0)))
    items.append(("blocked", None, None, -blocked))
    items.append(("unexplained", None, None, account - sum(item[3] for item in items)))
    return [
        (at, balance.ledger_id, balance.msn, balance.currency, *item, account, opening)
        for item in items
        if item[3]
    ]
