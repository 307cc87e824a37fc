"""Payouts: which ledger dates each covers, and when its money was booked by the bank."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from vippsrecon.vipps_rules import PAYOUT_ABORTED, read_payout_number

PAYOUT = ["ledger_id", "currency", "payout_number"]


class Receipt(NamedTuple):
    """Money of one payout that the bank booked on one day.

    Attributes:
        ledger_id, currency, payout_number: The payout.
        msn: Its sales unit.
        booked_date: The day in the bank.
        amount_minor: The amount; several of one payout may differ from it.
        lines: Number of bank lines.
    """

    ledger_id: str
    currency: str
    payout_number: str
    msn: str
    booked_date: date
    amount_minor: int
    lines: int


def read_matches(matches: Any) -> pl.DataFrame:
    """Return the matches that nobody has to confirm: a proposed one books nothing."""
    frame = matches if isinstance(matches, pl.DataFrame) else pl.DataFrame(matches)
    return frame.filter(~pl.col("proposed"))


def list_receipts(payouts: pl.DataFrame, matches: Any, bank_lines: pl.DataFrame) -> list[Receipt]:
    """Return what the bank booked of each payout, by day.

    The amounts of all receipts sum to those of the matched lines: where one line is for several
    payouts, each has its own amount, and the last one what is left of the line.

    Args:
        payouts: `schemas.PAYOUTS`.
        matches: `schemas.PAYOUT_MATCHES`. A match that is only proposed books nothing.
        bank_lines: `schemas.BANK_LINES`.
    """
    key = ["source_file", "source_row"]
    lines = bank_lines.select(*key, "booked_date", line_minor="amount_minor").unique(key)
    booked = (
        read_matches(matches)
        .select(*PAYOUT, "msn", *key)
        .unique()
        .join(lines, on=key)
        .sort(*key, *PAYOUT)
    )
    amounts = {
        (row["ledger_id"], row["currency"], row["payout_number"]): row["amount_minor"]
        for row in payouts.iter_rows(named=True)
    }
    rows_by_line: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in booked.iter_rows(named=True):
        rows_by_line[row["source_file"], row["source_row"]].append(row)
    totals: dict[tuple[str, str, str, str, date], list[int]] = defaultdict(lambda: [0, 0])
    for rows in rows_by_line.values():
        remaining = rows[0]["line_minor"]
        for number, row in enumerate(rows, start=1):
            payout = row["ledger_id"], row["currency"], row["payout_number"]
            share = remaining if number == len(rows) else amounts.get(payout, 0)
            remaining -= share
            total = totals[*payout, row["msn"], row["booked_date"]]
            total[0] += share
            total[1] += 1
    return [
        Receipt(*payout_day, amount, count)
        for payout_day, (amount, count) in sorted(totals.items())
        if amount
    ]


def assign_payouts(entries: pl.DataFrame, payouts: pl.DataFrame) -> pl.DataFrame:
    """Add to each entry the payout that covers its ledger date: `payout_number`, `payout_date`.

    A payout covers whole ledger dates, from the day after the payout before it. Null: not paid out
    yet. An aborted payout covers nothing; its entries are in the next one.

    Args:
        entries: Entries of the funds topic.
        payouts: `schemas.PAYOUTS`.
    """
    covering = (
        payouts.filter(pl.col("status") != "aborted")
        .sort("ledger_date", "payout_number")
        .unique(["ledger_id", "currency", "ledger_date"], keep="first", maintain_order=True)
        .select("ledger_id", "currency", "payout_number", payout_date="ledger_date")
    )
    return entries.sort("ledger_date").join_asof(
        covering.sort("payout_date"),
        left_on="ledger_date",
        right_on="payout_date",
        by=["ledger_id", "currency"],
        strategy="forward",
        check_sortedness=False,
    )


def read_entry_numbers(entries: pl.DataFrame) -> pl.Series:
    """Return the number of the payout that each entry states, in the order of the entries."""
    columns = ("psp_reference", "reference", "ledger_id", "ledger_date")
    numbers = [read_payout_number(*row) for row in entries.select(columns).iter_rows()]
    return pl.Series(numbers, dtype=pl.String)


def list_open_payouts(payouts: pl.DataFrame, entries: pl.DataFrame, at: date) -> pl.DataFrame:
    """Return the payouts that were ordered by a day and not aborted by then.

    Args:
        payouts: `schemas.PAYOUTS`.
        entries: Entries of the funds topic: they tell when a payout was aborted.
        at: The day.
    """
    aborted = (
        entries.filter(pl.col("entry_type") == PAYOUT_ABORTED)
        .group_by("ledger_id", "currency", "amount_minor")
        .agg(aborted_date=pl.col("ledger_date").max())
    )
    return (
        payouts.filter(pl.col("ledger_date") <= at)
        .join(aborted, on=["ledger_id", "currency", "amount_minor"], how="left")
        .filter((pl.col("status") != "aborted") | (pl.col("aborted_date") > at))
        .sort("ledger_id", "ledger_date", "payout_number")
    )
