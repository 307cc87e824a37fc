"""Follow the refunds of a run from the shop to the payout, by what the comparison found of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from vippsrecon.closing import age_refunds

if TYPE_CHECKING:
    from vippsrecon.reconciliation import Reconciliation

_OWED = ("refund_missing_at_vipps", "refund_failed")
_PENDING = "timing_refund_pending"
_PAYMENT = ["msn", "reference"]


def follow_refunds(result: Reconciliation, at: date, *, is_fetched: bool) -> pl.DataFrame:
    """Return the stage and the age of each refund at the end of a day.

    A refund is promised where the comparison found that it is owed or pending. What the shop calls
    refunded is more than that: orders paid another way, or refunded before they were captured.

    Args:
        result: What was compared, with a ledger.
        at: The last day that counts.
        is_fetched: Whether the events are those of the payments; else they were made of the ledger.

    Returns:
        `schemas.REFUND_AGEING`.
    """
    read = result.polars_frame
    return age_refunds(
        at,
        orders=_list_promises(result),
        events=read("events") if is_fetched else None,
        ledger_entries=read("ledger_entries"),
        payouts=read("payouts"),
    )


def _list_promises(result: Reconciliation) -> pl.DataFrame:
    """Return the orders with the refund that is due of each, 0 where none is."""
    read = result.polars_frame
    due = (
        read("discrepancies")
        .filter(pl.col("kind").is_in(_OWED), pl.col("reference").is_not_null())
        .group_by(_PAYMENT)
        .agg(due=pl.col("expected_minor").max())
    )
    pending = (
        read("buckets")
        .filter(pl.col("side") == "orders", pl.col("kind") == _PENDING)
        .select("row_key", is_pending=pl.lit(value=True))
        .unique()
    )
    return (
        read("orders")
        .with_columns(row_key=pl.format("{}:{}", "source_file", "source_row"))
        .join(due, on=_PAYMENT, how="left", maintain_order="left")
        .join(pending, on="row_key", how="left", maintain_order="left")
        .with_columns(
            refunded_minor=pl.when("is_pending")
            .then("refunded_minor")
            .otherwise(pl.col("due").fill_null(0))
        )
        .drop("row_key", "due", "is_pending")
    )
