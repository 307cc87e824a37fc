"""Sum the open items by status, per currency."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from vippsrecon.schemas import ITEM_STATUSES

LEFT_TOTALS = ("waived", "closed_by_evidence")
"""Statuses of items that are listed and no longer in the totals of what is open."""


@dataclass(frozen=True)
class ItemTotals:
    """The open items of one currency and status. Minor units.

    Attributes:
        at_risk_minor: Money at risk when a run last reported them; 0 for what left the totals.
        left_minor: The same, for what left the totals: waived, or closed by this run.
        unknown_rows: Rows of which no run reported an amount.
        oldest_days: Age of the oldest; None if no age is known.
    """

    currency: str
    status: str
    rows: int
    at_risk_minor: int
    left_minor: int
    unknown_rows: int
    oldest_days: int | None


def compute_item_totals(open_items: pl.DataFrame) -> tuple[ItemTotals, ...]:
    """Return each status of each currency with open items, in the order of `ITEM_STATUSES`.

    Args:
        open_items: `schemas.OPEN_ITEMS`.
    """
    totals = []
    for currency in sorted(open_items["currency"].unique().drop_nulls()):
        for status in ITEM_STATUSES:
            rows = open_items.filter(currency=currency, status=status)
            minor = int(rows["at_risk_minor"].sum())
            left = status in LEFT_TOTALS
            ages = rows["age_days"].drop_nulls().sort()
            totals.append(
                ItemTotals(
                    currency,
                    status,
                    rows.height,
                    0 if left else minor,
                    minor if left else 0,
                    rows["at_risk_minor"].null_count(),
                    ages[-1] if len(ages) else None,
                )
            )
    return tuple(totals)


def select_items_with_history(
    open_items: pl.DataFrame, discrepancies: pl.DataFrame
) -> pl.DataFrame:
    """Return all items if one of them tells more than *Discrepancies*, else none.

    Items tell more if an earlier run reported one, somebody works on it, or it is waived or closed.

    Args:
        open_items: `schemas.OPEN_ITEMS`.
        discrepancies: `schemas.DISCREPANCIES` of the same run.
    """
    reported = pl.col("discrepancy_id").is_in(discrepancies["discrepancy_id"].implode())
    is_new = pl.col("status").eq("open") & pl.col("age_days").eq(0) & reported
    return open_items.clear() if open_items.select(is_new.all()).item() else open_items
