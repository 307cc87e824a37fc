"""Arrange the proof of the clearing account: what it holds, and what that consists of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from vippsrecon.texts import format_money, say

_TYPES = {
    "item": pl.String,
    "msn": pl.String,
    "currency": pl.String,
    "ledger_id": pl.String,
    "account_minor": pl.Int64,
    "item_minor": pl.Int64,
    "unexplained_minor": pl.Int64,
    "payout_number": pl.String,
    "item_date": pl.Date,
}
_LEDGER = ["ledger_id", "currency"]


def build_clearing_rows(
    clearing: pl.DataFrame, cut_off: pl.DataFrame, vouchers: pl.DataFrame
) -> pl.DataFrame:
    """Return the clearing account of each ledger, first what it holds and then what that consists of.

    The account is in `account_minor`: what the ledger held before the data, the vouchers of the
    report, and those of other days. What it consists of is in `item_minor`; what is left between the
    two is in `unexplained_minor`. An account that is zero has one row, of 0.

    Args:
        clearing: `schemas.CLEARING`.
        cut_off: `schemas.CUT_OFF`: it names the sales units that have a ledger.
        vouchers: `schemas.VOUCHERS` of the report.
    """
    rows = [
        row
        for account in clearing.partition_by(_LEDGER, maintain_order=True)
        for row in _list_account(account, vouchers)
    ]
    with_ledger = cut_off.filter(
        pl.col("line") == "ledger_balance", pl.col("proof") != "not_compared"
    )
    shown = set(clearing.select("msn", "currency").iter_rows())
    rows += [
        {"item": "vouchers", "msn": msn, "currency": currency, "account_minor": 0}
        for msn, currency in with_ledger.select("msn", "currency").iter_rows()
        if (msn, currency) not in shown
    ]
    return pl.DataFrame(rows, schema=_TYPES).sort("currency", "msn", maintain_order=True)


def sum_vouchers(vouchers: pl.DataFrame, at: date, **equal: str) -> int:
    """Return what vouchers up to a day book on the clearing account; blocked ones book nothing."""
    return int(
        vouchers.filter(
            pl.col("role") == "clearing",
            pl.col("status") != "blocked",
            pl.col("voucher_date") <= at,
            *(pl.col(name) == value for name, value in equal.items()),
        )["amount_minor"].sum()
    )


def describe_clearing(rows: pl.DataFrame, at: date) -> tuple[str, ...]:
    """Return for each currency what the clearing account holds, whether that is itemised, and what is left out.

    Args:
        rows: Result of `build_clearing_rows`.
        at: The day of the proof.
    """
    sentences = []
    for currency in rows["currency"].unique().sort():
        own = rows.filter(pl.col("currency") == currency)
        # Two ledgers whose differences cancel out are not proven.
        unexplained = int(own["unexplained_minor"].abs().sum())
        sentence = say(
            "clearing.differs" if unexplained else "clearing.proven",
            day=at.isoformat(),
            account=format_money(int(own["account_minor"].sum()), currency),
            unexplained=format_money(unexplained, currency),
            sheet=say("sheets.cutoff"),
        )
        blocked = -int(own.filter(pl.col("item") == "blocked")["item_minor"].sum())
        if blocked:
            amount = format_money(blocked, currency)
            sentence = f"{sentence} {say('clearing.blocked', amount=amount)}"
        sentences.append(sentence)
    return tuple(sentences)


def _list_account(account: pl.DataFrame, vouchers: pl.DataFrame) -> Iterator[dict[str, Any]]:
    first = account.row(0, named=True)
    at, key = first["at_date"], {name: first[name] for name in _LEDGER}
    unit = key | {"msn": first["msn"]}
    shown = sum_vouchers(vouchers, at, **key)
    held = {
        "opening": first["opening_minor"],
        "vouchers": shown,
        "other_vouchers": first["account_minor"] - first["opening_minor"] - shown,
    }
    for item, amount in held.items():
        if amount or item == "vouchers":
            yield unit | {"item": item, "account_minor": amount}
    for row in account.iter_rows(named=True):
        column = "unexplained_minor" if row["item"] == "unexplained" else "item_minor"
        yield unit | {
            "item": row["item"],
            column: row["amount_minor"],
            "payout_number": row["payout_number"],
            "item_date": row["item_date"],
        }
