"""Balances of ledgers at a date, proven from the balances that the entries state themselves.

The order of rows does not matter: within a day the first and the last balance are found as the two
ends of the chain `balance_before` → `balance_after`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import polars as pl

from vippsrecon.vipps_rules import PAYOUT_TYPES

LEDGER = ["ledger_id", "currency"]
_LAST_TYPES = {"funds": PAYOUT_TYPES, "fees": ("fees-retained",)}
"""Topic to the entry types with which a day ends."""


class LedgerBalance(NamedTuple):
    """The balance of one ledger at the end of a day.

    Attributes:
        ledger_id, currency: The ledger.
        msn: Its sales unit; of several, the smallest number.
        opening_minor: Balance before the first entry of the data; None where no entry states it.
        movement_minor: Sum of the entries up to the day.
        balance_minor: Balance after the last of them, as the entries state it; None where none does.
        proof: proven, contradicted, computed or unknown, see `schemas.CUT_OFF`.
        last_date: Ledger date of the latest entry up to the day.
    """

    ledger_id: str
    currency: str
    msn: str
    opening_minor: int | None
    movement_minor: int
    balance_minor: int | None
    proof: str
    last_date: date | None

    @property
    def computed_minor(self) -> int | None:
        """Opening balance and movement."""
        return None if self.opening_minor is None else self.opening_minor + self.movement_minor


def sort_entries(entries: pl.DataFrame) -> pl.DataFrame:
    """Sort ledger entries by day and time; a payout is the last entry of its time."""
    return (
        entries.with_columns(_rank=pl.col("entry_type").is_in(PAYOUT_TYPES).cast(pl.Int8))
        .sort(
            *("ledger_id", "currency", "ledger_date", "entry_at", "_rank"),
            *("source_file", "source_row", "psp_reference", "entry_type", "amount_minor"),
            *("balance_before_minor", "balance_after_minor", "reference", "msn", "topic"),
            nulls_last=True,
        )
        .drop("_rank")
    )


def read_balances(entries: pl.DataFrame, at: date) -> list[LedgerBalance]:
    """Return the balance of each ledger at the end of a day.

    Args:
        entries: Entries of one topic, `schemas.LEDGER_ENTRIES`.
        at: The day. A ledger whose first entry is later has that entry's opening balance.
    """
    balances = []
    for ledger in sort_entries(entries).partition_by(LEDGER, maintain_order=True):
        until = ledger.filter(pl.col("ledger_date") <= at)
        opening = _read_end(_first_day(ledger), first=True)
        movement = int(until["amount_minor"].sum())
        stated = _read_end(_last_day(until), first=False) if until.height else opening
        balances.append(
            LedgerBalance(
                ledger["ledger_id"][0],
                ledger["currency"][0],
                str(ledger["msn"].min()),
                opening,
                movement,
                stated,
                _find_proof(until, opening, movement, stated),
                until["ledger_date"].max() if until.height else None,  # type: ignore[arg-type]
            )
        )
    return balances


def _first_day(ledger: pl.DataFrame) -> pl.DataFrame:
    return ledger.filter(pl.col("ledger_date") == pl.col("ledger_date").min())


def _last_day(ledger: pl.DataFrame) -> pl.DataFrame:
    return ledger.filter(pl.col("ledger_date") == pl.col("ledger_date").max())


def _read_end(day: pl.DataFrame, *, first: bool) -> int | None:
    """Return the first or the last balance of a day."""
    stated = day.filter(
        pl.col("balance_before_minor").is_not_null(), pl.col("balance_after_minor").is_not_null()
    )
    if stated.height == 0:
        return None
    before, after = (
        stated["balance_before_minor"].to_list(),
        stated["balance_after_minor"].to_list(),
    )
    ends = _subtract(before, after) if first else _subtract(after, before)
    if len(ends) == 1:
        return ends[0]
    last = stated.filter(pl.col("entry_type").is_in(_LAST_TYPES[stated["topic"][0]]))
    if not ends and last.height:
        # The day ends at the balance it began with, and this entry is its last.
        return int(last["balance_after_minor"][-1])
    # Nothing tells where the day begins, or its chain is broken: its sorted order decides.
    return int(before[0] if first else after[-1])


def _subtract(values: Iterable[int], others: Iterable[int]) -> list[int]:
    return list((Counter(values) - Counter(others)).elements())


def _find_proof(until: pl.DataFrame, opening: int | None, movement: int, stated: int | None) -> str:
    if stated is None or opening is None:
        return "unknown"
    if until.height == 0:
        return "computed"
    step = pl.col("balance_before_minor") + pl.col("amount_minor") - pl.col("balance_after_minor")
    broken = until.select((step != 0).any()).item()
    return "contradicted" if broken or opening + movement != stated else "proven"
